"""Random steps of consumer groups against the model: join, poll, commit, reset, take over."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from store import BadInput, Fenced, GroupActive, NewRecord, NotFound, Position, Shift, Store
from store.model.clock import ManualClock
from store.model.positions import Scope
from store.model.topics import RecordId
from tests.support.log_model import Handle, LogModel, Place, Stored

TOPICS = st.sampled_from(["clicks", "orders"])
GROUPS = st.sampled_from(["audit", "billing"])
MEMBERS = st.sampled_from(["one", "two", "three"])
SMALL = st.integers(0, 12)


class Undone(Exception):
    """Raised in a transaction that shall be rolled back."""


class GroupMachine(RuleBasedStateMachine):
    """The part of the machine that reads; `Log` adds topics and time."""

    path: Path
    clock: ManualClock
    model: LogModel
    handles: list[Handle]

    @property
    def store(self) -> Store:
        """One of the open handles on the store."""
        raise AssertionError("the machine that is run opens the store")

    @invariant()
    def commits_are_the_models(self) -> None:
        shown: dict[str, dict[Place, int]] = {name: {} for name in self.model.committed}
        for row in self.store.lag():
            assert row.lag >= 0
            if row.committed is not None:
                assert row.lag == row.end - row.committed
                shown[row.group][row.topic, row.partition] = row.committed
        assert shown == self.model.committed

    @rule(name=TOPICS, group=GROUPS, member=MEMBERS)
    def join(self, name: str, group: str, member: str) -> None:
        if name not in self.model.topics:
            with pytest.raises(NotFound):
                self.store.consumer(group, [name], member=member)
            return
        consumer = self.store.consumer(group, [name], member=member)
        for handle in self.handles:
            handle.removed = handle.removed or (handle.group, handle.member) == (group, member)
        self.model.committed.setdefault(group, {})
        assert all(place[0] == name for place in consumer.assignment)
        self._check_positions(group, consumer.position)
        self.handles.append(Handle(consumer, group, member))

    def _check_positions(self, group: str, position: dict[Place, int]) -> None:
        """Who takes a partition begins where the group committed."""
        for place, offset in position.items():
            expected = self.model.committed[group].get(place)
            assert expected in (None, offset)

    @precondition(lambda self: self.handles)
    @rule(which=st.integers(0, 9), most=st.integers(1, 5))
    def poll(self, which: int, most: int) -> None:
        handle = self.handles[which % len(self.handles)]
        before = handle.consumer.position
        try:
            found = handle.consumer.poll(most, timeout=0)
        except Fenced:
            assert not self._is_member(handle)
            handle.removed = True
            return
        assert not handle.removed
        for place in handle.consumer.assignment:
            polled = [Stored.of(r) for r in found if (r.topic, r.partition) == place]
            self._check_polled(handle, place, before.get(place), polled)
        assert {(r.topic, r.partition) for r in found} <= set(handle.consumer.assignment)

    def _check_polled(
        self, handle: Handle, place: Place, before: int | None, polled: list[Stored]
    ) -> None:
        """Records follow the last poll's, or what was committed when the partition came anew."""
        starts = {before, self.model.committed[handle.group].get(place, 0)} - {None}
        expected = [
            self.model.from_offset(place, s)[: len(polled)] for s in starts if s is not None
        ]
        assert polled in expected
        if polled:
            assert handle.consumer.position[place] == polled[-1].offset + 1

    def _is_member(self, handle: Handle) -> bool:
        incarnation = handle.consumer._membership.incarnation
        with closing(sqlite3.connect(self.path)) as connection:
            row = connection.execute(
                "select 1 from mq_members where incarnation = ?", (incarnation,)
            ).fetchone()
        return row is not None

    def _owns(self, handle: Handle, place: Place) -> bool:
        """The rule itself: the slot has this incarnation, under the epoch that it was given."""
        mine = handle.consumer._owned[place]
        with closing(sqlite3.connect(self.path)) as connection:
            row = connection.execute(
                "select member, epoch from mq_slots where id = ?", (mine.slot,)
            ).fetchone()
        return bool(row == (handle.consumer._membership.incarnation, mine.epoch))

    @precondition(lambda self: self.handles)
    @rule(which=st.integers(0, 9))
    def commit(self, which: int) -> None:
        handle = self.handles[which % len(self.handles)]
        position = handle.consumer.position
        if not all(self._owns(handle, place) for place in position):
            with pytest.raises(Fenced):
                handle.consumer.commit()
            return
        assert not (handle.removed and position)
        handle.consumer.commit()
        committed = self.model.committed.get(handle.group, {})
        assert all(offset >= committed.get(place, 0) for place, offset in position.items())
        if position:
            self.model.commit(handle.group, position)

    @precondition(lambda self: self.handles)
    @rule(which=st.integers(0, 9))
    def leave(self, which: int) -> None:
        handle = self.handles.pop(which % len(self.handles))
        handle.consumer.close()
        assert not self._is_member(handle)

    @rule(
        group=GROUPS,
        name=TOPICS,
        to=st.builds(lambda n: Position("offset", n), SMALL) | st.builds(Shift, st.integers(-4, 4)),
        force=st.booleans(),
    )
    def reset(self, group: str, name: str, to: Position | Shift, force: bool) -> None:
        scope: Scope = [(name, None)]
        if name not in self.model.topics:
            with pytest.raises(NotFound):
                self.store.plan_reset(group, to, scope)
            return
        expected = self.model.plan(group, name, to)
        if expected is None:
            with pytest.raises(BadInput):
                self.store.reset_group(group, to, scope, force=force)
            return
        plan = self.store.plan_reset(group, to, scope)
        assert {(c.topic, c.partition): c.new for c in plan} == expected
        if self._live(group) and not force:
            with pytest.raises(GroupActive):
                self.store.reset_group(group, to, scope)
            return
        assert self.store.reset_group(group, to, scope, force=force) == plan
        self.model.commit(group, expected)
        for handle in self.handles:
            handle.removed = handle.removed or (force and handle.group == group)
        self._nobody_may_commit(group, name)

    def _live(self, group: str) -> bool:
        return any(one.name == group and one.members for one in self.store.groups())

    def _nobody_may_commit(self, group: str, topic: str) -> None:
        for handle in self.handles:
            if handle.group == group and handle.reads(topic):
                with pytest.raises(Fenced):
                    handle.consumer.commit()

    @rule(name=TOPICS, group=GROUPS, count=st.integers(1, 4), end=st.booleans())
    def transaction(self, name: str, group: str, count: int, end: bool) -> None:
        """Produce and commit an offset together, and keep both or neither."""
        if name not in self.model.topics or group not in self.model.committed:
            return
        records = [NewRecord(b"tx %d" % n) for n in range(count)]
        live = self._live(group)
        ids: list[RecordId] = []
        try:
            with self.store.transaction() as tx:
                ids = tx.produce_many(name, records)
                offsets = {(name, ids[-1].partition): ids[-1].offset + 1}
                if live:
                    with pytest.raises(Fenced):
                        tx.commit(group, offsets)
                else:
                    tx.commit(group, offsets)
                if not end:
                    raise Undone
        except Undone:
            return
        self.model.append_all(name, records, ids, self.clock.wall())
        if not live:
            self.model.commit(group, offsets)

    @rule(group=GROUPS)
    def delete_group(self, group: str) -> None:
        if group not in self.model.committed:
            with pytest.raises(NotFound):
                self.store.delete_group(group)
        elif self._live(group):
            with pytest.raises(GroupActive):
                self.store.delete_group(group)
        else:
            self.store.delete_group(group)
            del self.model.committed[group]
            for handle in self.handles:
                handle.removed = handle.removed or handle.group == group

    @rule(name=TOPICS, group=GROUPS)
    def drain(self, name: str, group: str) -> None:
        """After everybody else has died, one member reads all that was not committed, once."""
        if name not in self.model.topics:
            return
        self.clock.advance(400)
        committed = self.model.committed.setdefault(group, {})
        with self.store.consumer(group, [name], member="drain") as consumer:
            records = [r for _ in range(40) for r in consumer.poll(50, timeout=0)]
            consumer.commit()
        for number, partition in enumerate(self.model.topics[name]):
            place = (name, number)
            polled = [Stored.of(record) for record in records if record.partition == number]
            assert polled == self.model.from_offset(place, committed.get(place, 0))
            assert consumer.position == {}
            committed[place] = partition.next
        for handle in self.handles:
            handle.removed = handle.removed or handle.group == group
