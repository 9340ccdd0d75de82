"""Everything that holds messages, worst first: the data of the dashboard's overview."""

from __future__ import annotations

from dataclasses import dataclass, replace

from store.model.stalls import Overview, Subject, SubjectState
from store.model.text import describe_growth
from store.sqlite import layout, queues
from store.sqlite.file.database import Snapshot
from store.sqlite.file.timekeeping import age_of, moments
from store.sqlite.leases import abandoned
from store.sqlite.operations import maintenance
from store.sqlite.operations.stalls import ranking
from store.sqlite.operations.stalls.terms import Terms
from store.sqlite.operations.trends import Movement, Rates, Trends, growth
from store.sqlite.queues import counts

# Worst first.
STATES: tuple[SubjectState, ...] = ("stalled", "dead letters", "lagging", "ok", "idle")
MOST_STALLS = 100
Paces = dict[int, dict[int, Movement]]
"""The records read within the last minute, by topic and reader."""
LAGGING = 60.0
"""Age in seconds from which the oldest waiting message counts as lagging by default."""


def overview(tx: Snapshot, terms: Terms) -> Overview:
    """Return the whole store at one moment."""
    incoming, trends = Rates(tx, "channel"), Trends(tx, "channel")
    found = ranking.find(tx, terms)
    stalled = {name for candidate in found for name in candidate.subjects}
    stuck = {(name, candidate.reader) for candidate in found for name in candidate.subjects}
    read = _read_per_second(tx)
    topics = _topics(tx, incoming, trends, read, stuck)
    lanes = _queues(tx, incoming, trends)
    subjects = [
        replace(subject, state="stalled") if subject.name in stalled else subject
        for subject in [
            *topics,
            *lanes,
            *_shares(tx, incoming, trends, read),
        ]
    ]
    subjects.sort(key=_badness)
    return Overview(
        taken=tx.wall,
        status=maintenance.status(tx),
        in_rate=sum(subject.in_rate or 0.0 for subject in (*topics, *lanes)),
        out_rate=sum(queue.out_rate or 0.0 for queue in lanes)
        + sum(done.rate for readers in read.values() for done in readers.values()),
        dead_letters=tx.value(
            "select ifnull(sum(dead_letters), 0) from mq_partitions where channel not null"
        ),
        stall_count=len(found),
        stalls=tuple(candidate.stall() for candidate in found[:MOST_STALLS]),
        subjects=tuple(subjects),
    )


def _badness(subject: Subject) -> tuple[int, float, str]:
    return STATES.index(subject.state), -(subject.oldest_seconds or 0.0), subject.name


@dataclass(frozen=True, slots=True)
class _Behind:
    """The lag of one group in a topic; `age` is that of its oldest unread record, in ms."""

    reader: int
    group: str
    lag: int
    age: int | None
    most_lag: int | None
    most_time: int | None
    worst_lag: int

    @property
    def is_over(self) -> bool:
        """Whether that is more than the group's objective, or than the usual one."""
        if self.age is None:
            return False
        if self.most_lag is None and self.most_time is None:
            return self.age > LAGGING * 1000
        return (self.most_lag is not None and self.worst_lag > self.most_lag) or (
            self.most_time is not None and self.age > self.most_time
        )


def _topics(
    tx: Snapshot, incoming: Rates, trends: Trends, read: Paces, stuck: set[tuple[str, str]]
) -> list[Subject]:
    behind = _behind(tx)
    found = []
    for channel, name, records, taken, partitions in tx.rows(
        "select c.id, c.name, sum(p.records), sum(p.next), count(*)"
        " from mq_channels c join mq_partitions p on p.channel = c.id"
        " where c.kind = 'topic' group by c.id"
    ):
        topic = Subject(
            name=name,
            kind="topic",
            state="ok",
            depth=records,
            ready=None,
            leased=None,
            delayed=None,
            blocked=None,
            lag=None,
            oldest_seconds=None,
            in_rate=incoming.rate(channel, taken),
            out_rate=0.0,
            trend=trends.trend(channel, taken),
            note="",
        )
        groups = behind.get(channel, [])
        worst = max(groups, key=lambda one: ((name, one.group) in stuck, one.lag), default=None)
        done = read.get(channel, {}).get(-1 if worst is None else worst.reader, Movement())
        change = None if worst is None else growth(incoming.movement([(channel, taken)]), done)
        topic = replace(topic, groups=len(groups), partitions=partitions, growth=change)
        found.append(_topic(topic, worst, done.rate))
    return found


def _topic(topic: Subject, worst: _Behind | None, pace: float) -> Subject:
    """Return the topic as its worst group sees it, which reads `pace` per second."""
    if worst is not None:
        topic = replace(topic, backlog=worst.lag, reader=worst.group, out_rate=pace)
    if worst is None or worst.lag == 0:
        state: SubjectState = "ok" if topic.trend else "idle"
        return replace(topic, state=state, lag=None if worst is None else 0)
    grows = describe_growth((topic.in_rate or 0.0) - pace, worst.lag)
    return replace(
        topic,
        state="lagging" if worst.is_over else "ok",
        lag=worst.lag,
        oldest_seconds=_seconds(worst.age),
        note=f"{worst.group} {worst.lag:,} behind, {grows}",
    )


