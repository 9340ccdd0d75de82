"""`mq dlq edit`: mend the value of a dead letter before it goes back."""

from __future__ import annotations

import os
import shlex
import subprocess
from difflib import unified_diff
from pathlib import Path
from tempfile import mkdtemp
from typing import Annotated

import typer

from mq.cli.context import Context, current_context, is_typed
from mq.cli.reporting import report_document
from mq.write.inputs import opened
from store import model
from store.engine.features import Feature
from store.model.addresses import parse_address
from store.model.errors import BadInput, Conflict, Hint, MqError
from store.model.messages import Message


def edit(
    address: Annotated[str, typer.Argument(metavar="QUEUE@SEQ", help="The dead letter.")],
    value: Annotated[
        str | None,
        typer.Option("--value", metavar="TEXT", help="The new value."),
    ] = None,
    file: Annotated[
        str | None,
        typer.Option("-f", "--file", metavar="FILE", help="The new value from a file; - is stdin."),
    ] = None,
) -> None:
    """Change the value of a dead letter in $VISUAL or $EDITOR, or to the given one.

    It stays a dead letter, with its id, reason and history: mq dlq redrive sends it, mq dlq undo
    restores the old value. On a terminal the difference is shown, and asked about. A leased letter,
    or one that was changed meanwhile, is refused with 4.

    A newline that an editor adds at the very end is taken off again.
    """
    context = current_context()
    place = parse_address(address)
    if place.offset is None or place.partition is not None:
        raise BadInput(f"{address} is not a message", hint="name it like emails.dlq@12")
    if value is not None and file is not None:
        raise BadInput("the new value comes from one place", hint="give --value or --file")
    with context.open_store() as store:
        store.features.need(Feature.DLQ_EDIT)
        letter = store.message(place.name, place.offset)
        if letter.dead is None:
            raise BadInput(
                f"{address} is not a dead letter",
                hint=Hint("{}", model.looks.ShowDeadLetters(place.name)),
            )
        if letter.state == "leased":
            raise Conflict(
                f"{address} is leased", hint=Hint("{} shows by whom", model.looks.ShowLeases())
            )
        path, new = _new_value(letter, value, file)
        if new == letter.value:
            _remove(path)
            context.diagnostics.note(f"{address}: nothing was changed")
            return
        try:
            _ask(context, letter, new)
            done = store.edit_dead_letter(place.name, place.offset, new, before=letter.value)
        except MqError as error:
            if path is None:
                raise
            kept = f"your text is kept: mq dlq edit {address} --file {shlex.quote(str(path))}"
            raise type(error)(error.message, kept) from None
    _remove(path)
    report_document(
        context, {"batch": done.batch, "id": letter.id, "address": address},
        f"{address} edited; undo with: mq dlq undo {done.batch}",
    )  # fmt: skip


def _new_value(
    letter: Message, value: str | None, file: str | None
) -> tuple[Path | None, bytes | None]:
    """Return the new value, and the file that an editor left it in."""
    if value is not None:
        return None, os.fsencode(value)
    if file is not None:
        with opened(file) as stream:
            return None, stream.read()
    return _edited(letter)


def _edited(letter: Message) -> tuple[Path, bytes | None]:
    command = os.environ.get("VISUAL") or os.environ.get("EDITOR")
    if not command:
        raise BadInput("no editor is set", hint="set $EDITOR, or give --value or --file")
    before = letter.value or b""
    if not _is_text(before):
        raise BadInput(
            f"the value of {letter.address} is binary",
            hint=f"write it with mq dlq export, and bring it back with mq dlq edit {letter.address}"
            " --file FILE",
        )
    path = Path(mkdtemp(prefix="mq-edit-"), letter.address)
    path.write_bytes(before)
    try:
        status = subprocess.run([*shlex.split(command), str(path)]).returncode
    except OSError as error:
        raise BadInput(f"the editor {command!r} can't be run: {error.strerror}") from None
    if status:
        raise MqError(f"the editor ended with {status}; nothing was changed", hint=f"see {path}")
    after = path.read_bytes()
    if after.endswith(b"\n") and not before.endswith(b"\n"):
        after = after[:-1]
    # An editor can't tell an empty value from none.
    return path, letter.value if after == before else after


def _remove(path: Path | None) -> None:
    if path is not None:
        path.unlink()
        path.parent.rmdir()


def _is_text(value: bytes) -> bool:
    try:
        return all(char.isprintable() or char in "\t\r\n" for char in value.decode())
    except UnicodeDecodeError:
        return False


def _ask(context: Context, letter: Message, new: bytes | None) -> None:
    """Show a person the difference, and ask; a script that gives no answer agrees."""
    if context.yes or context.no_input:
        return
    if not (is_typed() and context.diagnostics.is_terminal):
        return
    old, after = ((value or b"").decode(errors="backslashreplace") for value in (letter.value, new))
    for line in unified_diff(old.splitlines(), after.splitlines(), "before", "after", lineterm=""):
        context.diagnostics.relay(line)
    context.confirm(f"This changes {letter.address}.")
