"""`mq migrate`: the contents of the store copied to another place."""

from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from mq.cli.context import Context, absolute, current_context, is_place
from mq.cli.output import Column, Format, row_document
from mq.commands import SingleCommand
from mq.commands.topology.steps import STEPS, line, warn
from store.migration.losses import Loss
from store.migration.migration import Migration, Selection
from store.model.text import counted, describe_duration

if TYPE_CHECKING:
    from collections.abc import Iterator

    from store.engine.broker import Broker
    from store.migration.migration import Migrated, Preview

app = SingleCommand()


class MigratedPart(NamedTuple):
    """A topic, queue or group of a migration, with what is left of it or was copied."""

    kind: str
    name: str
    left: int | None
    copied: int | None
    leased: int | None = None


class Report(NamedTuple):
    """A migration for output: from where to where, and how long it takes, in seconds."""

    source: str
    target: str
    seconds: float
    preview: "Preview"
    migrated: "Migrated | None"


PARTS: list[Column[MigratedPart]] = [
    Column("kind", lambda part: part.kind),
    Column("name", lambda part: part.name, weight=2),
    Column("left", lambda part: part.left, right=True),
    Column("copied", lambda part: part.copied, right=True),
    Column("leased", lambda part: part.leased, right=True, yields=1),
]
LOSSES: list[Column[Loss]] = [
    Column("name", lambda loss: loss.name),
    Column("thing", lambda loss: loss.thing),
    Column("reason", lambda loss: loss.why),
    Column("messages", lambda loss: loss.messages),
]


@app.command()
def migrate(
    place: Annotated[str, typer.Argument(metavar="PLACE", help="A file, a URL or @NAME.")],
    topics: Annotated[
        list[str] | None, typer.Option("--topic", metavar="NAME", help="A topic with its records.")
    ] = None,
    queues: Annotated[
        list[str] | None, typer.Option("--queue", metavar="NAME", help="A queue, its messages too.")
    ] = None,
    groups: Annotated[
        list[str] | None, typer.Option("--group", metavar="NAME", help="A group with its offsets.")
    ] = None,
    apply: Annotated[bool, typer.Option("--apply", help="The copy, not only a preview.")] = False,
    allow_loss: Annotated[
        list[str] | None,
        typer.Option("--allow-loss", metavar="NAME", help="A loss that the preview names."),
    ] = None,
    leave_leased: Annotated[
        bool, typer.Option("--leave-leased", help="Leased messages stay behind, not waited for.")
    ] = False,
) -> None:
    """Show what moving to another place would do, and with --apply copy it there.

    Topology, records with their keys, headers and times, messages, and the groups at the copies of
    the records that they would read next. Nothing is deleted here. Running it again copies what is
    new, and goes on where a copy broke off. Without names it is all that the store holds.

    Each record says in its header mq-offset, each message in mq-id, where it was. What PLACE can't
    hold is a loss: it is refused unless --allow-loss names it. To cut over, switch with mq store
    set read_only yes, migrate once more, and let everybody use PLACE.
    """
    context = current_context()
    selection = Selection(*(frozenset(names or ()) for names in (topics, queues, groups)))
    with context.open_store() as source, _target(context, place, create=apply) as target:
        migration = Migration(source, target, selection, leave_leased=leave_leased)
        preview = migration.preview()
        migrated = None
        if apply:
            left = preview.records + preview.messages
            with context.diagnostics.progress("copied", left) as progress:
                migrated = migration.carry_out(
                    preview, allow_loss or (), context.timeout, progress.advance
                )
        seconds = preview.seconds(target.features.engine)
        _report(context, Report(source.location, place, seconds, preview, migrated))


@contextmanager
def _target(context: Context, text: str, *, create: bool) -> "Iterator[Broker]":
    """Open the other place; a file that is not there yet is made, for a preview elsewhere."""
    if is_place(text):
        from store.engine.places import read_place

        with context.open_place(read_place(text)) as opened:
            yield opened
        return
    path = absolute(text)
    if create or path.exists():
        with context.open_store_at(path, create=create) as opened:
            yield opened
        return
    with (
        TemporaryDirectory() as folder,
        context.open_store_at(Path(folder) / path.name, create=True) as opened,
    ):
        yield opened


def _report(context: Context, report: Report) -> None:
    if context.output.is_json:
        context.output.document(_document(report))
        return
    preview, migrated = report.preview, report.migrated
    plan = preview.plan if migrated is None else migrated.plan
    warn(context, plan)
    if context.output.format is Format.TABLE:
        for step in plan.steps:
            context.diagnostics.relay(line(step))
    for loss in preview.losses:
        context.diagnostics.warning(_sentence(loss))
    context.output.listing(PARTS, _parts(report))
    if migrated is None:
        amount = _amount(preview.records, preview.messages)
        about = describe_duration(report.seconds)
        context.diagnostics.success(f"{amount} to copy, about {about}; --apply copies them")
    else:
        amount = _amount(sum(migrated.records.values()), sum(migrated.messages.values()))
        context.diagnostics.success(f"copied {amount} to {report.target}")


def _amount(records: int, messages: int) -> str:
    return f"{counted(records, 'record')} and {counted(messages, 'message')}"


def _sentence(loss: Loss) -> str:
    number = "" if loss.messages is None else f" ({counted(loss.messages, 'message')})"
    return f"loss {loss.name}: {loss.thing}{number}: {loss.why}"


def _parts(report: Report) -> list[MigratedPart]:
    preview, migrated = report.preview, report.migrated
    left: dict[str, int] = {}
    for partition in preview.partitions:
        left[partition.topic] = left.get(partition.topic, 0) + partition.left
    records = {} if migrated is None else migrated.records
    messages = {} if migrated is None else migrated.messages
    topics = [MigratedPart("topic", name, count, records.get(name)) for name, count in left.items()]
    queues = [
        MigratedPart("queue", copy.queue, copy.left, messages.get(copy.queue), copy.leased)
        for copy in preview.queues
    ]
    return topics + queues + [MigratedPart("group", name, None, None) for name in preview.groups]


def _document(report: Report) -> dict[str, Any]:
    preview, migrated = report.preview, report.migrated
    return {
        "source": report.source,
        "target": report.target,
        "applied": migrated is not None,
        "records": preview.records,
        "messages": preview.messages,
        "seconds": report.seconds,
        "parts": [row_document(PARTS, part) for part in _parts(report)],
        "losses": [row_document(LOSSES, loss) for loss in preview.losses],
        "steps": [row_document(STEPS, step) for step in preview.plan.steps],
        "offsets": [] if migrated is None else list(_offsets(migrated)),
    }


def _offsets(migrated: "Migrated") -> "Iterator[dict[str, Any]]":
    for group, offsets in migrated.groups.items():
        for (topic, partition), offset in offsets.items():
            yield {"group": group, "topic": topic, "partition": partition, "offset": offset}
