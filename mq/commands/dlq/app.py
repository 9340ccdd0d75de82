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
from store.model.dead_letters import DeadLetterGroup, DeadLetterQueue
from store.model.letter_groups import Field
from store.model.text import format_time

app = CommandGroup(help="Dead letters: messages that were delivered too often, or rejected.")

Queue = Annotated[str, typer.Argument(metavar="QUEUE", help="A DLQ, or a queue that has one.")]
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


DEAD_LETTERS = MESSAGE.columns(
    "address timestamp message_group priority deliveries state"
    " dead.source dead.reason dead.at dead.error key headers value"
)
GROUPS: list[Column[DeadLetterGroup]] = [
    Column("value", lambda group: group.value),
    Column("count", lambda group: group.count, text=lambda g: f"{g.count:,}", right=True),
    Column("first", lambda group: format_time(group.first)),
    Column("last", lambda group: format_time(group.last)),
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
            context.output.listing(GROUPS, islice(groups, number))
            return
        letters = store.dead_letters(queue, choice, number or 10)
    show_messages(context, letters, DEAD_LETTERS)


app.command("purge")(purge)
app.command("redrive")(redrive)
app.command("undo")(undo)
app.command("edit")(edit)
app.command("export")(export_letters)
app.command("import")(import_letters)
