"""`mq topic`: create, look at, change and delete topics."""

from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from mq.cli.context import Context, current_context
from mq.cli.output import Column, Format
from mq.cli.reporting import DryRun, report_document, report_done, write_documents
from mq.commands import CommandGroup
from mq.commands.options.settings import IfNotExists, Settings, with_settings
from mq.commands.topic.changes import Compact, alter, trim, with_compact
from mq.commands.topic.columns import compact as compact_now, latest
from mq.text.times import time_column
from store.model.addresses import check_name
from store.model.errors import Unsupported
from store.model.settings import shown_settings
from store.model.text import counted, describe_size, format_time, if_known
from store.model.topics import PartitionStatus, TopicConfig, TopicStatus

if TYPE_CHECKING:
    from store.engine.broker import Broker

app = CommandGroup(help="Topics: logs that any number of readers read at their own pace.")

Names = Annotated[list[str], typer.Argument(metavar="NAME…")]


@app.command("create")
@with_settings(TopicConfig())
def create(
    name: Annotated[str, typer.Argument(metavar="NAME")],
    partitions: Annotated[
        int,
        typer.Option(
            "-p", "--partitions", min=1, max=10_000, metavar="N",
            help="Most members of a group at work; it only grows.",
        ),
    ] = 1,
    *,
    settings: Settings,
    compact: Compact = False,
    if_not_exists: IfNotExists = False,
) -> None:  # fmt: skip
    """Create a topic, and the store if there is none.

    By default records are kept for 7d and a record has at most 1MiB.
    """
    check_name(name, "topic name")
    settings = with_compact(settings, compact)
    context = current_context()
    with context.open_store(create=True) as store:
        topic = store.create_topic(
            name, partitions=partitions, if_not_exists=if_not_exists, **settings
        )
        now = store.wall()
    report_document(
        context,
        _document(topic),
        f"topic {name}: {_summary(topic)}",
        lambda: _show(context, topic, now),
    )


def _summary(topic: TopicStatus) -> str:
    settings = shown_settings(topic.config)
    return (
        f"{counted(len(topic.partitions), 'partition')}, retention {settings['retention']},"
        f" cleanup {settings['cleanup']}"
    )


LISTED: list[Column[TopicStatus]] = [
    Column("name", lambda topic: topic.name, weight=2),
    Column("partitions", lambda topic: len(topic.partitions), right=True),
    Column("records", lambda topic: _records(topic), text=lambda t: f"{_records(t):,}", right=True),
    Column(
        "bytes",
        lambda topic: _bytes(topic),
        text=lambda topic: if_known(_bytes(topic), describe_size),
        right=True,
    ),
    Column("retention", lambda topic: shown_settings(topic.config)["retention"]),
    Column("cleanup", lambda topic: topic.config.cleanup),
]


@app.command("list")
def list_topics() -> None:
    """List all topics."""
    context = current_context()
    with context.open_store() as store:
        topics = store.topics()
    context.output.listing(LISTED, topics)


@app.command("show")
def show(names: Names) -> None:
    """Show settings and partitions of topics.

    In a pipe the rows are the partitions; -o json has the settings as well.
    """
    context = current_context()
    with context.open_store() as store:
        topics, now = [store.topic(name) for name in dict.fromkeys(names)], store.wall()
    if context.output.is_json:
        write_documents(context, [_document(topic) for topic in topics])
    elif context.output.format is Format.TABLE:
        for topic in topics:
            _show(context, topic, now)
    elif context.output.format is Format.NAME:
        context.output.listing(LISTED, topics)
    else:
        rows = [(topic.name, partition) for topic in topics for partition in topic.partitions]
        context.output.listing(_partition_columns(now), rows)


def _document(topic: TopicStatus) -> dict[str, Any]:
    config: dict[str, Any] = dict(shown_settings(topic.config))
    if topic.config.labels:
        config["labels"] = dict(topic.config.labels)
    if topic.config.retention_bytes is None:
        config["retention_bytes"] = None
    return {
        "name": topic.name,
        "kind": "topic",
        "partitions": [_partition_document(partition) for partition in topic.partitions],
        "config": config,
    }


