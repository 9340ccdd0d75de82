"""Objectives of groups against the retention of what they read: pure, also for files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta

from store.model.actions import alter
from store.model.diagnoses import Diagnosis, warning
from store.model.text import format_duration
from store.sqlite.file.database import Snapshot


@dataclass(frozen=True, slots=True)
class Objective:
    """How old a group's oldest unread record of a topic may be, and how old any may get; in ms."""

    group: str
    topic: str
    max_lag_time: int
    retention: int


def examine(objectives: Iterable[Objective]) -> Iterator[Diagnosis]:
    """Objectives that are missed only when records are gone already."""
    for one in objectives:
        if one.max_lag_time < one.retention:
            continue
        longest = timedelta(milliseconds=max(1, one.retention // 4))
        yield warning(
            "late_objective", one.group,
            f"max_lag_time {format_duration(one.max_lag_time)}, {one.topic} keeps records"
            f" {format_duration(one.retention)}",
            "lag that long is seen when the first records are lost already",
            alter("group", one.group, max_lag_time=longest),
        )  # fmt: skip


def objectives(tx: Snapshot) -> list[Objective]:
    """The objectives of a store's groups."""
    rows = tx.rows(
        "select distinct r.name, c.name, g.max_lag_time, t.retention from mq_groups g"
        " join mq_readers r on r.id = g.reader join mq_slots s on s.reader = r.id"
        " join mq_partitions p on p.id = s.partition join mq_channels c on c.id = p.channel"
        " join mq_topics t on t.channel = c.id and t.cleanup <> 'compact'"
        " where g.max_lag_time not null and t.retention not null order by 1, 2"
    )
    return [Objective(*row) for row in rows]
