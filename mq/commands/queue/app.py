"""`mq queue`: create, look at, empty and delete queues."""

from typing import Annotated

import typer

from mq.cli.context import current_context
from mq.cli.output import Column, Format
from mq.cli.reporting import DryRun, report_document, report_done, write_documents
from mq.commands import CommandGroup
from mq.commands.options.settings import IfNotExists, Settings, with_settings
from mq.commands.queue.changes import alter
from mq.commands.queue.columns import QUEUES, queue_document, show_queue, type_of
from mq.commands.queue.purge import purge
from store.model.addresses import check_name
from store.model.queues import QueueConfig, QueueStatus
from store.model.settings import write_settings
from store.model.text import counted, describe_size, if_known

app = CommandGroup(help="Queues: every message goes to one reader, until it is acknowledged.")

Name = Annotated[str, typer.Argument(metavar="NAME")]
Names = Annotated[list[str], typer.Argument(metavar="NAME…")]


@app.command("create")
@with_settings(QueueConfig(), without=("chaos",))
def create(
    name: Name,
    settings: Settings,
    if_not_exists: IfNotExists = False,
) -> None:
    """Create a queue, and the store if there is none.

    A DLQ is a queue like any other, of the same type, and must be there first.
    """
    check_name(name, "queue name")
    context = current_context()
    with context.open_store(create=True) as store:
        queue = store.create_queue(name, if_not_exists=if_not_exists, **settings)
    report_document(
        context,
        queue_document(queue),
        f"queue {name}: {_summary(queue)}",
        lambda: show_queue(context, queue),
    )


def _summary(queue: QueueStatus) -> str:
    settings = write_settings(queue.config)
    told = [
        type_of(queue.config),
        *(
            f"{word} {settings[name]}"
            for word, name in (("lease", "lease"), ("kept", "retention"))
            if name not in queue.lacking
        ),
    ]
    if queue.config.max_deliveries is not None:
        told.append(f"max deliveries {queue.config.max_deliveries}")
    if queue.config.dlq is not None:
        told.append(f"then to {queue.config.dlq}")
    return ", ".join(told)


@app.command("list")
def list_queues() -> None:
    """List all queues."""
    context = current_context()
    with context.open_store() as store:
        queues = store.queues()
    context.output.listing(QUEUES, queues)


@app.command("show")
def show(names: Names) -> None:
    """Show settings and counts of queues."""
    context = current_context()
    with context.open_store() as store:
        queues = [store.queue(name) for name in dict.fromkeys(names)]
    if context.output.is_json:
        write_documents(context, [queue_document(queue) for queue in queues])
    elif context.output.format is Format.TABLE:
        for queue in queues:
            show_queue(context, queue)
    else:
        context.output.listing(QUEUES, queues)


DOOMED: list[Column[QueueStatus]] = [
    QUEUES[0],
    Column("messages", lambda q: q.messages, text=lambda q: f"{q.messages:,}", right=True),
    *QUEUES[2:6],
    Column(
        "bytes", lambda q: q.bytes, text=lambda q: if_known(q.bytes, describe_size), right=True
    ),
]  # fmt: skip


@app.command("delete")
def delete(names: Names, dry_run: DryRun = False) -> None:
    """Delete queues with their messages, leased ones too.

    All of them are looked up first; off a terminal it needs --yes. The DLQ of another queue is
    refused.
    """
    context = current_context()
    with context.open_store() as store:
        queues = [store.queue(name) for name in dict.fromkeys(names)]
        if dry_run:
            context.output.listing(DOOMED, queues)
            return
        for queue in queues:
            context.confirm(f"This deletes {_described(queue)}.", name=queue.name)
        for queue in queues:
            store.delete_queue(queue.name)
    report_done(context, DOOMED, queues, "deleted " + " and ".join(map(_described, queues)))


def _described(queue: QueueStatus) -> str:
    leased = f", {queue.leased:,} of them leased" if queue.leased else ""
    return f"queue {queue.name} with {counted(queue.messages, 'message')}{leased}"


app.command("purge")(purge)
app.command("alter")(alter)
