"""`mq dlq redrive` and `mq dlq undo`: dead letters back to their queues, and back again."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from mq.commands.reporting import DryRun, count
from mq.conditions import parse_message_conditions
from mq.context import Context, current_context
from mq.output import Column
from store.delivery.redrive import Redrive
from store.errors import NotFound
from store.messages import Message, Moved

if TYPE_CHECKING:
    from store import Store

MOVED: list[Column[Moved]] = [
    Column("id", lambda moved: moved.id),
    Column("source", lambda moved: moved.source),
    Column("target", lambda moved: moved.target),
]


class _Choice:
    """Which dead letters were asked for: by id, if ids were given, and by conditions."""

    def __init__(self, store: Store, ids: Sequence[str], where: Sequence[str]) -> None:
        self._ids = {id.lower() for id in ids}
        self._holds = parse_message_conditions(where, store.clock.wall())

    def __call__(self, letter: Message) -> bool:
        return (not self._ids or letter.id in self._ids) and self._holds(letter)

    def check(self, queue: str, redrive: Redrive) -> None:
        """Raise NotFound for an id that no dead letter has."""
        missing = sorted(self._ids - {moved.id for moved in redrive.moved})
        if missing:
            raise NotFound(
                f"no dead letter {missing[0]} can be moved from {queue}",
                hint=f"mq dlq peek {queue} -o ndjson shows the ids, and what is leased",
            )


def redrive(
    queue: Annotated[
        str, typer.Argument(metavar="QUEUE", help="A DLQ; a queue that has one stands for it.")
    ],
    to: Annotated[
        str | None,
        typer.Option(metavar="DEST", help="To this queue; else each to where it came from."),
    ] = None,
    number: Annotated[
        int | None, typer.Option("-n", min=1, metavar="N", help="Only the N oldest of them.")
    ] = None,
    ids: Annotated[
        list[str] | None, typer.Option("--id", metavar="ID", help="Only this one; repeatable.")
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(metavar="'FIELD OP VALUE'", help="Only these; repeatable (and)."),
    ] = None,
    dry_run: DryRun = False,
) -> None:
    """Move dead letters back to their queues, all of them unless told otherwise, or none.

    They keep id, first time and headers, and their delivery count starts again. mq dlq undo takes
    it back. Dead letters that somebody has leased stay.
    """
    context = current_context()
    with context.open_store() as store:
        choice = _Choice(store, ids or [], where or [])
        if dry_run:
            done = store.redrive_preview(queue, to, choice, number)
            choice.check(queue, done)
        else:
            # Nothing in here waits for anybody, so the transaction needs no deadline.
            with store.transaction(timeout=math.inf) as tx:
                done = tx.redrive(queue, to, choice, number)
                choice.check(queue, done)
    _report(context, done)
    told = f"{'would be ' if dry_run else ''}moved"
    context.diagnostics.success(f"{count(len(done.moved), 'dead letter')} {told}")
    if done.moved and done.batch is not None:
        context.diagnostics.success(f"undo with: mq dlq undo {done.batch}")


def undo(
    batch: Annotated[
        int | None,
        typer.Argument(metavar="[BATCH]", help="The number that redrive told; else the last one."),
    ] = None,
) -> None:
    """Take a redrive back: what is still there and in nobody's hands is a dead letter again."""
    context = current_context()
    with context.open_store() as store:
        done = store.undo_redrive(batch)
    _report(context, done)
    told = f"redrive {done.batch} undone: {count(len(done.moved), 'message')} moved back"
    context.diagnostics.success(told)


def _report(context: Context, done: Redrive) -> None:
    if context.output.is_json:
        moved = [{column.name: column.value(one) for column in MOVED} for one in done.moved]
        context.output.json_line({"batch": done.batch if moved else None, "moved": moved})
    else:
        context.output.listing(MOVED, done.moved)
