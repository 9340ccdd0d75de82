"""Everything that holds messages, worst first: what the dashboard begins with."""

from __future__ import annotations

from dataclasses import dataclass

from store import maintenance
from store.db import Snapshot
from store.delivery import deadletters, queues, view
from store.watch import stalls
from store.watch.models import Overview, Subject, SubjectState
from store.watch.terms import Terms

# Worst first.
STATES: tuple[SubjectState, ...] = ("stalled", "dead letters", "lagging", "ok", "idle")
MOST_STALLS = 100
LAGGING_SECONDS = 60.0
"""From what age of the oldest waiting message on a queue counts as lagging."""


def overview(tx: Snapshot, terms: Terms) -> Overview:
    """The whole store at one moment."""
    found = stalls.find(tx, terms)
    stalled = {candidate.source for candidate in found}
    subjects = [*_topics(tx, stalled), *_queues(tx, stalled)]
    subjects.sort(key=_badness)
    return Overview(
        taken=tx.wall,
        status=maintenance.status(tx),
        in_rate=sum(subject.in_rate for subject in subjects),
        out_rate=sum(subject.out_rate for subject in subjects),
        dead_letters=sum(queue.dead_letters for queue in deadletters.queues_with_letters(tx)),
        stall_count=len(found),
        stalls=tuple(candidate.stall() for candidate in found[:MOST_STALLS]),
        subjects=tuple(subjects),
    )


def _badness(subject: Subject) -> tuple[int, float, str]:
    return STATES.index(subject.state), -(subject.oldest_seconds or 0.0), subject.name


@dataclass(frozen=True, slots=True)
class _Behind:
    """The group that is furthest behind in a topic."""

    group: str
    lag: int
    is_over: bool


def _topics(tx: Snapshot, stalled: set[str]) -> list[Subject]:
    behind = _furthest_behind(tx)
    rows = tx.rows(
        "select c.id, c.name, sum(p.records), min((select r.timestamp from mq_records r"
        "  where r.id >= (p.id << 40) + p.start and r.id < (p.id << 40) + p.next"
        "  order by r.id limit 1))"
        " from mq_channels c join mq_partitions p on p.channel = c.id"
        " where c.kind = 'topic' group by c.id"
    )
    found = []
    for channel, name, records, oldest in rows:
        worst = behind.get(channel)
        lag = None if worst is None else worst.lag
        state: SubjectState = "idle" if records == 0 else "ok"
        if worst is not None and worst.is_over:
            state = "lagging"
        if name in stalled:
            state = "stalled"
        found.append(
            Subject(
                name=name,
                kind="topic",
                state=state,
                depth=records,
                ready=None,
                leased=None,
                delayed=None,
                blocked=None,
                lag=lag,
                oldest_seconds=_age(tx, oldest),
                in_rate=0.0,
                out_rate=0.0,
                trend=(),
                note=f"{worst.group} {worst.lag:,} behind" if worst and worst.lag else "",
            )
        )
    return found


def _furthest_behind(tx: Snapshot) -> dict[int, _Behind]:
    rows = tx.rows(
        "select p.channel, r.name, sum(p.next - max(s.cursor, p.start)) as lag,"
        " ifnull(max(p.next - max(s.cursor, p.start) > g.max_lag), 0)"
        " from mq_groups g join mq_readers r on r.id = g.reader"
        " join mq_slots s on s.reader = r.id join mq_partitions p on p.id = s.partition"
        " group by p.channel, r.id order by lag"
    )
    return {channel: _Behind(group, lag, bool(over)) for channel, group, lag, over in rows}


def _queues(tx: Snapshot, stalled: set[str]) -> list[Subject]:
    found = []
    for name in queues.names(tx):
        status = view.status(tx, queues.find(tx, name))
        depth = status.ready + status.leased + status.delayed + status.blocked
        state: SubjectState = "ok" if depth else "idle"
        if status.ready and (status.oldest_seconds or 0) > LAGGING_SECONDS:
            state = "lagging"
        if status.dead_letters:
            state = "dead letters"
        if name in stalled:
            state = "stalled"
        found.append(
            Subject(
                name=name,
                kind="queue",
                state=state,
                depth=depth,
                ready=status.ready,
                leased=status.leased,
                delayed=status.delayed,
                blocked=status.blocked,
                lag=None,
                oldest_seconds=status.oldest_seconds,
                in_rate=0.0,
                out_rate=0.0,
                trend=(),
                note="",
            )
        )
    return found


def _age(tx: Snapshot, timestamp: int | None) -> float | None:
    return None if timestamp is None else max(0, tx.wall - timestamp) / 1000