def _partition_document(partition: PartitionStatus) -> dict[str, int | None]:
    fields = ("partition", "start", "end", "records", "bytes")
    return {field: getattr(partition, field) for field in fields}


def _show(context: Context, topic: TopicStatus, now: int) -> None:
    fields = {"topic": topic.name, "created": if_known(topic.created, format_time)}
    fields["records"] = f"{_records(topic):,}, {if_known(_bytes(topic), describe_size)}"
    for name, text in shown_settings(topic.config).items():
        fields[name.replace("_", " ")] = text
    context.output.document(fields)
    context.output.text("")
    rows = [(topic.name, partition) for partition in topic.partitions]
    context.output.listing(_partition_columns(now)[1:], rows)
    context.output.text("")


def _partition_columns(now: int) -> list[Column[tuple[str, PartitionStatus]]]:
    return [
        Column("topic", lambda row: row[0], weight=2),
        Column("partition", lambda row: row[1].partition, right=True),
        Column("start", lambda row: row[1].start, right=True),
        Column("end", lambda row: row[1].end, right=True),
        Column(
            "records", lambda row: row[1].records, text=lambda r: f"{r[1].records:,}", right=True
        ),
        Column(
            "bytes",
            lambda row: row[1].bytes,
            text=lambda row: if_known(row[1].bytes, describe_size),
            right=True,
        ),
        time_column("newest", lambda row: row[1].last_timestamp or None, now),
    ]


class Doomed(NamedTuple):
    """A topic that is to be deleted, and the groups that read it."""

    topic: TopicStatus
    groups: list[str]

    def __str__(self) -> str:
        topic, size = self.topic, if_known(_bytes(self.topic), describe_size)
        readers = f", read by {', '.join(self.groups)}" if self.groups else ""
        return (
            f"topic {topic.name} with {counted(_records(topic), 'record')} in"
            f" {counted(len(topic.partitions), 'partition')} ({size}){readers}"
        )


DOOMED: list[Column[Doomed]] = [
    Column("name", lambda doomed: doomed.topic.name, weight=2),
    Column("partitions", lambda doomed: len(doomed.topic.partitions), right=True),
    Column("records", lambda doomed: _records(doomed.topic), right=True),
    Column(
        "bytes",
        lambda doomed: _bytes(doomed.topic),
        text=lambda doomed: if_known(_bytes(doomed.topic), describe_size),
        right=True,
    ),
    Column("groups", lambda doomed: doomed.groups, text=lambda doomed: ", ".join(doomed.groups)),
]


@app.command("delete")
def delete(names: Names, dry_run: DryRun = False) -> None:
    """Delete topics with their records, and every group's place in them.

    All of them are looked up first; off a terminal it needs --yes.
    """
    context = current_context()
    with context.open_store() as store:
        found = [_doomed(store, name) for name in dict.fromkeys(names)]
        if dry_run:
            context.output.listing(DOOMED, found)
            return
        for doomed in found:
            context.confirm(f"This deletes {doomed}.", name=doomed.topic.name)
        for doomed in found:
            store.delete_topic(doomed.topic.name)
    report_done(context, DOOMED, found, "deleted " + " and ".join(map(str, found)))


def _doomed(store: "Broker", name: str) -> Doomed:
    topic = store.topic(name)
    groups: list[str] = []
    # An engine without lag has no groups to lose.
    with suppress(Unsupported):
        groups = list(dict.fromkeys(row.group for row in store.lag(topic=name)))
    return Doomed(topic, groups)


def _records(topic: TopicStatus) -> int:
    return sum(partition.records for partition in topic.partitions)


def _bytes(topic: TopicStatus) -> int | None:
    sizes = [status.bytes for status in topic.partitions if status.bytes is not None]
    return sum(sizes) if len(sizes) == len(topic.partitions) else None


app.command("alter")(alter)
app.command("trim")(trim)
app.command("compact")(compact_now)
app.command("latest")(latest)
