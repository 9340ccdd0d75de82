"""`mq dlq export` and `mq dlq import`: dead letters out of a store and back, as they were."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mq.cli.context import Context, current_context
from mq.cli.diagnostics import SilentProgress
from mq.cli.reporting import report_document
from mq.text.conditions import parse_message_conditions
from mq.text.envelope_inputs import parse_letter
from mq.text.envelopes import MESSAGE
from mq.text.listing import DamageWatch
from mq.write.inputs import opened
from store.engine.features import Feature
from store.model.clock import FAR_AHEAD
from store.model.errors import BadInput, BadRecord
from store.model.messages import Message
from store.model.text import counted, without_mark

if TYPE_CHECKING:
    from store.engine.dead_letters import DeadLetters

_PAGE = 500
_MOST_NAMED = 10


def export_letters(
    queue: Annotated[str, typer.Argument(metavar="QUEUE", help="A DLQ, or a queue that has one.")],
    where: Annotated[
        list[str] | None,
        typer.Option(metavar="'FIELD OP VALUE'", help="Condition; repeatable (and)."),
    ] = None,
) -> None:
    """Write dead letters as lines of JSON, the oldest first; nothing is leased or removed.

    mq dlq import reads them: bytes, headers and their types, id, first time, reason and history
    come back as they were. It is always NDJSON, whatever -o says. Damaged letters are left out;
    then the exit code is 7.
    """
    context = current_context()
    with context.open_store() as store:
        source = store.dead_letter_queue(queue)
        choice = parse_message_conditions(where or [], store.wall())
        watch = DamageWatch()
        with context.diagnostics.progress(
            f"export {source}", shown=context.output.is_in_file
        ) as progress:
            if progress.is_shown and not store.features.lacks(Feature.QUEUES):
                progress.at(0, store.queue(source).messages)
            for letter in watch.over(filter(choice, _counted(_letters(store, source), progress))):
                if letter.damaged is None:
                    context.output.json_line(_document(letter))
    watch.check()


def _document(letter: Message) -> dict[str, Any]:
    """Return a letter's envelope with the priority that it was sent with."""
    assert letter.dead is not None
    return MESSAGE.document(letter) | {"priority": letter.dead.priority}


def _counted(letters: Iterator[Message], progress: SilentProgress) -> Iterator[Message]:
    for letter in letters:
        yield letter
        progress.advance(1)


def _letters(store: DeadLetters, queue: str) -> Iterator[Message]:
    after = -1
    while page := store.dead_letters(queue, limit=_PAGE, after=after):
        yield from page
        after = page[-1].sequence


def import_letters(
    queue: Annotated[str, typer.Argument(metavar="QUEUE", help="A DLQ, or a queue that has one.")],
    file: Annotated[
        str | None,
        typer.Argument(metavar="[FILE]", help="Output of mq dlq export (stdin)."),
    ] = None,
) -> None:
    """Bring exported dead letters back, all of them or none.

    A bad line is named by its number. Letters that the store has already, in any queue, are passed
    over and counted. Their retention begins anew. A queue's limits hold as for new messages: one
    that rejects takes all or none (5), from another one the excess leaves.
    """
    context = current_context()
    numbers, letters = _read(file)
    with context.open_store() as store:
        target = store.dead_letter_queue(queue)
        before = store.queue(target)
        try:
            with context.diagnostics.progress(f"import into {target}") as progress:
                stored = store.restore_dead_letters(queue, letters, progress=progress.at)
        except BadRecord as error:
            raise BadInput(f"line {numbers[error.index]}: {error.message}", error.hint) from None
        after = store.queue(target)
        _warn_of_the_future(context, stored, store.wall())
    gone = before.messages + len(stored) - after.messages
    if stored and gone > 0:
        context.diagnostics.warning(
            f"{counted(gone, 'message')} went out of {target}, which is over its limits"
            f" ({after.config.overflow})"
        )
    present = len(letters) - len(stored)
    if present:
        context.diagnostics.note(f"{counted(present, 'dead letter')} passed over: there already")
    report_document(
        context,
        {"queue": target, "imported": len(stored), "present": present},
        f"{counted(len(stored), 'dead letter')} imported into {target}",
    )


def _warn_of_the_future(context: Context, letters: Sequence[Message], now: int) -> None:
    ahead = sum(letter.timestamp > now + FAR_AHEAD for letter in letters)
    if ahead:
        context.diagnostics.warning(
            f"{counted(ahead, 'dead letter')} with a time in the future; they age from now on"
        )


def _read(file: str | None) -> tuple[list[int], list[Message]]:
    """Return the letters of a file and their line numbers; raises BadInput for bad lines."""
    numbers: list[int] = []
    letters: list[Message] = []
    bad: list[tuple[str, str]] = []
    with opened(file) as stream:
        lines = stream.read().split(b"\n")
    for number, line in enumerate(map(without_mark, lines), 1):
        if not line.strip():
            continue
        try:
            letters.append(parse_letter(line))
            numbers.append(number)
        except BadInput as error:
            bad.append((f"line {number}: {error.message}", error.hint))
    if bad:
        raise _bad_lines(bad)
    return numbers, letters


def _bad_lines(bad: list[tuple[str, str]]) -> BadInput:
    named = "; ".join(text for text, _ in bad[:_MOST_NAMED])
    more = f"; and {len(bad) - _MOST_NAMED:,} more" if len(bad) > _MOST_NAMED else ""
    hint = bad[0][1] if len(bad) == 1 and bad[0][1] else "nothing was imported"
    return BadInput(named + more, hint=hint)
