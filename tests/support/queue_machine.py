"""A machine that sends, receives and settles at random, beside a model that predicts it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from store import LeaseLost, NewMessage, Store
from store.model.clock import ManualClock
from store.sqlite.leases.holders import default_name
from tests.support import queue_shedding as shedding
from tests.support.invariants import check_invariants
from tests.support.queue_invariants import check_queue_invariants
from tests.support.queue_kinds import TOGETHER, queues, shown_of
from tests.support.queue_model import Lease, MessageModel, QueueModel, QueuesModel, Receipt

FOCUS = st.sampled_from(TOGETHER)
HOLDERS = st.sampled_from("ab")
TIMES = st.none() | st.sampled_from([0.0, 5.0, 40.0])
# The first queue of the focus more often than the second.
WHICH = st.integers(0, 2)
SHORT = st.sampled_from([None, 0.0, 10.0])
SETTLING = ["nack", "ack", "extend", "reject", "unreceive"]
STEPS = ["receive", "wait", "lapse", "nack", "receive", *SETTLING]
GROUPS = st.sampled_from("ab")
SECONDS = st.sampled_from([0.0, 1.0, 10.0, 60.0])
WINDOW = 300_000


class QueueMachine(RuleBasedStateMachine):
    """One store, two handles on it that take turns, and what should be in it."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.path = self.folder / "store.db"
        self.clock = ManualClock()
        self.model = QueuesModel([])
        self.turn = 0
        self.sent = 0
        self.turns = 0
        self.tx: Any = None

    @initialize(focus=FOCUS)
    def begin(self, focus: tuple[str, ...]) -> None:
        """One kind of queues a run: else what matters seldom meets."""
        self.focus = focus
        self.fifo = focus[0] == "fifo"
        self.model = QueuesModel([queue for queue in queues() if queue.name in focus])
        self.stores = [self._open(), self._open()]
        for queue in self.model.queues.values():
            self.store.create_queue(
                queue.name,
                fifo=queue.fifo,
                lease=30,
                delay=queue.delay / 1000,
                retention=queue.retention / 1000,
                priorities=queue.priorities,
                retry_delays=[delay / 1000 for delay in queue.retry_delays],
                ttl=None if queue.ttl is None else queue.ttl / 1000,
                max_length=queue.max_length,
                fair=queue.fair,
                single_active=queue.single_active,
            )
        for queue in self.model.queues.values():
            self.store.alter_queue(
                queue.name,
                max_deliveries=queue.most,
                dlq=queue.dlq,
                drop_exhausted=queue.dlq is None and queue.most is not None,
            )

    def _queue(self, which: int) -> QueueModel:
        return self.model.queues[self.focus[which // 2 % len(self.focus)]]

    def _open(self) -> Store:
        return Store.open(self.path, create=True, durability="normal", clock=self.clock)

    @property
    def store(self) -> Any:
        if self.tx is not None:
            return self.tx
        self.turn += 1
        return self.stores[self.turn % 2]

    @property
    def now(self) -> int:
        return self.clock.wall()

    @invariant()
    def all_is_well(self) -> None:
        # Whoever looks has what expired moved first.
        self.store.queues()
        while self.sweep():
            pass
        check_invariants(self.path)
        check_queue_invariants(self.path, self.clock)

        self._messages_are_where_they_should_be()
        self._counts_are_the_models()
        self._nothing_is_lost_or_doubled()

    def sweep(self) -> int:
        """What one passing writer moves, in the model."""
        return shedding.sweep(self.model, self.now, self._lane_of)

    def _lane_of(self, queue: QueueModel, message: MessageModel) -> int:
        """The number of the lane a message is in, by which equals are ordered."""
        sql = (
            "select p.id from mq_partitions p join mq_channels c on c.id = p.channel"
            " where c.name = :name and p.number = :number"
        )
        where = {"name": queue.name, "number": message.level << 1 | message.delayed}
        if self.tx is not None:
            return int(self.tx.execute(sql, where)[0][0])
        with self.store.transaction() as tx:
            return int(tx.execute(sql, where)[0][0])

    def _messages_are_where_they_should_be(self) -> None:
        for name, queue in self.model.queues.items():
            shown = [shown_of(m) for m in self.store.messages(name)]
            assert shown == [queue.shown(m, self.now) for _, m in sorted(queue.messages.items())]

    def _counts_are_the_models(self) -> None:
        for name, queue in self.model.queues.items():
            shown, counts = self.store.queue(name), queue.counts(self.now)
            assert (shown.ready, shown.leased) == (counts["ready"], counts["leased"]), name
            assert (shown.delayed, shown.blocked) == (counts["delayed"], counts["blocked"]), name
            assert (shown.acknowledged, shown.dropped) == (queue.acknowledged, queue.dropped)

    def _nothing_is_lost_or_doubled(self) -> None:
        present = [m.id for q in self.model.queues.values() for m in q.messages.values()]
        gone = sum(q.acknowledged + q.dropped for q in self.model.queues.values())
        assert len(set(present)) == len(present)
        assert self.sent == len(present) + gone

    @precondition(lambda self: not self.fifo)
    @rule(
        to=WHICH,
        batch=st.lists(
            st.tuples(st.integers(0, 3), st.none() | SECONDS, st.none() | GROUPS),
            min_size=1,
            max_size=5,
        ),
        ttl=TIMES,
    )
    def send(
        self, to: int, batch: list[tuple[int, float | None, str | None]], ttl: float | None = None
    ) -> None:
        messages = [
            NewMessage(self._value(), priority=priority, delay=delay, message_group=group, ttl=ttl)
            for priority, delay, group in batch
        ]
        queue = self._queue(to)
        for id, message in zip(self.store.send_many(queue.name, messages), messages, strict=True):
            delay = queue.delay if message.delay is None else round(float(str(message.delay)) * 1e3)
            stored = self._put(queue, id.id, id.sequence, message)
            if delay:
                due = self.now + delay
                stored.delayed = True
                stored.lease = Lease(due, due, 0)
        shedding.keep_within(self.model, queue, self.now)
        self.sweep()

    def _value(self) -> bytes:
        return b"sent %d" % self.now

    def _put(self, queue: QueueModel, id: str, sequence: int, new: NewMessage) -> MessageModel:
        assert isinstance(new.value, bytes)
        mark = shedding.mark(queue, new.ttl, self.now)
        kept = self.now + queue.retention
        assert sequence == queue.next
        self.sent += 1
        return self.model.put(
            queue,
            MessageModel(
                id,
                new.value,
                sequence,
                self.now,
                kept if mark is None else min(kept, mark),
                level=min(new.priority, queue.priorities - 1),
                priority=min(new.priority, queue.priorities - 1),
                group=new.message_group,
                mark=mark,
            ),
            self.now,
        )

    @precondition(lambda self: self.fifo)
    @rule(
        to=WHICH,
        batch=st.lists(
            st.tuples(GROUPS, st.none() | st.sampled_from("xy")), min_size=1, max_size=5
        ),
        ttl=TIMES,
    )
    def send_in_order(
        self, to: int, batch: list[tuple[str, str | None]], ttl: float | None = None
    ) -> None:
        messages = [
            NewMessage(self._value(), message_group=group, dedup_id=dedup, ttl=ttl)
            for group, dedup in batch
        ]
        queue = self._queue(to)
        known: dict[str, tuple[int, str]] = {}
        for id, message in zip(self.store.send_many(queue.name, messages), messages, strict=True):
            dedup = message.dedup_id
            until, first = queue.duplicates.get(dedup or "", (0, 0))
            assert id.duplicate == (dedup is not None and until > self.now)
            if id.duplicate:
                assert id.sequence == first
                assert known.get(str(dedup), (first, id.id)) == (first, id.id)
                continue
            stored = self._put(queue, id.id, id.sequence, message)
            if dedup is not None:
                queue.duplicates[dedup] = (self.now + WINDOW, stored.sequence)
                known[dedup] = (stored.sequence, id.id)
        self.sweep()

    @rule(source=WHICH, most=st.integers(1, 6), lease=st.none() | SECONDS, holder=HOLDERS)
    def receive(self, source: int, most: int, lease: float | None, holder: str = "a") -> None:
        queue = self._queue(source)
        name = queue.name
        duration = None if lease is None else round(lease * 1000)
        if self.tx is None:
            found = self.store.receive(name, most, lease=lease, holder=holder)
        else:
            holder = default_name()
            found = self.tx.receive(name, most, lease=lease)
        expected, taken_out = self._pass(queue, most, duration, holder)
        # A receive that only moved something out of the way tries again.
        while taken_out and not expected and self.tx is None:
            expected, taken_out = self._pass(queue, most, duration, holder)
        assert [(m.sequence, m.id, m.value, m.deliveries) for m in found] == [
            (m.sequence, m.id, m.value, m.deliveries) for m in expected
        ]
        for message, model in zip(found, expected, strict=True):
            assert model.lease is not None
            assert model.lease.token is not None
            assert message.receipt is not None
            assert message.redelivered == (model.lease.deliveries > 1)
            self.model.receipts.append(
                Receipt(message.receipt, name, model.sequence, queue.purges, model.lease.token)
            )

    def _pass(
        self, queue: QueueModel, most: int, lease: int | None, holder: str
    ) -> tuple[list[MessageModel], int]:
        """What one pass of a receive leases, and how many it takes out."""
        self.model.taken_out, self.model.holder = self.sweep(), holder
        shedding.keep_within(self.model, queue, self.now)
        if not shedding.admit(queue, holder, self.now):
            return [], self.model.taken_out
        picked = self.model.receive(queue.name, most, lease, self.now)
        return picked, self.model.taken_out

    def _chosen(self, which: list[int]) -> list[Receipt]:
        latest = self.model.receipts[:-13:-1]
        return list({r.text: r for r in (latest[n % len(latest)] for n in which)}.values())

    def _settle(self, call: Callable[[list[str]], None], chosen: list[Receipt], ack: bool) -> Any:
        """Act on receipts; those that must be settled, after checking who was refused."""
        refused = {r.text for r in chosen if self.model.refusal(r, self.now, ack)}
        if refused:
            with pytest.raises(LeaseLost) as error:
                call([r.text for r in chosen])
            assert set(error.value.failures) == refused
            if self.tx is not None:
                return []
        else:
            call([r.text for r in chosen])
        return [r for r in chosen if r.text not in refused]

    @precondition(lambda self: self.model.receipts)
    @rule(which=st.lists(st.integers(0, 11), min_size=1, max_size=4))
    def ack(self, which: list[int]) -> None:
        groups = []
        for receipt in self._settle(self.store.ack, self._chosen(which), True):
            message, queue = self.model.message(receipt), self.model.queues[receipt.queue]
            if message is not None:
                del queue.messages[message.sequence]
                queue.acknowledged += 1
                groups.append((queue, message.group))
        # All of a queue are removed at once, then each group is looked at, queue by queue.
        for name in dict.fromkeys(queue.name for queue, _ in groups):
            for group in dict.fromkeys(g for q, g in groups if q.name == name):
                self.model.queues[name].refresh(group, self.now)
        for name in dict.fromkeys(queue.name for queue, _ in groups):
            shedding.keep_within(self.model, self.model.queues[name], self.now)

    def _by_queue(self, settled: list[Receipt]) -> Iterator[Receipt]:
        """Receipt by receipt and queue by queue; after each queue its limit counts again."""
        for name in dict.fromkeys(r.queue for r in settled):
            yield from (r for r in settled if r.queue == name)
            shedding.keep_within(self.model, self.model.queues[name], self.now)

    @precondition(lambda self: self.model.receipts)
    @rule(which=st.lists(st.integers(0, 11), min_size=1, max_size=4), delay=st.none() | SECONDS)
    def nack(self, which: list[int], delay: float | None) -> None:
        settled = self._settle(
            lambda texts: self.store.nack(texts, delay=delay), self._chosen(which), False
        )
        for receipt in self._by_queue(settled):
            wait = None if delay is None else round(delay * 1000)
            self.model.nack(receipt, wait, self.now)

    @precondition(lambda self: self.model.receipts)
    @rule(which=st.lists(st.integers(0, 11), min_size=1, max_size=3), duration=SECONDS)
    def extend(self, which: list[int], duration: float) -> None:
        settled = self._settle(
            lambda texts: self.store.extend(texts, duration), self._chosen(which), False
        )
        for receipt in self._by_queue(settled):
            self.model.extend(receipt, round(duration * 1000), self.now)

    @precondition(lambda self: self.model.receipts)
    @rule(which=st.lists(st.integers(0, 11), min_size=1, max_size=3))
    def unreceive(self, which: list[int]) -> None:
        settled = self._settle(self.store.unreceive, self._chosen(which), False)
        for name in dict.fromkeys(receipt.queue for receipt in settled):
            queue = self.model.queues[name]
            for receipt in reversed([r for r in settled if r.queue == name]):
                self.model.unreceive(receipt)
            if not queue.fifo and not queue.fair:
                queue.retreat()
            shedding.keep_within(self.model, queue, self.now)

    @precondition(lambda self: self.model.receipts)
    @rule(which=st.lists(st.integers(0, 11), min_size=1, max_size=2))
    def reject(self, which: list[int]) -> None:
        settled = self._settle(self.store.reject, self._chosen(which), False)
        for receipt in self._by_queue(settled):
            message, queue = self.model.message(receipt), self.model.queues[receipt.queue]
            assert message is not None
            self.model.ended.add(receipt.token)
            self.model.dead_letter(queue, message, "rejected", self.now)

    @rule(
        source=WHICH, lease=SHORT, steps=st.lists(st.sampled_from(STEPS), min_size=4, max_size=12)
    )
    def work(self, source: int, lease: float | None, steps: list[str]) -> None:
        """Receive and settle one by one, with time in between, and something there to receive."""
        if not self._queue(source).messages:
            self._fill(source)
        self.receive(source, 4, lease)
        for step in steps:
            match step:
                case "receive":
                    self.receive(source, 3, lease)
                case "wait":
                    self.clock.advance(11)
                case "lapse":
                    self.clock.advance(31)
                case _ if self.model.receipts:
                    self._settle_one(step)

    def _fill(self, to: int) -> None:
        if self.fifo:
            self.send_in_order(to, [("a", None), ("b", None), ("a", None)])
        else:
            self.send(to, [(0, None, None), (1, None, None), (1, 1.0, None)])

    def _settle_one(self, step: str) -> None:
        self.turns += 1
        which = [self.turns % 4]
        match step:
            case "ack":
                self.ack(which)
            case "nack":
                self.nack(which, None)
            case "extend":
                self.extend(which, 0.0)
            case "reject":
                self.reject(which)
            case "unreceive":
                self.unreceive(which)

    @rule(seconds=st.sampled_from([0.5, 3, 11, 31, 400]))
    def time_passes(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @rule()
    def reopen(self) -> None:
        for store in self.stores:
            store.close()
        self.stores = [self._open(), self._open()]

    def teardown(self) -> None:
        for store in self.stores:
            store.close()
        shutil.rmtree(self.folder)
