"""Random runs of a share against what it promises, with the invariants after every step."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from store import LeaseLost, NewRecord, Position, SharedRecord, Store
from store.model.clock import ManualClock
from tests.support.invariants import check_invariants
from tests.support.share_invariants import check_share_invariants

LEASE = 30_000
LIMIT = 3
Place = tuple[int, int]
WHICH = st.integers(0, 7)
HOW = ["ack", "ack", "nack", "nack", "reject", "extend", "unreceive"]


@dataclass
class Delivery:
    """What is known of a record that was handed out and is not finished."""

    record: SharedRecord
    ends: int | None

    def is_held(self, now: int) -> bool:
        """Whether its lease runs."""
        return self.ends is not None and self.ends > now


class Shares(RuleBasedStateMachine):
    """A share of a topic of two partitions, whose workers do as they like."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "store.db"
        self.clock = ManualClock()
        self.store = Store.open(self.path, create=True, durability="normal", clock=self.clock)
        self.flying: dict[Place, Delivery] = {}
        self.finished: set[Place] = set()
        self.dead: set[Place] = set()
        self.ends = [0, 0]
        self.starts = [0, 0]
        self.window = 4
        self.limit = LIMIT

    def teardown(self) -> None:
        self.store.close()
        self.folder.cleanup()

    @property
    def now(self) -> int:
        return self.store.now()

    @initialize(window=st.sampled_from([1, 4, 50]))
    def begin(self, window: int) -> None:
        self.window = window
        self.store.create_topic("t", partitions=2)
        self.store.create_queue("dead")
        self.store.create_share("s", "t", dlq="dead", max_deliveries=LIMIT, max_in_flight=window)
        self._produce((5, 5))

    def _produce(self, counts: tuple[int, int]) -> None:
        for partition, count in enumerate(counts):
            records = [
                NewRecord(f"{partition}:{self.ends[partition] + n}", partition=partition)
                for n in range(count)
            ]
            self.store.produce_many("t", records)
            self.ends[partition] += count

    @rule(most=st.sampled_from([1, 3, 100]), after=st.sampled_from([0, 1, 31]))
    def acquire(self, most: int, after: int) -> None:
        self.clock.advance(after)
        now = self.now
        found = self.store.acquire("s", most)
        self._note_exhausted(now)
        assert len(found) <= most
        for record in found:
            place = (record.partition, record.offset)
            before = self.flying.get(place)
            assert place not in self.finished, "what is finished is never handed out again"
            assert before is None or not before.is_held(now), "nobody else has it"
            assert record.deliveries == (1 if before is None else before.record.deliveries + 1)
            assert record.deliveries <= self.limit
            assert record.value == b"%d:%d" % place
            self.flying[place] = Delivery(record, now + LEASE)
        if not found:
            self._nothing_was_left()

    def _note_exhausted(self, now: int) -> None:
        """What lapsed at its last delivery is archived as soon as somebody looks."""
        present = {one.address for one in self.store.in_flight("s")}
        for place, one in list(self.flying.items()):
            is_exhausted = not one.is_held(now) and one.record.deliveries >= self.limit
            if is_exhausted and one.record.address not in present:
                self._finish(place, dead=True)

    def _nothing_was_left(self) -> None:
        assert all(one.is_held(self.now) for one in self.flying.values())
        for place in self.store.share("s").partitions:
            assert place.full or place.next == place.end

    def _finish(self, place: Place, *, dead: bool = False) -> None:
        del self.flying[place]
        self.finished.add(place)
        if dead:
            self.dead.add(place)

    def _pick(self, which: int) -> tuple[Place, Delivery] | None:
        places = sorted(self.flying)
        return None if not places else (chosen := places[which % len(places)], self.flying[chosen])

    # Few rules, each for many things: Hypothesis leaves out some rules of every run.
    @rule(which=WHICH, how=st.sampled_from(HOW))
    def settle(self, which: int, how: str) -> None:
        if (picked := self._pick(which)) is None:
            return
        place, one = picked
        if not one.is_held(self.now):
            self._is_refused(one)
            return
        receipts = [one.record.receipt]
        match how:
            case "ack":
                self.store.ack(receipts)
                self.store.ack(receipts)
                self._finish(place)
            case "nack":
                self._nack(place, one)
            case "reject":
                self.store.reject(receipts)
                self._finish(place, dead=True)
            case "extend":
                self.store.extend(receipts, 90)
                one.ends = self.now + 90_000
            case "unreceive":
                self.store.unreceive(receipts)
                one.ends = None
                one.record = one.record._replace(deliveries=one.record.deliveries - 1)
                self._is_refused(one)

    def _nack(self, place: Place, one: Delivery) -> None:
        self.store.nack([one.record.receipt])
        if one.record.deliveries >= self.limit:
            self._finish(place, dead=True)
        else:
            one.ends = None
            self._is_refused(one)

    def _is_refused(self, one: Delivery) -> None:
        for settle in (self.store.ack, self.store.nack, self.store.reject):
            with pytest.raises(LeaseLost):
                settle([one.record.receipt])

    @rule(seconds=st.sampled_from([1, 29, 31, 31, 100]))
    def time_passes(self, seconds: int) -> None:
        self.clock.advance(seconds)

    @rule(
        what=st.sampled_from(["produce", "produce", "trim", "reset", "reopen", "limit", "limit"]),
        counts=st.tuples(st.integers(0, 5), st.integers(0, 5)),
        often=st.integers(0, 2),
    )
    def something_else(self, what: str, counts: tuple[int, int], often: int) -> None:
        """What is trimmed or reset shows little, so not at every call."""
        match what:
            case "produce":
                self._produce(counts)
            case "reopen":
                self.store.close()
                self.store = Store.open(self.path, clock=self.clock)
            case "limit":
                self._alter_limit(1 + counts[0] % 3)
            case "trim" if not often:
                self._trim(*counts)
            case "reset" if not often:
                self.store.reset_share("s", Position("earliest"), force=True)
                self.flying.clear()
                self.finished.clear()

    def _alter_limit(self, most: int) -> None:
        """What nobody holds and was delivered so often is finished at once."""
        self.limit = most
        self.store.alter_share("s", max_deliveries=most)
        for place, one in list(self.flying.items()):
            if not one.is_held(self.now) and one.record.deliveries >= most:
                self._finish(place, dead=True)

    def _trim(self, partition: int, count: int) -> None:
        partition %= 2
        before = min(self.starts[partition] + count, self.ends[partition])
        self.store.trim("t", Position("offset", before), partition)
        self.starts[partition] = before
        for place in [one for one in self.flying if one[0] == partition and one[1] < before]:
            del self.flying[place]

    @invariant()
    def all_is_well(self) -> None:
        if self.store.kind("s") is None:
            return
        check_invariants(self.path)
        check_share_invariants(self.path)
        places = self.store.share("s").partitions
        # What was received and not begun may as well be behind the window again.
        flying = {
            one.address: (one.state == "leased", one.deliveries)
            for one in self.store.in_flight("s")
            if one.deliveries
        }
        assert flying == {
            one.record.address: (one.is_held(self.now), one.record.deliveries)
            for one in self.flying.values()
            if one.record.deliveries
        }
        for place in places:
            number = place.partition
            done = {o for p, o in self.finished if p == number and o >= self.starts[number]}
            assert place.lag == self.ends[number] - self.starts[number] - len(done)
            assert place.next - place.start <= self.window
        dead = {(letter.value or b"").decode() for letter in self.store.messages("dead")}
        assert dead == {f"{partition}:{offset}" for partition, offset in self.dead}


TestShares = Shares.TestCase
TestShares.settings = settings(
    max_examples=30,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
