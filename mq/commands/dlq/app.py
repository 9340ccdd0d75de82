"""`mq dlq`: look at dead letters and remove them; the other verbs are in their own modules."""

from itertools import islice
from typing import Annotated

import typer

from mq.cli.context import current_context
from mq.cli.output import Column
from mq.commands import CommandGroup
from mq.commands.dlq.choice import Where
from mq.commands.dlq.edit import edit
from mq.commands.dlq.files import export_letters, import_letters
from mq.commands.dlq.purge import purge
from mq.commands.dlq.redrive import redrive, undo
from mq.text.conditions import parse_message_conditions
from mq.text.envelopes import MESSAGE
from mq.text.listing import show_messages
from mq.text.times import time_column
from store.model.dead_letters import DeadLetterGroup, DeadLetterQueue
from store.model.letter_groups import Field

app = CommandGroup(help="Dead letters: messages that were delivered too often, or rejected.")

Queue = Annotated[str, typer.Argument(metavar="QUEUE", help="A DLQ, or a queue that has one.")]


def _queue_columns(now: int) -> list[Column[DeadLetterQueue]]:
    return [
        Column("name", lambda queue: queue.name, weight=2),
        Column(
            "dead_letters", lambda q: q.dead_letters, text=lambda q: f"{q.dead_letters:,}",
            right=True,
        ),
        Column("sources", lambda queue: list(queue.sources), text=lambda q: ", ".join(q.sources)),
        time_column("oldest", lambda queue: queue.oldest, now),
    ]  # fmt: skip


@app.command("list")
def list_dead_letter_queues() -> None:
    """List the queues that are a DLQ or hold dead letters.

    The sources are the queues that dead-letter into it.
    """
    context = current_context()
    with context.open_store() as store:
        queues, now = store.dead_letter_queues(), store.wall()
    context.output.listing(_queue_columns(now), queues)


DEAD_LETTERS = MESSAGE.columns(
    "address timestamp message_group priority deliveries state"
    " dead.source dead.reason dead.at dead.error key headers value"
)


def _group_columns(now: int) -> list[Column[DeadLetterGroup]]:
    return [
        Column("value", lambda group: group.value),
        Column("count", lambda group: group.count, text=lambda g: f"{g.count:,}", right=True),
        time_column("first", lambda group: group.first, now),
        time_column("last", lambda group: group.last, now),
    ]


@app.command("peek")
def peek(
    queue: Queue,
    group_by: Annotated[
        Field | None, typer.Option(help="Property to count by, the most frequent first.")
    ] = None,
    where: Where = None,
    number: Annotated[
        int | None,
        typer.Option("-n", min=1, metavar="N", help="Most letters (10) or groups (all)."),
    ] = None,
) -> None:
    """Look at dead letters, the oldest first; nothing is leased.

    --group-by error counts errors as the same that differ only in numbers, ids and quoted parts;
    first and last are when the first and the last of them died.
    """
    context = current_context()
    with context.open_store() as store:
        choice = parse_message_conditions(where or [], store.wall())
        if group_by is not None:
            groups = store.dead_letter_groups(queue, group_by, choice)
            context.output.listing(_group_columns(store.wall()), islice(groups, number))
            return
        letters, now = store.dead_letters(queue, choice, number or 10), store.wall()
    show_messages(context, letters, DEAD_LETTERS, now)


app.command("purge")(purge)
app.command("redrive")(redrive)
app.command("undo")(undo)
app.command("edit")(edit)
app.command("export")(export_letters)
app.command("import")(import_letters)
