"""A compacted topic against plain lists, in random runs."""

from __future__ import annotations

from pathlib import Path

from hypothesis import HealthCheck, settings, strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from store import NewRecord, Position, Store
from store.model.clock import ManualClock
from tests.support.invariants import check_all, check_invariants
from tests.support.log_model import Stored


def new_records(text: str) -> list[NewRecord]:
    """A record per letter, which is the key; a capital is a tombstone."""
    return [NewRecord(None if c.isupper() else "x", c.lower()) for c in text]


class Compacted(RuleBasedStateMachine):
    """A compacted topic against lists: what was appended, and which of it should be left."""

    path: Path
    number = 0

    @initialize(lag=st.sampled_from([0, 20]), delay=st.sampled_from([0, 30]))
    def begin(self, lag: int, delay: int) -> None:
        self.clock = ManualClock()
        Compacted.number += 1
        path = self.path / f"{Compacted.number}.db"
        self.store = Store.open(path, create=True, durability="normal", clock=self.clock)
        self.store.create_topic(
            "users", cleanup="compact,delete", compaction_lag=lag, tombstone_delay=delay
        )
        self.lag, self.delay = lag * 1000, delay * 1000
        self.log: list[Stored] = []
        self.seen: dict[int, int] = {}
        self.end = self.start = 0

    @rule(keys=st.text("abcABC", min_size=1, max_size=8))
    def append(self, keys: str) -> None:
        self.store.produce_many("users", new_records(keys))
        for c in keys:
            value = None if c.isupper() else b"x"
            key = c.lower().encode()
            self.log.append(Stored(self.end, self.clock.wall(), key, {}, value))
            self.end += 1

    @rule(seconds=st.sampled_from([1, 10, 20, 30]))
    def time_passes(self, seconds: int) -> None:
        self.clock.advance(seconds)

    @rule(back=st.integers(0, 6))
    def trim(self, back: int) -> None:
        self.start = max(self.start, self.end - back)
        self.store.trim("users", Position("offset", self.end - back))
        self.log = [record for record in self.log if record.offset >= self.start]

    @rule()
    def compact(self) -> None:
        now = self.clock.wall()
        old = [record for record in self.log if now - record.timestamp >= self.lag]
        newest = {record.key: record.offset for record in old}
        expired = {n for n, seen in self.seen.items() if now - seen >= self.delay}
        gone = {r.offset for r in old if newest[r.key] != r.offset} | expired
        self.store.compact_topic("users")
        for record in old:
            if record.value is None:
                self.seen.setdefault(record.offset, now)
        self.log = [record for record in self.log if record.offset not in gone]

    @rule(offset=st.integers(0, 40))
    def read(self, offset: int) -> None:
        expected = [record for record in self.log if record.offset >= offset]
        assert [Stored.of(r) for r in self.store.read("users", offset=offset)] == expected

    @rule(key=st.sampled_from("abc"))
    def look_up(self, key: str) -> None:
        values = [record for record in self.log if record.key == key.encode()]
        expected = [r for r in values[-1:] if r.value is not None]
        assert [Stored.of(r) for r in self.store.latest("users", key)] == expected

    @invariant()
    def the_file_is_sound(self) -> None:
        if hasattr(self, "store"):
            check_invariants(self.store.path)
            (partition,) = self.store.topic("users").partitions
            assert (partition.start, partition.end, partition.records) == (
                self.start, self.end, len(self.log),
            )  # fmt: skip

    def teardown(self) -> None:
        if hasattr(self, "store"):
            check_all(self.store)
            self.store.close()


def test_a_compacted_log_is_as_its_model(tmp_path: Path) -> None:
    Compacted.path = tmp_path
    runs = settings(
        deadline=None,
        max_examples=40,
        stateful_step_count=25,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(Compacted, settings=runs)
