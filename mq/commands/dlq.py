"""`mq dlq`: look at dead letters, and remove them; what else is done with them stands beside."""

from __future__ import annotations

from itertools import islice
from typing import Annotated

import typer

from mq.commands import CommandGroup
from mq.commands.letter_edit import edit
from mq.commands.letter_files import export_letters, import_letters
from mq.commands.redrive import redrive, undo
from mq.commands.reporting import DryRun, count, report_done
from mq.conditions import parse_message_conditions
from mq.context import current_context
from mq.message_records import DEAD_LETTER_COLUMNS, show_messages
from mq.output import Column
from store.addresses import EXCHANGE_PREFIX
from store.delivery.letter_groups import Field
from store.errors import BadInput
from store.letters import DeadLetterQueue, LetterGroup
from store.text import format_time

app = CommandGroup(help="Dead letters: messages that were delivered too often, or rejected.")

Queue = Annotated[
    str, typer.Argument(metavar="QUEUE", help="A DLQ; a queue that has one stands for it.")
]
Where = Annotated[
    list[str] | None,
    typer.Option(
        metavar="'FIELD OP VALUE'",
        help="Only these, as in 'dead.reason = rejected' or 'age < 1h'; repeatable (and).",
    ),
]
QUEUES: list[Column[DeadLetterQueue]] = [
    Column("name", lambda queue: queue.name),
    Column("dead_letters", lambda q: q.dead_letters, text=lambda q: f"{q.dead_letters:,}"),
    Column("sources", lambda queue: list(queue.sources), text=lambda q: ", ".join(q.sources)),
    Column("oldest", lambda queue: None if queue.oldest is None else format_time(queue.oldest)),
]


@app.command("list")
def list_dead_letter_queues() -> None:
    """List the queues that are a DLQ or hold dead letters.

    The sources are the queues that dead-letter into it.
    """
    context = current_context()
    with context.open_store() as store:
        queues = store.dead_letter_queues()
    context.output.listing(QUEUES, queues)


GROUPS: list[Column[LetterGroup]] = [
    Column("value", lambda group: group.value),
    Column("count", lambda group: group.count, text=lambda g: f"{g.count:,}", right=True),
    Column("first", lambda group: format_time(group.first)),
    Column("last", lambda group: format_time(group.last)),
]


@app.command("peek")
def peek(
    queue: Queue,
    group_by: Annotated[
        Field | None, typer.Option(help="Count what died alike, the most frequent first.")
    ] = None,
    where: Where = None,
    number: Annotated[
        int | None, typer.Option("-n", min=1, metavar="N", help="How many (10, or every group).")
    ] = None,
) -> None:
    """Look at dead letters, the oldest first; nothing is leased.

    --group-by error counts errors as the same that differ only in numbers, ids and quoted parts;
    first and last are when the first and the last of them died.
    """
    context = current_context()
    with context.open_store() as store:
        choice = parse_message_conditions(where or [], store.clock.wall())
        if group_by is not None:
            groups = store.dead_letter_groups(queue, group_by, choice)
            context.output.listing(GROUPS, islice(groups, number))
            return
        letters = store.dead_letters(queue, choice, number or 10)
    show_messages(context, letters, DEAD_LETTER_COLUMNS)


PURGED: list[Column[tuple[str, int]]] = [
    Column("name", lambda row: row[0]),
    Column("removed", lambda row: row[1], right=True),
]


@app.command("purge")
def purge(
    queue: Annotated[str, typer.Argument(metavar="QUEUE", help="The DLQ itself.")],
    dry_run: DryRun = False,
) -> None:
    """Remove every message of a DLQ for good.

    Off a terminal it needs --yes. Here a queue does not stand for its DLQ.
    """
    context = current_context()
    with context.open_store() as store:
        status = store.queue(queue)
        letters = _dead_letters_in(store.dead_letter_queues(), queue, status.config.dlq)
        messages = status.ready + status.leased + status.delayed + status.blocked
        if dry_run:
            context.output.listing(PURGED, [(queue, messages)])
            return
        described = f"{count(messages, 'message')} of {queue}, {letters:,} of them dead letters"
        context.confirm(f"This removes {described}.")
        removed = store.purge_queue(queue)
    report_done(
        context, PURGED, [(queue, removed)], f"removed {count(removed, 'message')} of {queue}"
    )


def _dead_letters_in(known: list[DeadLetterQueue], queue: str, dlq: str | None) -> int:
    for found in known:
        if found.name == queue:
            return found.dead_letters
    if dlq is None:
        hint = f"mq queue purge {queue}"
    elif dlq.startswith(EXCHANGE_PREFIX):
        hint = "its dead letters may go to several queues: mq dlq list"
    else:
        hint = f"its DLQ is {dlq}: mq dlq purge {dlq}"
    raise BadInput(f"{queue} is nobody's DLQ and holds no dead letters", hint=hint)


app.command("redrive")(redrive)
app.command("undo")(undo)
app.command("edit")(edit)
app.command("export")(export_letters)
app.command("import")(import_letters)
