"""The figures of topics: depths, rates, the groups behind, metrics."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from store.kafka.looks import Looks, OffsetsLook
from store.model.groups import Lag
from store.model.metrics import Family
from store.model.stalls import Stall, Subject, SubjectState
from store.model.text import describe_growth

# In the order of the overview.
_STATES = ("stalled", "dead letters", "lagging", "ok", "idle")
LAGGING = 60.0
"""Age in seconds from which the oldest unread record counts as lagging."""
Bounds = Mapping[str, Mapping[int, tuple[int, int]]]
"""The first offset and the end of each partition, by topic."""


class Behind(NamedTuple):
    """The lag of one group in one topic; `worst` is the row of the partition furthest behind."""

    group: str
    lag: int
    worst: Lag


def furthest_behind(rows: Iterable[Lag]) -> dict[str, list[Behind]]:
    """Return the groups of each topic, the one furthest behind first."""
    by_reader: dict[tuple[str, str], list[Lag]] = {}
    for row in rows:
        by_reader.setdefault((row.topic, row.group), []).append(row)
    found: dict[str, list[Behind]] = {}
    for (topic, group), own in by_reader.items():
        worst = max(own, key=lambda row: row.lag)
        found.setdefault(topic, []).append(Behind(group, sum(row.lag for row in own), worst))
    for groups in found.values():
        groups.sort(key=lambda one: (-one.lag, one.group))
    return found


def subjects(
    bounds: Bounds,
    behind: Mapping[str, Sequence[Behind]],
    looks: Looks,
    stalls: Sequence[Stall],
) -> list[Subject]:
    """Return topics as the overview shows them, the worst first."""
    stuck = {stall.source: stall.reader for stall in reversed(stalls)}
    found = [
        _subject(name, partitions, behind.get(name, ()), looks, stuck.get(name))
        for name, partitions in bounds.items()
    ]
    return sorted(
        found,
        key=lambda one: (_STATES.index(one.state), -(one.oldest_seconds or 0.0), one.name),
    )


def _subject(
    name: str,
    partitions: Mapping[int, tuple[int, int]],
    groups: Sequence[Behind],
    looks: Looks,
    stuck: str | None,
) -> Subject:
    shown = next((one for one in groups if one.group == stuck), groups[0] if groups else None)
    flow = looks.flow(name, None, None)
    arrived = tuple(one or 0 for one in flow.arrived) if flow else ()
    in_rate = looks.rate(lambda look: look.end(name)) or 0.0
    topic = Subject(
        name=name,
        kind="topic",
        state=_state(shown, arrived, is_stuck=stuck is not None),
        depth=sum(end - start for start, end in partitions.values()),
        ready=None,
        leased=None,
        delayed=None,
        blocked=None,
        lag=None,
        oldest_seconds=None,
        in_rate=in_rate,
        out_rate=0.0,
        trend=arrived if any(arrived) else (),
        note="",
        groups=len(groups),
        partitions=len(partitions),
    )
    return topic if shown is None else _as_read(topic, shown, looks)


def _state(shown: Behind | None, arrived: Sequence[int], *, is_stuck: bool) -> SubjectState:
    if is_stuck:
        return "stalled"
    if shown is not None and shown.lag and (shown.worst.lag_seconds or 0.0) > LAGGING:
        return "lagging"
    return "ok" if any(arrived) or (shown is not None and shown.lag) else "idle"


def _as_read(topic: Subject, shown: Behind, looks: Looks) -> Subject:
    """Return a topic with the figures of the group that it is shown for."""

    def waiting(look: OffsetsLook) -> int | None:
        end, at = look.end(topic.name), look.position(shown.group, topic.name)
        return None if end is None or at is None else end - at

    pace = looks.rate(lambda look: look.position(shown.group, topic.name)) or 0.0
    growth = looks.rate(waiting)
    grows = "" if growth is None else f", {describe_growth(growth, shown.lag)}"
    return replace(
        topic,
        lag=shown.lag,
        oldest_seconds=shown.worst.lag_seconds if shown.lag else None,
        out_rate=pace,
        note=f"{shown.group} {shown.lag:,} behind{grows}" if shown.lag else "",
        backlog=shown.lag,
        growth=growth,
        reader=shown.group,
    )


def metrics(bounds: Bounds, rows: Sequence[Lag]) -> list[Family]:
    """Return depths and lags as metrics, in the names that a file has for them."""
    records = Family("mq_topic_records", "gauge", "Records that a partition holds.")
    appended = Family("mq_topic_appended_records", "counter", "Records ever appended.")
    for topic, partitions in bounds.items():
        for number, (start, end) in partitions.items():
            records.add(end - start, topic=topic, partition=str(number))
            appended.add(end, topic=topic, partition=str(number))
    lag = Family("mq_group_lag_records", "gauge", "Records that a group has not finished.")
    age = Family(
        "mq_group_lag_seconds", "gauge", "Age of the oldest record not finished.", "seconds"
    )
    committed = Family("mq_group_committed_offset", "gauge", "First offset not finished.")
    for row in rows:
        place = {"group": row.group, "topic": row.topic, "partition": str(row.partition)}
        lag.add(row.lag, **place)
        age.add(row.lag_seconds, **place)
        committed.add(row.committed, **place)
    return [records, appended, lag, age, committed]


def stall_metrics(stalls: Sequence[Stall]) -> Family:
    """Return the number of stalls by cause."""
    family = Family("mq_stalls", "gauge", "Stalls, by cause.")
    causes = [one.cause for one in stalls]
    for cause in ("held", "unassigned"):
        family.add(causes.count(cause), cause=cause)
    return family
