"""Random runs of the log against a model in memory, with the invariants after every step."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings, strategies as st
from hypothesis.stateful import initialize, invariant, rule, run_state_machine_as_test

from store import BadInput, Exists, Fenced, NewRecord, NotFound, Position, Store
from store.model.clock import ManualClock
from tests.support.group_machine import SMALL, TOPICS, GroupMachine
from tests.support.invariants import check_all, check_invariants
from tests.support.log_model import Handle, LogModel, PartitionModel, Stored

KEYS = st.none() | st.sampled_from([b"", b"k", b"\x00\xff", b"a longer key"])
VALUES = st.none() | st.binary(max_size=20)
HEADERS = st.none() | st.dictionaries(st.sampled_from("ab"), st.integers(0, 3), max_size=2)
AGES = st.none() | st.integers(-200_000, 200_000)


class Log(GroupMachine):
    """One store, two handles on it that take turns, and what should be in it."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.path = self.folder / "store.db"
        self.clock = ManualClock()
        self.model = LogModel()
        self.turn = 0
        self.handles: list[Handle] = []

    @initialize()
    def begin(self) -> None:
        self.stores = [self._open(), self._open()]

    def _open(self) -> Store:
        return Store.open(self.path, create=True, durability="normal", clock=self.clock)

    @property
    def store(self) -> Store:
        self.turn += 1
        return self.stores[self.turn % 2]

    @invariant()
    def the_file_is_sound(self) -> None:
        store = self.store
        # `verify` takes longer than all else together, and looks again at what was there before.
        if self.turn % 5:
            check_invariants(store.path)
        else:
            check_all(store)

    @invariant()
    def counters_are_the_models(self) -> None:
        shown = {
            topic.name: [(p.start, p.end, p.records) for p in topic.partitions]
            for topic in self.store.topics()
        }
        assert shown == {
            name: [(p.start, p.next, len(p.records)) for p in partitions]
            for name, partitions in self.model.topics.items()
        }

    @rule(name=TOPICS, partitions=st.integers(1, 3))
    def create_topic(self, name: str, partitions: int) -> None:
        if name in self.model.topics:
            with pytest.raises(Exists):
                self.store.create_topic(name, partitions=partitions)
        else:
            self.store.create_topic(name, partitions=partitions, retention=None)
            self.model.topics[name] = [PartitionModel() for _ in range(partitions)]

    @rule(name=TOPICS, partitions=st.integers(1, 4))
    def add_partitions(self, name: str, partitions: int) -> None:
        present = len(self.model.topics.get(name, []))
        if not present:
            with pytest.raises(NotFound):
                self.store.alter_topic(name, partitions=partitions)
        elif partitions <= present:
            with pytest.raises(BadInput):
                self.store.alter_topic(name, partitions=partitions)
        else:
            self.store.alter_topic(name, partitions=partitions)
            added = partitions - present
            self.model.topics[name] += [PartitionModel() for _ in range(added)]

    @rule(name=TOPICS)
    def delete_topic(self, name: str) -> None:
        if name not in self.model.topics:
            with pytest.raises(NotFound):
                self.store.delete_topic(name)
            return
        self.store.delete_topic(name)
        self.model.delete_topic(name)
        for handle in [h for h in self.handles if h.reads(name)]:
            with pytest.raises(Fenced):
                handle.consumer.commit()
            handle.consumer.close()
            self.handles.remove(handle)

    @rule(
        name=TOPICS,
        records=st.lists(st.tuples(KEYS, VALUES, HEADERS, AGES), min_size=1, max_size=6),
        partition=st.none() | st.integers(0, 3),
    )
    def produce(self, name: str, records: list[Any], partition: int | None) -> None:
        new = self._new_records(records, partition)
        if name not in self.model.topics:
            with pytest.raises(NotFound):
                self.store.produce_many(name, new)
        elif partition is not None and partition >= len(self.model.topics[name]):
            with pytest.raises(BadInput):
                self.store.produce_many(name, new)
        else:
            ids = self.store.produce_many(name, new)
            self.model.append_all(name, new, ids, self.clock.wall())

    def _new_records(self, records: list[Any], partition: int | None) -> list[NewRecord]:
        now = self.clock.wall()
        return [
            NewRecord(value, key, headers, None if age is None else now - age, partition)
            for key, value, headers, age in records
        ]

    @rule(name=TOPICS, first=SMALL, count=st.integers(0, 5))
    def produce_by_name(self, name: str, first: int, count: int) -> None:
        if name not in self.model.topics:
            return
        producer = self.store.producer("loader")
        stored = self.model.sequences.get(name, 0)
        assert producer.stored(name) == stored
        records = [NewRecord(b"%d" % (first + n), b"k") for n in range(count)]
        ids = producer.produce_many(name, records, first)
        self.model.append_all(name, records[count - len(ids) :], ids, self.clock.wall())
        assert len(ids) == min(count, max(0, first + count - stored))
        if records:
            self.model.sequences[name] = max(stored, first + count)

    @rule(name=TOPICS, number=st.integers(0, 3), offset=SMALL, limit=st.integers(1, 8))
    def read(self, name: str, number: int, offset: int, limit: int) -> None:
        partition = self.model.partition(name, number)
        if partition is None:
            with pytest.raises(NotFound):
                self.store.read(name, number, offset, limit)
            return
        expected = [r for r in partition.records if r.offset >= offset][:limit]
        found = self.store.read(name, number, offset, limit)
        assert [Stored.of(record) for record in found] == expected

    @rule(name=TOPICS, number=st.integers(0, 3), age=st.integers(-300_000, 300_000))
    def resolve_a_time(self, name: str, number: int, age: int) -> None:
        partition = self.model.partition(name, number)
        if partition is not None:
            moment = max(0, self.clock.wall() - age)
            found = self.store.resolve(name, Position("time", moment), number)
            assert found == partition.offset_for_time(moment)

    @rule(name=TOPICS, number=st.integers(0, 3), before=SMALL)
    def trim(self, name: str, number: int, before: int) -> None:
        partition = self.model.partition(name, number)
        if partition is None:
            with pytest.raises(NotFound):
                self.store.trim(name, Position("offset", before), number)
        elif before > partition.next:
            with pytest.raises(BadInput):
                self.store.trim(name, Position("offset", before), number)
        else:
            result = self.store.trim(name, Position("offset", before), number)[0]
            assert result.removed == partition.trim(before)

    @rule(seconds=st.sampled_from([0.5, 10, 16, 50]))
    def time_passes(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @rule(seconds=st.integers(-7_200, 7_200))
    def the_wall_clock_jumps(self, seconds: int) -> None:
        self.clock.jump_wall(seconds)

    @rule()
    def reopen(self) -> None:
        """What was confirmed is there again; consumers of the closed handles are gone."""
        for store in self.stores:
            store.close()
        self.handles.clear()
        self.begin()

    def teardown(self) -> None:
        for store in self.stores:
            store.close()
        shutil.rmtree(self.folder)


ALWAYS = settings(deadline=None, print_blob=True, suppress_health_check=list(HealthCheck))


def test_the_log_is_as_its_model_after_every_step() -> None:
    runs = settings(ALWAYS, max_examples=35, stateful_step_count=40)
    run_state_machine_as_test(Log, settings=runs)


@pytest.mark.nightly
def test_the_log_is_as_its_model_after_every_step_of_long_runs() -> None:
    runs = settings(ALWAYS, max_examples=10_000, stateful_step_count=100)
    run_state_machine_as_test(Log, settings=runs)
