"""`mq group reset`: move a group's offsets, after a preview."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mq.cli.context import Context, current_context
from mq.cli.output import Column, row_document
from mq.commands.group.offsets_file import free_path, offset_lines, read_offsets, write_offsets
from store.model.addresses import check_name, parse_address
from store.model.errors import BadInput, NotFound
from store.model.groups import OffsetChange
from store.model.positions import Position, parse_position
from store.model.text import parse_duration

if TYPE_CHECKING:
    from store.engine.broker import Broker
    from store.engine.groups import Groups
    from store.model.positions import Scope, Target


Topics = Annotated[
    list[str] | None,
    typer.Option("--topic", metavar="T[/P,…]", help="A topic or some of its partitions."),
]
AllTopics = Annotated[bool, typer.Option("--all-topics", help="All topics of the group.")]
To = Annotated[
    str | None,
    typer.Option(metavar="WORD", help="earliest, latest, last, committed, N, -N or a time."),
]
By = Annotated[
    str | None,
    typer.Option(metavar="DURATION", help="To the first record of the last 2h, for example."),
]
ShiftBy = Annotated[
    int | None,
    typer.Option("--shift", metavar="±N", help="Offsets forward, or back when negative."),
]
FromFile = Annotated[
    str | None,
    typer.Option(metavar="F.csv", help="File of offsets: topic,partition,offset; - is stdin."),
]
Apply = Annotated[bool, typer.Option("--apply", help="The change itself, not only a preview.")]
Export = Annotated[
    bool, typer.Option("--export", help="New offsets as such a file, without a change.")
]
Force = Annotated[
    bool, typer.Option("--force", help="Fencing of live members instead of a refusal.")
]
UndoFile = Annotated[
    str | None,
    typer.Option(metavar="PATH", help="File that takes the reset back."),
]


def reset(
    name: Annotated[str, typer.Argument(metavar="NAME")],
    topics: Topics = None,
    all_topics: AllTopics = False,
    to: To = None,
    shift: ShiftBy = None,
    by: By = None,
    from_file: FromFile = None,
    apply: Apply = False,
    export: Export = False,
    force: Force = False,
    undo_file: UndoFile = None,
) -> None:
    """Show where a group would go on reading, and with --apply move it there.

    Offsets are clamped to the log. --apply first writes the present offsets to a file in the
    working folder, and names it; nothing is changed if that file can't be written.
    """
    forms = {"--to": to, "--shift": shift, "--by": by, "--from-file": from_file}
    _check_forms(forms, topics, all_topics)
    if export and apply:
        raise BadInput("--export changes nothing, --apply does", hint="give one of them")
    check_name(name, "group name")
    context = current_context()
    scope = None if all_topics or from_file is not None else _scope(topics or [])
    with context.open_store() as store:
        target = _target(store, name, to, shift, by, from_file)
        _note_new_group(context, store, name)
        undo = _undo_path(store, name, undo_file) if apply else None
        if undo is None:
            changes = store.plan_reset(name, target, scope)
        else:
            changes = _apply(store, name, target, scope, force, undo)
    if export:
        _export(context, changes)
    else:
        warn_of_clamping(context, changes)
        _show(context, name, changes, undo)


def _note_new_group(context: Context, store: Groups, name: str) -> None:
    """Warn that the group is new: a reset creates it, which a slip of the name may not mean."""
    try:
        store.group(name)
    except NotFound as unknown:
        context.diagnostics.note(f"{unknown.message}; {unknown.shell_hint}")


def _check_forms(forms: dict[str, Any], topics: list[str] | None, all_topics: bool) -> None:
    given = [form for form, value in forms.items() if value is not None]
    if len(given) != 1:
        what = "no place to go to" if not given else f"{' and '.join(given)} together"
        raise BadInput(f"{what}: a reset takes exactly one", hint="one of " + ", ".join(forms))
    scopes = bool(topics) + all_topics
    if given == ["--from-file"]:
        if scopes:
            raise BadInput("--from-file says itself which partitions", hint="leave out --topic")
    elif scopes != 1:
        what = "both --topic and --all-topics" if scopes else "neither --topic nor --all-topics"
        raise BadInput(f"{what}: a reset takes one of them", hint="--topic orders, or orders/0,1")


def _scope(topics: list[str]) -> Scope:
    """Return topics and partitions as given: `orders`, `orders/0,2`."""
    scope: Scope = []
    for text in topics:
        name, slash, partitions = text.partition("/")
        for part in partitions.split(","):
            address = parse_address(f"{name}{slash}{part}")
            if address.offset is not None:
                raise BadInput(f"--topic {text!r} names a record", hint="--topic orders/0,1")
            scope.append((address.name, address.partition))
    return scope


def _target(
    store: Broker, group: str, to: str | None, shift: int | None, by: str | None, file: str | None
) -> Target:
    from store import Shift

    now = store.wall()
    if to is not None:
        return parse_position(to, now)
    if shift is not None:
        return Shift(shift)
    if by is not None:
        return Position("came", max(0, now - parse_duration(by)))
    return read_offsets(Path(file or ""), group)


def _apply(
    store: Groups, name: str, target: Target, scope: Scope | None, force: bool, undo: Path
) -> list[OffsetChange]:
    def write_undo(changes: list[OffsetChange]) -> None:
        before = [((c.topic, c.partition), c.current) for c in changes]
        write_offsets(undo, offset_lines(before))

    # Before they are stored, so that the file has the offsets at the moment of the reset.
    return store.reset_group(name, target, scope, force=force, note=write_undo)


def _undo_path(store: Broker, group: str, given: str | None) -> Path:
    if given is not None:
        return Path(given)
    now = datetime.fromtimestamp(store.wall() / 1000, UTC)
    return free_path(f"{group}.reset-{now:%Y%m%dT%H%M%S}")


def _export(context: Context, changes: list[OffsetChange]) -> None:
    text = offset_lines(((c.topic, c.partition), c.new) for c in changes)
    for line in text.splitlines():
        context.output.text(line)


def warn_of_clamping(context: Context, changes: list[OffsetChange]) -> None:
    """Say which offsets were outside the log."""
    clamped = [f"{c.topic}/{c.partition} at {c.new}" for c in changes if c.clamped]
    if clamped:
        more = f" and {len(clamped) - 3} more" if len(clamped) > 3 else ""
        context.diagnostics.warning(
            f"outside the log and moved to its edge: {', '.join(clamped[:3])}{more}"
        )


CHANGES: list[Column[OffsetChange]] = [
    Column("topic", lambda change: change.topic),
    Column("partition", lambda change: change.partition, right=True),
    Column("current", lambda change: change.current, right=True),
    Column("new", lambda change: change.new, right=True),
    Column("change", lambda change: change.change, right=True),
    Column("effect", lambda change: _effect(change)),
]


def _effect(change: OffsetChange) -> str:
    """Return the effect for a reader: `repeats 120`, `skips 30`, `none`, or `forgets` the
    commit.
    """
    if change.new is None:
        return "none" if change.current is None else "forgets"
    current = change.start if change.current is None else change.current
    # Records that retention has removed can be neither repeated nor skipped.
    moved = change.new - min(max(current, change.start), change.end)
    if moved == 0:
        return "none"
    return f"skips {moved}" if moved > 0 else f"repeats {-moved}"


def _show(context: Context, group: str, changes: list[OffsetChange], undo: Path | None) -> None:
    # A plan without rows writes no file.
    written = str(undo) if undo is not None and changes else None
    if context.output.is_json:
        rows = [row_document(CHANGES, change) for change in changes]
        document = {"group": group, "applied": undo is not None, "undo_file": written}
        context.output.document({**document, "changes": rows})
    else:
        context.output.listing(CHANGES, changes)
    if not changes:
        context.diagnostics.note(f"group {group} has no place in any topic; nothing to reset")
    elif written is None:
        context.diagnostics.note("nothing was changed; --apply does it")
    else:
        context.diagnostics.note(
            f"to take it back: mq group reset {group} --from-file {quote(written)} --apply"
        )
