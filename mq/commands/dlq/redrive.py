"""`mq dlq redrive` and `mq dlq undo`: dead letters back to their queues, and back again."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from mq.cli.context import Context, current_context
from mq.cli.interrupts import Interrupts
from mq.cli.output import Column, row_document
from mq.cli.reporting import DryRun
from mq.commands.dlq.choice import Choice, Ids, Where
from mq.work import redrive_task
from mq.work.redrive_pacing import PacedRedrive, parse_rate
from store.engine.features import Feature
from store.model.dead_letters import Moved, Redrive, cut_short
from store.model.errors import MqError
from store.model.text import counted, parse_duration

if TYPE_CHECKING:
    from store.engine.broker import Broker
    from store.engine.dead_letters import RedriveTask

MOVED: list[Column[Moved]] = [
    Column("id", lambda moved: moved.id),
    Column("source", lambda moved: moved.source),
    Column("target", lambda moved: moved.target),
]


def redrive(
    queue: Annotated[str, typer.Argument(metavar="QUEUE", help="A DLQ, or a queue that has one.")],
    to: Annotated[
        str | None,
        typer.Option(metavar="DEST", help="Target queue (each letter's own source)."),
    ] = None,
    number: Annotated[
        int | None, typer.Option("-n", min=1, metavar="N", help="Only the N oldest of them.")
    ] = None,
    ids: Ids = None,
    where: Where = None,
    rate: Annotated[
        str | None,
        typer.Option(metavar="N/s", help="Most letters a second (/m, /h), each step committed."),
    ] = None,
    canary: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="Letters to try first; the others once those succeeded.",
        ),
    ] = None,
    canary_timeout: Annotated[
        str, typer.Option(metavar="DURATION", help="Longest wait for canaries; then exit 5.")
    ] = "5m",
    dry_run: DryRun = False,
) -> None:
    """Move dead letters back to their queues, by default all of them.

    They keep id, first time and headers; their delivery count and their retention start again. mq
    dlq undo takes it back. Leased dead letters stay. Up to 500, or 4 MiB, it is all of them or
    none. More, and with --rate and --canary, move step by step, as one batch for undo: other
    writers wait for no more than a step, and Ctrl-C stops between two.

    A canary that becomes a dead letter again ends the redrive with 1.
    """
    context = current_context()
    pace = None if rate is None else parse_rate(rate)
    timeout = parse_duration(canary_timeout) / 1000
    with context.open_store() as store:
        if canary:
            # A canary is followed until it is done with.
            store.features.need(Feature.DLQ_UNDO)
        choice = Choice(store, ids, where)
        with choice.shown(context.diagnostics, queue):
            is_choosing = bool(ids or where)
            planned = store.redrive_preview(queue, to, choice if is_choosing else None, number)
        choice.check(queue, [moved.id for moved in planned.moved])
        if dry_run:
            _report(context, planned)
            _sum_up(context, planned, dry_run=True)
        else:
            _redrive(context, store, queue, to, planned.moved, pace, canary or 0, timeout)


def _redrive(
    context: Context, store: Broker, queue: str, to: str | None, planned: Sequence[Moved],
    rate: float | None, canaries: int, timeout: float,
) -> None:  # fmt: skip
    with Interrupts(signal.SIGINT, signal.SIGTERM) as interrupts:
        interrupts.hold()
        name = store.dead_letter_queue(queue)
        if (task := store.begin_redrive(name, to, rate)) is not None:
            _follow(context, store, name, task, interrupts)
            return
        run = PacedRedrive(store, name, to, interrupts, context.diagnostics)
        try:
            run.try_out(planned[:canaries], timeout)
            run.move(planned[canaries:], rate)
        except (MqError, KeyboardInterrupt) as stopped:
            done = Redrive(run.batch, run.moved)
            _report(context, done)
            raise _with_way_out(context, stopped, done, len(planned)) from None
    _report(context, Redrive(run.batch, run.moved))
    _sum_up(context, Redrive(run.batch, run.moved))


def _follow(
    context: Context, store: Broker, queue: str, task: RedriveTask, interrupts: Interrupts
) -> None:
    """Follow a redrive that the engine carries out by itself, and does not tell the letters of."""
    progress = redrive_task.follow(store, queue, task, interrupts, context.diagnostics)
    if context.output.is_json:
        context.output.json_line({"batch": None, "moved": None, "count": progress.moved})
    moved = counted(progress.moved, "dead letter")
    if interrupts.received is not None:
        context.diagnostics.note(f"stopped: {moved} moved; go on with: the same command again")
        raise KeyboardInterrupt
    context.diagnostics.success(f"{moved} moved")


def _with_way_out(
    context: Context, stopped: MqError | KeyboardInterrupt, done: Redrive, planned: int
) -> BaseException:
    """Add the progress to an error, and how to take the redrive back or go on."""
    if isinstance(stopped, MqError):
        return cut_short(stopped, done, planned) if done.moved else stopped
    context.diagnostics.note(
        f"stopped: {len(done.moved):,} of {counted(planned, 'dead letter')} moved"
    )
    if done.moved:
        context.diagnostics.note(
            f"undo with: mq dlq undo {done.batch}; go on with: the same command again"
        )
    return stopped


def _sum_up(context: Context, done: Redrive, *, dry_run: bool = False) -> None:
    told = f"{'would be ' if dry_run else ''}moved"
    context.diagnostics.success(f"{counted(len(done.moved), 'dead letter')} {told}")
    if done.moved and done.batch is not None:
        context.diagnostics.success(f"undo with: mq dlq undo {done.batch}")


def undo(
    batch: Annotated[
        int | None,
        typer.Argument(metavar="[BATCH]", help="Number of the redrive or edit (the last)."),
    ] = None,
) -> None:
    """Take a redrive or an edit back: messages that are still there and not leased.

    Each is a dead letter again as it was, with its id, value, reason and history.
    """
    context = current_context()
    with context.open_store() as store, context.diagnostics.progress("undo") as progress:
        done = store.undo_redrive(batch, progress=progress.at)
    _report(context, done)
    told = f"batch {done.batch} undone: {counted(len(done.moved), 'message')} as before"
    context.diagnostics.success(told)


def _report(context: Context, done: Redrive) -> None:
    if context.output.is_json:
        moved = [row_document(MOVED, one) for one in done.moved]
        context.output.json_line({"batch": done.batch if moved else None, "moved": moved})
    else:
        context.output.listing(MOVED, done.moved)
