"""What is seen of messages whose holder is gone: what the next receive will find."""

from __future__ import annotations

import sqlite3
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from store import LeaseLost, NewMessage, NewRecord, Store
from store.model.clock import ManualClock
from store.sqlite.leases import abandoned, messages
from tests.support.queue_invariants import check_queue_invariants
from tests.support.share_invariants import check_share_invariants

KINDS: dict[str, dict[str, Any] | None] = {
    "standard": {},
    "fifo": {"fifo": True},
    "priorities": {"priorities": 2},
    "fair": {"fair": True},
    "share": None,
    "retry delays": {"retry_delays": [60], "max_deliveries": 2, "drop_exhausted": True},
    "fifo, retry delays": {
        "fifo": True, "retry_delays": [60], "max_deliveries": 2, "drop_exhausted": True, "delay": 5,
    },
}  # fmt: skip
each_kind = pytest.mark.parametrize("kind", KINDS)


class Jobs:
    """A queue or share `jobs` whose holders can be made to die."""

    def __init__(self, folder: Path, kind: str) -> None:
        self.path = folder / "store.db"
        self.clock = ManualClock()
        self.store = Store.open(self.path, create=True, durability="normal", clock=self.clock)
        self.is_share = KINDS[kind] is None
        self.held: list[str] = []
        if self.is_share:
            self.store.create_topic("t", partitions=2)
            self.store.create_share("jobs", "t", max_deliveries=3, max_in_flight=4)
        else:
            self.store.create_queue("jobs", **KINDS[kind] or {})

    def send(self, number: int, group: str) -> None:
        if self.is_share:
            records = [NewRecord(b"%d" % n, partition=n % 2) for n in range(number)]
            self.store.produce_many("t", records)
        else:
            self.store.send_many("jobs", [NewMessage(b"x", message_group=group)] * number)

    def take(self, number: int, holder: str) -> int:
        take = self.store.acquire if self.is_share else self.store.receive
        found = [*take("jobs", number, holder=holder, attached=True)]
        self.held += [one.receipt or "" for one in found]
        return len(found)

    def settle(self, what: str, number: int) -> None:
        for receipt in self.held[:number]:
            with suppress(LeaseLost):
                getattr(self.store, what)([receipt])
        del self.held[:number]

    def die(self, holder: str) -> None:
        """Let the holder's process be another one, which has its pid now."""
        with closing(sqlite3.connect(self.path)) as connection:
            connection.execute("update mq_holders set started = -1 where name = ?", (holder,))
            connection.commit()

    def free(self) -> int:
        """Do what the next receive does before it receives."""
        with self.store._database.write() as tx:
            return abandoned.free(tx, messages.find_reader(tx, "jobs"))

    def seen(self) -> list[object]:
        """All that tells who has what."""
        leases = [self.store.leases("jobs", expired=expired) for expired in (False, True)]
        of_leases = [sorted(one.address for one in found) for found in leases]
        subjects = [s for s in self.store.snapshot().subjects if s.name == "jobs"]
        told: list[object] = [
            of_leases,
            [(s.ready, s.leased, s.delayed, s.blocked) for s in subjects],
            sorted(stall.blocker for stall in self.store.stalls(over=0)),
            sorted(row.address for row in self.store.queue_detail("jobs", 100).leases),
        ]
        if self.is_share:
            in_flight = self.store.in_flight("jobs")
            told += [(one.address, one.state, one.holder) for one in in_flight]
            told += [
                (p.leased, p.delayed, p.ready, p.lag) for p in self.store.share("jobs").partitions
            ]
        else:
            told += [
                (one.sequence, one.state, one.deliveries) for one in self.store.messages("jobs")
            ]
            told.append(self.counted())
        return told

    def counted(self) -> Counter[str]:
        status = self.store.queue("jobs")
        states = ("ready", "leased", "delayed", "blocked")
        return Counter({state: getattr(status, state) for state in states})


@pytest.fixture
def jobs(tmp_path: Path, kind: str) -> Any:
    made = Jobs(tmp_path, kind)
    with made.store:
        yield made


