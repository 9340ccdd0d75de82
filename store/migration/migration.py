"""A migration: previewed, then carried out; running it again goes on where it ended."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from store.engine.features import Feature
from store.migration import fitting, groups, queues, topics
from store.migration.losses import Loss, refuse_losses
from store.model.errors import BadInput
from store.topology.model import Resource, Topology

if TYPE_CHECKING:
    from store.engine.broker import Broker
    from store.migration.topics import PartitionCopy
    from store.topology.reading import TopologyFile
    from store.topology.steps import Plan


class CopyRates(NamedTuple):
    """Records and messages a second that a copy to a place of an engine reaches."""

    records: int
    messages: int


# Of small values, by one process on two cores, to a server on the same machine.
RATES = {
    "sqlite": CopyRates(100_000, 50_000),
    "kafka": CopyRates(50_000, 1),
    "rabbitmq": CopyRates(15_000, 10_000),
}
_SLOW = CopyRates(150, 150)
_NAMED = ("topic", "queue", "group")


@dataclass(frozen=True, slots=True)
class Selection:
    """The names to move, by kind; without any, all that the source holds."""

    topic: frozenset[str] = frozenset()
    queue: frozenset[str] = frozenset()
    group: frozenset[str] = frozenset()

    def of(self, present: Topology) -> Topology:
        """Return the selected things; raises `BadInput` for a topic or queue that is not there."""
        if not self:
            return present
        for kind in ("topic", "queue"):
            for name in sorted(getattr(self, kind)):
                if present.get(kind, name) is None:
                    raise BadInput(f"the source has no {kind} {name}")
        return Topology(thing for thing in present if self._holds(thing))

    def groups_of(self, source: Broker, present: Topology) -> list[str]:
        """Return the selected groups, declared or not; raises `NotFound` for one not there."""
        for name in sorted(self.group):
            source.group(name)
        if self or source.features.lacks(Feature.GROUPS):
            return sorted(self.group)
        declared = {thing.name for thing in present.of("group")}
        if source.features.lacks(Feature.GROUP_LIST):
            return sorted(declared)
        return sorted(declared | {group.name for group in source.groups()})

    def __bool__(self) -> bool:
        return bool(self.topic or self.queue or self.group)

    def _holds(self, thing: Resource) -> bool:
        return thing.kind in _NAMED and thing.name in getattr(self, thing.kind)


@dataclass(frozen=True, slots=True)
class QueueCopy:
    """A queue to copy: how many of its messages are left, and how many of those are leased."""

    queue: str
    left: int
    leased: int


@dataclass(frozen=True, slots=True)
class Preview:
    """The work of a migration: steps of the topology, losses, records and messages to copy."""

    plan: Plan
    losses: tuple[Loss, ...]
    partitions: tuple[PartitionCopy, ...]
    queues: tuple[QueueCopy, ...]
    groups: tuple[str, ...]

    @property
    def records(self) -> int:
        """The records that are not copied yet; after a compaction there may be fewer."""
        return sum(part.left for part in self.partitions)

    @property
    def messages(self) -> int:
        """The messages that are not copied yet."""
        return sum(copy.left for copy in self.queues)

    def seconds(self, engine: str) -> float:
        """Estimate how long the copy to a place of that engine takes."""
        rates = RATES.get(engine, _SLOW)
        return self.records / rates.records + self.messages / rates.messages


@dataclass(slots=True)
class Migrated:
    """The results of a migration: records by topic, messages by queue, groups by their offsets."""

    plan: Plan
    records: dict[str, int] = field(default_factory=dict)
    messages: dict[str, int] = field(default_factory=dict)
    groups: dict[str, groups.Offsets] = field(default_factory=dict)


class Migration:
    """The way of one place's contents to another. Nothing is deleted at the source."""

    def __init__(
        self, source: Broker, target: Broker, selection: Selection, *, leave_leased: bool = False
    ) -> None:
        self._source = source
        self._target = target
        self._place = target.location
        self._leave_leased = leave_leased
        present = fitting.topology_of(source, source.location)
        chosen = selection.of(present)
        self._topology, self._losses = fitting.fitted(chosen, target)
        names = selection.groups_of(source, present)
        if target.features.lacks(Feature.GROUPS):
            why = target.features.refusal(Feature.GROUPS).message
            told = {loss.thing for loss in self._losses}
            self._losses += [
                Loss("groups", f"group {name}", why)
                for name in names
                if f"group {name}" not in told
            ]
            names = []
        self._groups = tuple(names)

    def preview(self) -> Preview:
        """Return what would be done; nothing is changed."""
        names = [thing.name for thing in self._topology.of("queue")]
        queue_copies = tuple(self._queue_copy(name) for name in names)
        losses = [loss for name in names for loss in self._message_losses(name)]
        return Preview(
            plan=self._target.plan([self._file]),
            losses=(*self._losses, *losses),
            partitions=tuple(
                part
                for thing in self._topology.of("topic")
                for part in topics.partitions_to_copy(self._source, self._target, thing.name)
            ),
            queues=queue_copies,
            groups=self._groups,
        )

    def carry_out(
        self, preview: Preview, allowed: Collection[str], timeout: float,
        advance: Callable[[int], object],
    ) -> Migrated:  # fmt: skip
        """Create what is missing, copy what is left, set the groups; then report.

        Raises `BadInput` for a loss that is not `allowed`, before any effect. Waits up to `timeout`
        seconds for leased messages of each queue. `advance` is called with each number of records
        or messages copied.
        """
        refuse_losses(preview.losses, allowed)
        source, target = self._source, self._target
        for thing in self._topology.of("queue"):
            queues.begin(source, target, thing.name, self._place)
        migrated = Migrated(target.apply([self._file], expected=preview.plan))
        for part in preview.partitions:
            records = topics.copy_partition(source, target, part, advance)
            migrated.records[part.topic] = migrated.records.get(part.topic, 0) + records
        for thing in self._topology.of("queue"):
            if not self._leave_leased:
                self._wait_for_leased(thing.name, allowed, timeout)
            migrated.messages[thing.name] = queues.copy_queue(
                source, target, thing.name, self._place, advance, leave_leased=self._leave_leased
            )
        for group in self._groups:
            migrated.groups[group] = groups.move_group(source, target, group)
        return migrated

    def _wait_for_leased(self, queue: str, allowed: Collection[str], timeout: float) -> None:
        if queues.wait_for_leased(self._source, queue, timeout):
            # Messages that came back have been delivered, and are dead letters perhaps.
            refuse_losses(self._message_losses(queue), allowed)

    def _message_losses(self, queue: str) -> list[Loss]:
        return queues.message_losses(self._source, self._target, queue, self._place)

    @property
    def _file(self) -> TopologyFile:
        return fitting.as_file(self._topology, self._source.location)

    def _queue_copy(self, name: str) -> QueueCopy:
        states = [
            m.state for m in queues.messages_left(self._source, self._target, name, self._place)
        ]
        return QueueCopy(name, len(states), states.count("leased"))
