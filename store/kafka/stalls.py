"""Stalls of groups: partitions that no member reads, and those whose member commits nothing.

That no member is there the coordinator tells at once. That a member holds a record up shows only
between two looks, as Kafka keeps no time of a commit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from store.model import actions, looks
from store.model.addresses import Address
from store.model.groups import Lag
from store.model.stalls import Cause, Remedy, Stall
from store.model.text import describe_duration

_Reader = tuple[str, str, int]


class Standstills:
    """How long each reader has stood at one offset, in the looks of this object."""

    def __init__(self) -> None:
        self._since: dict[_Reader, tuple[int | None, str | None, float]] = {}

    def take(self, rows: Sequence[Lag], now: float) -> None:
        """Note where each group that is behind stands; `now` is in seconds."""
        before, self._since = self._since, {}
        for row in rows:
            if row.lag:
                reader = _reader(row)
                committed, member, since = before.get(reader, (row.committed, row.member, now))
                if (committed, member) != (row.committed, row.member):
                    since = now
                self._since[reader] = row.committed, row.member, since

    def seconds(self, row: Lag, now: float) -> float:
        """Return for how many seconds a reader was seen at its offset."""
        return now - self._since[_reader(row)][2] if _reader(row) in self._since else 0.0


def candidates(rows: Sequence[Lag], still: Standstills, now: float, over: float) -> list[Lag]:
    """Return the rows that may be stalls, if there is a record at their offset."""
    return [
        row for row in rows if row.lag and (row.member is None or still.seconds(row, now) >= over)
    ]


def of(
    rows: Sequence[Lag],
    still: Standstills,
    now: float,
    thresholds: tuple[float, float],
    growth: Mapping[_Reader, float],
) -> list[Stall]:
    """Return the stalls among rows with ages, the worst first; `thresholds` are over, idle after.

    A row without an age has no record left to read: only marks of transactions are behind it.
    """
    over, idle_after = thresholds
    stalls: list[Stall] = []
    for row in rows:
        if not row.lag or row.lag_seconds is None:
            continue
        rate = growth.get(_reader(row), 0.0)
        if row.member is None:
            if row.lag_seconds >= idle_after:
                stalls.append(_stall(row, "unassigned", row.lag_seconds, idle_after, rate))
        elif (seconds := still.seconds(row, now)) >= over:
            stalls.append(_stall(row, "held", seconds, over, rate))
    return sorted(stalls, key=lambda one: -one.blocked * max(one.seconds, 1.0))


def _reader(row: Lag) -> _Reader:
    return row.group, row.topic, row.partition


def _stall(row: Lag, cause: Cause, seconds: float, threshold: float, growth: float) -> Stall:
    offset = max(row.start, row.committed or 0)
    record = Address(row.topic, row.partition, offset)
    age = row.lag_seconds or 0.0
    return Stall(
        kind="group",
        source=row.topic,
        partition=row.partition,
        reader=row.group,
        blocker=str(record),
        key=None,
        blocked=max(0, row.lag - 1),
        keys=0,
        keys_exact=False,
        seconds=seconds,
        threshold=threshold,
        deliveries=0,
        holder=row.member,
        holder_host=None,
        holder_pid=None,
        holder_seen=None,
        error=None,
        same_errors=0,
        cause=cause,
        why=_why(row, cause, seconds),
        committed=row.committed,
        offset=offset,
        end=row.end,
        size=None,
        produced=None,
        oldest_seconds=age,
        growth=growth,
        retention_seconds=None,
        remedies=_remedies(row, cause),
    )


def _why(row: Lag, cause: Cause, seconds: float) -> str:
    if cause == "unassigned":
        return "no member of the group reads this partition"
    ago = describe_duration(seconds)
    return f"{row.member} is alive, has it and has committed nothing for {ago}"


def _remedies(row: Lag, cause: Cause) -> tuple[Remedy, ...]:
    if cause == "held":
        members = looks.Show("group", row.group)
        return (Remedy("read", members, "see the member, and where it runs"),)
    to_latest = actions.ResetGroup(row.group, row.topic, row.partition, "latest")
    return (
        Remedy("read", looks.Consume(row.topic, row.group), "read on, print and commit it"),
        Remedy("reset", to_latest, "go on with what comes from now on"),
        Remedy(
            "delete", actions.Delete("group", row.group), "forget the group, if it is not needed"
        ),
    )