def _behind(tx: Snapshot) -> dict[int, list[_Behind]]:
    rows = tx.rows(
        "select p.channel, r.id, r.name, sum(max(p.next - s.cursor, 0)) as lag,"
        f" max(iif(s.cursor < p.next, (select {age_of('q')} from mq_records q"
        f"  where {layout.is_between('q.id', 'p.id', 'max(s.cursor, p.start)', 'p.next')}"
        "  order by q.id limit 1), null)),"
        " g.max_lag, g.max_lag_time, max(p.next - s.cursor)"
        " from mq_groups g join mq_readers r on r.id = g.reader"
        " join mq_slots s on s.reader = r.id join mq_partitions p on p.id = s.partition"
        " group by p.channel, r.id order by lag desc, r.name",
        moments(tx),
    )
    groups: dict[int, list[_Behind]] = {}
    for channel, *behind in rows:
        groups.setdefault(channel, []).append(_Behind(*behind))
    return groups


def _read_per_second(tx: Snapshot) -> Paces:
    rates = Rates(tx, "slot")
    slots: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for channel, reader, slot, done in tx.rows(
        "select p.channel, s.reader, s.id, s.cursor - iif(r.kind = 'share', s.leases, 0)"
        " from mq_slots s join mq_partitions p on p.id = s.partition"
        " join mq_readers r on r.id = s.reader"
        " where s.id in (select subject_id from mq_samples where subject = 'slot' and at > :since)",
        {"since": rates.since},
    ):
        slots.setdefault((channel, reader), []).append((slot, done))
    found: Paces = {}
    for (channel, reader), places in slots.items():
        found.setdefault(channel, {})[reader] = rates.movement(places)
    return found


def _queues(tx: Snapshot, incoming: Rates, trends: Trends) -> list[Subject]:
    leaving = Rates(tx, "queue")
    found = []
    for name in queues.catalog.names(tx):
        queue = queues.catalog.find(tx, name)
        status = counts.status(tx, queue)
        depth = status.messages
        sent = queue.first_lane.next
        subject = Subject(
            name=name,
            kind="queue",
            state="ok",
            depth=depth,
            ready=status.ready,
            leased=status.leased,
            delayed=status.delayed,
            blocked=status.blocked,
            lag=None,
            oldest_seconds=status.oldest_seconds,
            in_rate=incoming.rate(queue.id, sent),
            out_rate=leaving.rate(queue.id, sent - depth),
            trend=trends.trend(queue.id, sent),
            note="",
            backlog=depth,
            growth=growth(
                incoming.movement([(queue.id, sent)]), leaving.movement([(queue.id, sent - depth)])
            ),
        )
        found.append(_queue(subject, status.dead_letters))
    return found


def _queue(queue: Subject, dead_letters: int | None) -> Subject:
    if dead_letters:
        return replace(queue, state="dead letters", note=f"{dead_letters:,} dead letters")
    if queue.ready and (queue.oldest_seconds or 0) > LAGGING:
        grows = describe_growth((queue.in_rate or 0.0) - (queue.out_rate or 0.0), queue.depth)
        return replace(queue, state="lagging", note=f"{queue.ready:,} ready, {grows}")
    return replace(queue, state="ok" if queue.depth or queue.trend else "idle")


def _shares(tx: Snapshot, incoming: Rates, trends: Trends, read: Paces) -> list[Subject]:
    # Shares first, hence the cross join: most leases are not theirs but of queues.
    in_flight = {
        reader: (int(leased), int(delayed))
        for reader, leased, delayed in tx.rows(
            f"select l.reader, total({abandoned.HELD}),"
            f" total({abandoned.IN_FLIGHT} and not {abandoned.HELD})"
            " from mq_shares w cross join mq_leases l on l.reader = w.reader group by 1",
            abandoned.parameters(tx),
        )
    }
    found = []
    for reader, name, topic, source, unfinished, taken, oldest in tx.rows(_UNFINISHED, moments(tx)):
        leased, delayed = in_flight.get(reader, (0, 0))
        done = read.get(topic, {}).get(reader, Movement())
        in_rate = incoming.rate(topic, taken)
        age = _seconds(oldest)
        share = Subject(
            name=name,
            kind="share",
            state="lagging" if unfinished and (age or 0) > LAGGING else "ok",
            depth=unfinished,
            ready=unfinished - leased - delayed,
            leased=leased,
            delayed=delayed,
            blocked=None,
            lag=unfinished,
            oldest_seconds=age,
            in_rate=in_rate,
            out_rate=done.rate,
            trend=trends.trend(topic, taken),
            note=describe_growth(in_rate - done.rate, unfinished) if unfinished else "",
            backlog=unfinished,
            growth=growth(incoming.movement([(topic, taken)]), done),
            topic=source,
        )
        is_idle = not unfinished and not share.trend
        found.append(replace(share, state="idle") if is_idle else share)
    return found


# The unfinished records of a share: those in flight, and those it never handed out.
_UNFINISHED = f"""
select w.reader, r.name, p.channel, c.name, sum(p.next - s.cursor + s.leases), sum(p.next),
       max((select {age_of("q")} from mq_records q
            where q.id >= {layout.begin_of("p.id")} + max(p.start, ifnull(
                    (select min(l.id) - {layout.begin_of("s.id")} from mq_leases l
                     where {layout.is_of("l.id", "s.id")}), s.cursor))
              and q.id < {layout.begin_of("p.id")} + p.next order by q.id limit 1))
from mq_shares w
join mq_readers r on r.id = w.reader
join mq_slots s on s.reader = r.id
join mq_partitions p on p.id = s.partition
join mq_channels c on c.id = p.channel
group by w.reader
"""


def _seconds(age: int | None) -> float | None:
    return None if age is None else age / 1000
