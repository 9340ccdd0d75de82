"""`mq dlq purge`: dead letters removed for good, all of a queue or some."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mq.cli.context import Context, current_context
from mq.cli.output import Column
from mq.cli.reporting import DryRun, report_done
from mq.commands.dlq.choice import Choice, Ids, Where
from store.engine.features import Feature
from store.model.addresses import EXCHANGE_PREFIX
from store.model.errors import BadInput
from store.model.text import counted

if TYPE_CHECKING:
    from store.engine.broker import Broker
    from store.engine.dead_letters import DeadLetters
    from store.engine.queues import Queues

PURGED: list[Column[tuple[str, int]]] = [
    Column("name", lambda row: row[0], weight=2),
    Column("removed", lambda row: row[1], right=True),
]


def purge(
    queue: Annotated[str, typer.Argument(metavar="QUEUE", help="The DLQ itself.")],
    ids: Ids = None,
    where: Where = None,
    dry_run: DryRun = False,
) -> None:
    """Remove dead letters for good: every message of a DLQ, or those that --id and --where name.

    Off a terminal it needs --yes. Here a queue does not stand for its DLQ. Leased letters stay when
    they are named.
    """
    context = current_context()
    with context.open_store() as store:
        store.features.need(Feature.DLQ_CHOICE if ids or where else Feature.PURGE)
        letters = _dead_letters_in(store, queue)
        if ids or where:
            noun = "dead letter"
            removed = _purge_some(context, store, queue, Choice(store, ids, where), dry_run)
        else:
            noun = "message"
            removed = _purge_all(context, store, queue, letters, dry_run)
    if dry_run:
        context.output.listing(PURGED, [(queue, removed)])
    else:
        told = f"removed {counted(removed, noun)} of {queue}"
        report_done(context, PURGED, [(queue, removed)], told)


def _purge_all(context: Context, store: Queues, queue: str, letters: int, dry_run: bool) -> int:
    status = store.queue(queue)
    if dry_run:
        return status.messages
    messages = counted(status.messages, "message")
    context.confirm(f"This removes {messages} of {queue}, {letters:,} of them dead letters.")
    return store.purge_queue(queue)


def _purge_some(
    context: Context, store: DeadLetters, queue: str, choice: Choice, dry_run: bool
) -> int:
    with choice.shown(context.diagnostics, queue):
        found = store.chosen_dead_letters(queue, choice)
    choice.check(queue, [letter.id for letter in found])
    if dry_run or not found:
        return len(found)
    context.confirm(f"This removes {counted(len(found), 'dead letter')} of {queue}.")
    # Remove the letters that were agreed to, and not ones that died alike meanwhile.
    with context.diagnostics.progress(f"purge {queue}") as progress:
        return len(store.remove_dead_letters(queue, found, progress=progress.at))


def _dead_letters_in(store: Broker, queue: str) -> int:
    dlq = store.queue_config(queue).dlq
    for found in store.dead_letter_queues():
        if found.name == queue:
            return found.dead_letters
    if dlq is None:
        hint = f"mq queue purge {queue}"
    elif dlq.startswith(EXCHANGE_PREFIX):
        hint = "its dead letters may go to several queues: mq dlq list"
    else:
        hint = f"its DLQ is {dlq}: mq dlq purge {dlq}"
    raise BadInput(f"{queue} is no queue's DLQ and holds no dead letters", hint=hint)
