"""`mq topic alter` and `mq topic trim`: changes that may cost records or the order of keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mq.cli.context import Context, current_context
from mq.cli.output import Column
from mq.cli.reporting import DryRun, report_done
from mq.commands.options.setting_changes import (
    CHANGES,
    SettingChange,
    changed_settings,
    sentence_of,
)
from mq.commands.options.settings import Settings, with_settings
from store.model.addresses import parse_address
from store.model.discarding import topic_settings_that_discard
from store.model.errors import BadInput
from store.model.maintenance import TrimResult
from store.model.positions import Position, parse_position
from store.model.text import counted, describe_size
from store.model.topics import TopicConfig, TopicStatus

if TYPE_CHECKING:
    from store.engine.broker import Broker
    from store.engine.groups import Groups
    from store.engine.topics import Topics


Compact = Annotated[bool, typer.Option("--compact", help="The same as --cleanup compact.")]


def with_compact(settings: Settings, compact: bool) -> Settings:
    """Add the `--compact` option to the given settings; raises `BadInput`."""
    if not compact:
        return settings
    if settings.get("cleanup", "compact") != "compact":
        raise BadInput("--compact says compact, --cleanup something else", hint="give one of them")
    return {**settings, "cleanup": "compact"}


@with_settings(TopicConfig(), alters=True)
def alter(
    name: Annotated[str, typer.Argument(metavar="NAME")],
    partitions: Annotated[
        int | None,
        typer.Option("-p", "--partitions", metavar="N", help="More partitions; most keys move."),
    ] = None,
    *,
    settings: Settings,
    compact: Compact = False,
    dry_run: DryRun = False,
) -> None:
    """Change settings of a topic; the others stay.

    More partitions, and keeping less than before, can't be taken back: they are asked about on a
    terminal and need --yes off it.
    """
    settings = with_compact(settings, compact)
    if not settings and partitions is None:
        raise BadInput("there is nothing to change", hint=f"mq topic alter {name} --retention 3d")
    context = current_context()
    with context.open_store() as store:
        after = store.plan_topic_alter(name, partitions=partitions, **settings)
        changes = _changes(store, store.topic(name), after, partitions)
        if not dry_run:
            _agree(context, name, changes)
            store.alter_topic(name, partitions=partitions, **settings)
    if dry_run:
        context.output.listing(CHANGES, changes)
    else:
        report_done(context, CHANGES, changes, f"topic {name}: {sentence_of(changes)}")


def _changes(
    store: Broker, before: TopicStatus, after: TopicConfig, partitions: int | None
) -> list[SettingChange]:
    changes = []
    if partitions is not None:
        moved = _moved(store, before.name, partitions)
        changes.append(
            SettingChange("partitions", str(len(before.partitions)), str(partitions), moved)
        )
    risks = _risks(store, before, after)
    return changes + [
        change._replace(risk=risks.get(change.setting))
        for change in changed_settings(before.config, after)
    ]


def _moved(store: Topics, topic: str, partitions: int) -> str:
    moving, keys = store.moving_keys(topic, partitions)
    if not keys:
        return "keys go to other partitions than before"
    share = round(100 * moving / keys)
    return (
        f"{share} % of the keys go to other partitions than before ({moving:,} of the newest"
        f" {keys:,}); order per key is kept only within a partition"
    )


def _risks(store: Broker, before: TopicStatus, new: TopicConfig) -> dict[str, str]:
    """Return why a changed setting can't be taken back, by its name, with counts where possible."""
    risks = topic_settings_that_discard(before.config, new)
    if "retention" in risks:
        removed = counted(_older(store, before, new), "record")
        risks["retention"] = f"{removed} may go now for being older than that"
    if "retention_bytes" in risks:
        limit = new.retention_bytes or 0
        over = sum(max(0, (partition.bytes or 0) - limit) for partition in before.partitions)
        risks["retention_bytes"] = f"{describe_size(over)} may go now for being over that"
    return risks


def _older(store: Broker, topic: TopicStatus, new: TopicConfig) -> int:
    limit = max(0, store.wall() - (new.retention or 0))
    return sum(
        store.resolve(topic.name, Position("came", limit), partition.partition) - partition.start
        for partition in topic.partitions
        if partition.records
    )


def _agree(context: Context, name: str, changes: list[SettingChange]) -> None:
    risks = [f"{c.setting} {c.old} -> {c.new}: {c.risk}" for c in changes if c.risk]
    if risks:
        context.confirm(f"This can't be taken back. Topic {name}, {'; '.join(risks)}.")


TRIMMED: list[Column[TrimResult]] = [
    Column("topic", lambda result: result.topic),
    Column("partition", lambda result: result.partition, right=True),
    Column("start_before", lambda result: result.start_before, right=True),
    Column("start", lambda result: result.start, right=True),
    Column("end", lambda result: result.end, right=True),
    Column("removed", lambda r: r.removed, text=lambda r: f"{r.removed:,}", right=True),
]


def trim(
    address: Annotated[str, typer.Argument(metavar="NAME[/P]")],
    before: Annotated[
        str,
        typer.Option(metavar="OFFSET|TIME", help="The first record to keep: 4711, 2h, latest, …"),
    ],
    dry_run: DryRun = False,
) -> None:
    """Remove the oldest records of a topic or of one partition.

    Off a terminal it needs --yes.
    """
    context = current_context()
    place = parse_address(address)
    if place.offset is not None:
        raise BadInput(f"{address} is one record", hint=f"mq topic trim {place.name} --before …")
    with context.open_store() as store:
        position = parse_position(before, store.wall())
        if position.kind == "committed":
            raise BadInput("--before committed names no group", hint="give an offset or a time")
        planned = store.trim_preview(place.name, position, place.partition)
        if dry_run:
            context.output.listing(TRIMMED, planned)
            return
        removed = counted(sum(result.removed for result in planned), "record")
        context.confirm(f"This removes {removed} from {address}{_unread(store, planned)}.")
        done = [result for plan in planned for result in _trim(store, plan)]
    report_done(context, TRIMMED, done, f"removed {removed} from {address}")


def _trim(store: Topics, plan: TrimResult) -> list[TrimResult]:
    # By its offset, so that no more goes than was shown, independent of later appends.
    return store.trim(plan.topic, Position("offset", plan.start), plan.partition)


def _unread(store: Groups, planned: list[TrimResult]) -> str:
    """Return which groups have not read the records that would go."""
    starts = {plan.partition: plan.start for plan in planned}
    unread: dict[str, int] = {}
    for row in store.lag(topic=planned[0].topic):
        position = max(row.start, row.end - row.lag)
        if position < (start := starts.get(row.partition, 0)):
            unread[row.group] = unread.get(row.group, 0) + start - position
    return "".join(f"; group {group} has not read {n:,} of them" for group, n in unread.items())