@each_kind
def test_nobody_has_what_a_dead_holder_had(jobs: Jobs, kind: str) -> None:
    jobs.send(4, "g")
    jobs.clock.advance(5)
    assert jobs.take(3, "victim") == 3
    before = jobs.store.leases("jobs")
    jobs.die("victim")

    assert len(before) == 3
    assert jobs.store.leases("jobs") == []
    assert len(jobs.store.leases("jobs", expired=True)) == 3
    assert jobs.store.stalls(over=0) == [] or "retry" in kind
    if not jobs.is_share:
        waiting = "delayed" if "retry" in kind else "ready"
        states = [one.state for one in jobs.store.messages("jobs")]
        last = "blocked" if kind == "fifo, retry delays" else "ready"
        assert states == [waiting] * 3 + [last]


@each_kind
def test_looking_writes_nothing(jobs: Jobs, kind: str) -> None:
    jobs.send(4, "g")
    jobs.clock.advance(5)
    jobs.take(3, "victim")
    jobs.die("victim")
    since = jobs.store.changed()
    jobs.seen()

    assert jobs.store.changed() == since


@each_kind
def test_who_is_there_keeps_what_is_his(jobs: Jobs, kind: str) -> None:
    jobs.send(4, "g")
    jobs.clock.advance(5)
    jobs.take(1, "victim")
    jobs.take(3, "other")
    kept = len(jobs.store.leases("jobs")) - 1
    jobs.die("victim")

    assert {lease.holder for lease in jobs.store.leases("jobs")} <= {"other"}
    assert len(jobs.store.leases("jobs")) == kept


def test_a_share_may_be_deleted_that_only_the_dead_hold(tmp_path: Path) -> None:
    jobs = Jobs(tmp_path, "share")
    with jobs.store as store:
        jobs.send(2, "g")
        jobs.take(2, "victim")
        jobs.die("victim")
        store.delete_share("jobs")


def test_a_dead_letter_that_only_the_dead_hold_is_redriven(tmp_path: Path) -> None:
    jobs = Jobs(tmp_path, "standard")
    with jobs.store as store:
        store.create_queue("source", dlq="jobs")
        store.send("source", "a")
        store.reject([store.receive("source")[0].receipt or ""])
        jobs.take(1, "victim")
        jobs.die("victim")

        assert len(store.redrive("jobs").moved) == 1


# Whatever was done before, a view shows what the next receive makes of it.

STEPS = st.lists(
    st.tuples(
        st.sampled_from(["send", "take", "take", "ack", "nack", "extend", "unreceive", "wait"]),
        st.integers(1, 4),
        st.sampled_from("ab"),
    ),
    min_size=4,
    max_size=25,
)


@each_kind
@given(steps=STEPS)
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_view_shows_what_the_next_receive_will_find(kind: str, steps: Sequence[Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        jobs = Jobs(Path(folder), kind)
        with jobs.store:
            for what, number, name in steps:
                step(jobs, what)(number, name)
            jobs.die("a")
            before = jobs.seen()
            jobs.free()

            assert jobs.seen() == before
            if jobs.is_share:
                check_share_invariants(jobs.path)
            else:
                states = Counter(one.state for one in jobs.store.messages("jobs"))
                assert jobs.counted() == states
                check_queue_invariants(jobs.path, jobs.clock)


def step(jobs: Jobs, what: str) -> Callable[[int, str], object]:
    def extend(receipt: str) -> None:
        jobs.store.extend([receipt], 50)

    match what:
        case "send":
            return jobs.send
        case "take":
            return jobs.take
        case "wait":
            return lambda number, _: jobs.clock.advance(number * 9)
        case "extend":
            return lambda number, _: [*map(extend, live(jobs, number))]
    return lambda number, _: jobs.settle(what, number)


def live(jobs: Jobs, number: int) -> list[str]:
    return [lease.receipt for lease in jobs.store.leases("jobs")[:number]]
