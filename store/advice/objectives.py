"""Objectives of groups against the retention of what they read: pure, also for files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta

from store.model.actions import alter
from store.model.diagnoses import Diagnosis, warning
from store.model.text import format_duration


@dataclass(frozen=True, slots=True)
class Objective:
    """How old a group's oldest unread record of a topic may be, and how old any may get; in ms."""

    group: str
    topic: str
    max_lag_time: int
    retention: int


def examine(objectives: Iterable[Objective]) -> Iterator[Diagnosis]:
    """Find objectives that are missed only when records are gone already."""
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
