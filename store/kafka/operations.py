"""The operator's questions: what is where, how fast it moves, what may go wrong."""

from __future__ import annotations

from functools import cached_property, partial
from time import monotonic
from typing import TYPE_CHECKING

from store import kafka
from store.kafka.shares import ClusterShares
from store.kafka.topology import ClusterTopologies
from store.model.actions import create
from store.model.clock import IDLE_AFTER, OVER
from store.model.errors import Hint, NotFound

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from store.model.addresses import Kind
    from store.model.diagnoses import Diagnosis
    from store.model.groups import Lag
    from store.model.maintenance import PlaceStatus
    from store.model.metrics import Family
    from store.model.stalls import Flow, FlowOf, Overview, Stall, TopicDetail

# Seconds between two looks of the dashboard.
PACE = 2.0
# Rows for which a look of the dashboard asks the age of the first unread record.
_MOST_AGES = 50


class ClusterOperations(ClusterShares, ClusterTopologies):
    """Status, overview, findings, metrics, and the names of things."""

    _readers: Mapping[str, str] = {}

    @cached_property
    def _looks(self) -> kafka.looks.Looks:
        return kafka.looks.Looks()

    @cached_property
    def _standstills(self) -> kafka.stalls.Standstills:
        return kafka.stalls.Standstills()

    def now(self) -> int:
        """Return this machine's wall clock in milliseconds."""
        return self.wall()

    def status(self) -> PlaceStatus:
        """Return the version of the cluster, and what it holds; records are counted by offsets."""
        return self._status(self._all_bounds(), len(self.groups()))

    def snapshot(self, over: float = OVER, idle_after: float = IDLE_AFTER) -> Overview:
        """Return the overview; rates are those that this object saw since its first look."""
        from store.model.stalls import Overview

        bounds, rows = self._all_bounds(), self._lag_rows()
        self._take(bounds, rows)
        behind = kafka.figures.furthest_behind(rows)
        worst = [groups[0].worst for groups in behind.values() if groups[0].lag][:_MOST_AGES]
        aged = {(one.group, one.topic): one for one in self._with_ages(worst)}
        behind = {
            topic: [one._replace(worst=aged.get((one.group, topic), one.worst)) for one in groups]
            for topic, groups in behind.items()
        }
        stalls = self._stalls(rows, over, idle_after)
        subjects = kafka.figures.subjects(bounds, behind, self._looks, stalls)
        return Overview(
            taken=self.wall(),
            status=self._status(bounds, len({row.group for row in rows})),
            in_rate=sum((one.in_rate or 0.0) for one in subjects),
            out_rate=sum((one.out_rate or 0.0) for one in subjects),
            dead_letters=0,
            stall_count=len(stalls),
            stalls=tuple(stalls),
            subjects=tuple(subjects),
        )

    def flows(self, wanted: Sequence[FlowOf]) -> dict[FlowOf, Flow]:
        """Return the last ten minutes of topics as the looks of this object saw them."""
        readers = self._readers
        found = {
            one: self._looks.flow(one.name, one.partition, one.reader or readers.get(one.name))
            for one in wanted
        }
        return {one: flow for one, flow in found.items() if flow is not None}

    def stalls(self, over: float = OVER, idle_after: float = IDLE_AFTER) -> list[Stall]:
        """Return partitions that no member of a group reads, and those held up since a look."""
        return self._stalls(self._lag_rows(), over, idle_after)

    def metrics(self, over: float = OVER, idle_after: float = IDLE_AFTER) -> list[Family]:
        """Return depths, lags and stalls, as far as they are known."""
        from store.model.metrics import Family

        info = Family("mq_store_info", "gauge", "The store and how it is set; always 1.")
        version = self.features.version
        info.add(1, path=self._place.name, engine=self.features.engine, version=version)
        rows = self.lag()
        figures = kafka.figures.metrics(self._all_bounds(), rows)
        stalls = self._stalls(rows, over, idle_after)
        return [info, *figures, kafka.figures.stall_metrics(stalls)]

    def doctor(self, *, thorough: bool = False) -> list[Diagnosis]:
        """Return what is wrong or may go wrong with topics and their readers, the worst first."""
        return kafka.checkup.findings(self._setups(), len(self._servers()), self.lag())

    def topic_detail(self, name: str, group: str | None = None, limit: int = 500) -> TopicDetail:
        """Return a topic's partitions with the positions of groups in them, up to the limit."""
        from store.model.stalls import TopicDetail

        status = self.topic(name)
        rows = [row for row in self._lag_rows() if row.topic == name and group in {None, row.group}]
        rates = {
            number: self._looks.rate(partial(_end_of, name, number))
            for number in range(len(status.partitions))
        }
        return TopicDetail(
            status._replace(partitions=status.partitions[:limit]),
            {},
            tuple(self._with_ages(rows[:limit])),
            {number: rate for number, rate in rates.items() if rate is not None},
        )

    def kind(self, name: str, *wanted: Kind) -> str | None:
        """Return `topic` for the name of one; raises `NotFound` where one is wanted."""
        if self._count_partitions(name):
            return "topic"
        if self._is_share(name):
            return "share"
        if wanted:
            raise NotFound(f"topic {name} does not exist", Hint("{}", create("topic", name)))
        return None

    def _lag_rows(self) -> list[Lag]:
        """Return the lag of every group, without ages."""
        return [row for one in self.groups() for row in one.offsets]

    def _stalls(self, rows: Sequence[Lag], over: float, idle_after: float) -> list[Stall]:
        """Return the stalls of groups; members that hold records up show from the second look."""
        now = monotonic()
        self._standstills.take(rows, now)
        likely = kafka.stalls.candidates(rows, self._standstills, now, over)
        growth = {
            (row.group, row.topic, row.partition): (
                self._looks.rate(partial(_unread, row.group, row.topic, row.partition)) or 0.0
            )
            for row in likely
        }
        aged = self._with_ages(likely)
        return kafka.stalls.of(aged, self._standstills, now, (over, idle_after), growth)

    def _status(self, bounds: dict[str, dict[int, tuple[int, int]]], groups: int) -> PlaceStatus:
        from store.model.maintenance import PlaceStatus

        return PlaceStatus(
            location=self._place.url,
            engine=self.features.engine,
            version=self.features.version,
            topics=len(bounds),
            queues=None,
            shares=None,
            groups=groups,
            exchanges=None,
            records=sum(
                end - start for partitions in bounds.values() for start, end in partitions.values()
            ),
        )

    def _all_bounds(self) -> dict[str, dict[int, tuple[int, int]]]:
        """Return the bounds of every partition, by topic."""
        counts = self._topic_partitions()
        found = self._bounds([(name, p) for name, number in counts.items() for p in range(number)])
        return {
            name: {number: found[name, number] for number in range(partitions)}
            for name, partitions in counts.items()
        }

    def _take(self, bounds: dict[str, dict[int, tuple[int, int]]], rows: Sequence[Lag]) -> None:
        """Remember a look, for the rates of the next ones."""
        ends = {
            name: {number: end for number, (_, end) in partitions.items()}
            for name, partitions in bounds.items()
        }
        read: dict[str, dict[str, dict[int, int]]] = {}
        for row in rows:
            at = row.end - row.lag
            read.setdefault(row.group, {}).setdefault(row.topic, {})[row.partition] = at
        self._looks.take(kafka.looks.OffsetsLook(monotonic(), ends, read))
        behind = kafka.figures.furthest_behind(rows)
        self._readers = {topic: groups[0].group for topic, groups in behind.items()}


def _unread(group: str, topic: str, partition: int, look: kafka.looks.OffsetsLook) -> int | None:
    end, at = look.end(topic, partition), look.position(group, topic, partition)
    return None if end is None or at is None else end - at


def _end_of(topic: str, partition: int, look: kafka.looks.OffsetsLook) -> int | None:
    return look.end(topic, partition)
