"""Queues and shares: leases too short, one group for all, messages about to expire, chaos."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from math import ceil

from store.model.actions import Alter, alter
from store.model.addresses import Kind
from store.model.diagnoses import Diagnosis, advice, warning
from store.model.looks import Peek, Show, ShowLeases
from store.model.text import describe_duration, format_duration
from store.sqlite import layout
from store.sqlite.file.database import Snapshot
from store.sqlite.file.timekeeping import age_of, moments
from store.sqlite.leases import processing_times
from store.sqlite.operations.doctor.reading import NEAR

_ENOUGH_MESSAGES = 100
_MOSTLY = 0.8
_ENOUGH_TIMES = 20
_RECENT = 3_600_000
# One lapse is a crash; several are a habit.
_ENOUGH_LAPSES = 3


def examine(tx: Snapshot) -> Iterator[Diagnosis]:
    """Yield the problems of readers that lease."""
    yield from _one_group(tx)
    yield from _expiring(tx)
    yield from _short_leases(tx)
    yield from _lapsing(tx)
    yield from _chaos(tx)


def _one_group(tx: Snapshot) -> Iterator[Diagnosis]:
    """Yield FIFO queues in which one group holds nearly everything."""
    for name, group, most, total in tx.rows(
        "select r.name, h.message_group, max(h.messages), sum(h.messages) from mq_heads h"
        " join mq_readers r on r.id = h.reader group by h.reader"
        " having sum(h.messages) >= :enough and max(h.messages) >= :mostly * sum(h.messages)"
        " order by r.name",
        {"enough": _ENOUGH_MESSAGES, "mostly": _MOSTLY},
    ):
        yield warning(
            "one_group", name, f"{most:,} of {total:,} messages are of message group {group}",
            "a group is worked on one after another: more workers won't help, and a message that"
            " fails holds all of them",
            Peek(name, limit=20), Show("queue", name),
        )  # fmt: skip


def _expiring(tx: Snapshot) -> Iterator[Diagnosis]:
    """Yield queues of which the oldest message has used up most of its retention."""
    age = age_of("e")
    for name, retention, oldest, left in tx.rows(
        f"select c.name, q.retention, max({age}), min(ifnull(e.expires - :wall,"
        f" q.retention - {age})) from mq_queues q join mq_channels c on c.id = q.channel"
        " join mq_partitions p on p.channel = c.id and p.records > 0"
        " join mq_records e on e.id = (select f.id from mq_records f"
        f" where {layout.is_of('f.id', 'p.id')} order by f.id limit 1)"
        " where q.ttl is null group by c.id",
        moments(tx),
    ):
        if left > retention * (1 - NEAR):
            continue
        yield warning(
            "retention_near", name,
            f"its oldest message is {describe_duration(oldest / 1000)} old;"
            f" retention of {format_duration(retention)} removes it in"
            f" {describe_duration(max(0, left) / 1000)}",
            "what retention removes before it is done is lost",
            alter("queue", name, retention=timedelta(milliseconds=retention * 2)),
            Peek(name),
        )  # fmt: skip


def _short_leases(tx: Snapshot) -> Iterator[Diagnosis]:
    """Yield readers that take longer over a message than its lease."""
    for times in processing_times.every(tx):
        if times.samples < _ENOUGH_TIMES or times.p99 <= times.lease:
            continue
        yield warning(
            "short_lease", times.reader,
            f"1 message in 100 takes {describe_duration(times.p99 / 1000)} or longer, the middle"
            f" one {describe_duration(times.median / 1000)} ({times.samples} timed); the lease is"
            f" {format_duration(times.lease)}",
            "a lease that ends before the work gives the message to another: it is done twice",
            _longer(times.kind, times.reader, times.p99 * 2),
            ShowLeases(times.reader),
        )  # fmt: skip


def _lapsing(tx: Snapshot) -> Iterator[Diagnosis]:
    """Yield readers whose leases end by time."""
    for kind, name, lease, times in tx.rows(
        "select r.kind, r.name, r.lease, a.times from"
        f" (select {layout.owner_of('lease')} as slot, count(*) as times from mq_attempts"
        "  where ended >= :since and outcome = 'expired' group by 1) a"
        " join mq_slots s on s.id = a.slot join mq_readers r on r.id = s.reader"
        " where r.kind <> 'group' and a.times >= :enough order by r.name",
        {"since": tx.wall - _RECENT, "enough": _ENOUGH_LAPSES},
    ):
        yield advice(
            "leases_lapse", name,
            f"{times:,} leases of {format_duration(lease)} ended by time in the last hour",
            "the holders died, or one is still at work while another has the same message",
            ShowLeases(name), _longer(kind, name, lease * 2),
        )  # fmt: skip


def _chaos(tx: Snapshot) -> Iterator[Diagnosis]:
    for name, chaos in tx.rows(
        "select c.name, q.chaos from mq_queues q join mq_channels c on c.id = q.channel"
        " where q.chaos not null order by c.name"
    ):
        yield warning(
            "chaos_on", name, chaos, "it repeats, delays, mixes or refuses on purpose, for tests",
            alter("queue", name, chaos=None),
        )  # fmt: skip


def _longer(kind: Kind, name: str, lease: float) -> Alter:
    return alter(kind, name, lease=timedelta(seconds=ceil(lease / 1000)))
