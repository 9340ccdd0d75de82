"""Queues as plain lists: what a receive should return, and which receipts should be refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from tests.support import queue_shedding as shedding

Hops = tuple[tuple[str, str], ...]
# Its time is over, and it had nowhere to go.
STAYS = 0


@dataclass
class Lease:
    """When a message may be delivered again; `token` names its delivery while somebody has it."""

    due: int
    ends: int
    deliveries: int
    token: int | None = None
    holder: str = ""
    was_due: int = 0


@dataclass
class MessageModel:
    """One message in its present place."""

    id: str
    value: bytes
    sequence: int
    stored: int
    expires: int
    level: int = 0
    priority: int = 0
    group: str | None = None
    delayed: bool = False
    lease: Lease | None = None
    before: int = 0
    dead: tuple[str, str] | None = None
    hops: Hops = ()
    mark: int | None = None
    """What `expires` of its record is: of a time to live, or of a retention since another time."""

    def is_held(self, now: int) -> bool:
        """Whether it is in somebody's hands."""
        return self.lease is not None and self.lease.token is not None and self.lease.ends > now

    @property
    def deliveries(self) -> int:
        """How often it was delivered, in earlier queues too."""
        return self.before + (self.lease.deliveries if self.lease else 0)


@dataclass
class Receipt:
    """A receipt in somebody's hands: the place and the delivery that it stands for."""

    text: str
    queue: str
    sequence: int
    purges: int
    token: int


@dataclass
class QueueModel:
    """One queue: its settings in milliseconds, and its messages by sequence."""

    name: str
    fifo: bool = False
    lease: int = 30_000
    delay: int = 0
    retention: int = 1_000_000
    most: int | None = None
    dlq: str | None = None
    retry_delays: tuple[int, ...] = ()
    priorities: int = 1
    ttl: int | None = None
    max_length: int | None = None
    fair: bool = False
    single_active: bool = False
    line: list[list[Any]] = field(default_factory=list)
    messages: dict[int, MessageModel] = field(default_factory=dict)
    next: int = 0
    purges: int = 0
    acknowledged: int = 0
    dropped: int = 0
    duplicates: dict[str, tuple[int, int]] = field(default_factory=dict)
    turns: dict[str, tuple[int, int, int]] = field(default_factory=dict)
    turn: int = 0

    def retry_delay(self, deliveries: int) -> int:
        """What a failed message waits; the last delay repeats."""
        if not self.retry_delays or (self.most is not None and deliveries >= self.most):
            return 0
        return self.retry_delays[min(deliveries, len(self.retry_delays)) - 1]

    def in_order(self, group: str | None) -> list[MessageModel]:
        """The messages of a group, first to last."""
        return [m for _, m in sorted(self.messages.items()) if m.group == group]

    def refresh(self, group: str | None, now: int, served: bool = False) -> None:
        """Follow a change in a FIFO group: served or changed, it goes behind its equals."""
        if not self.fifo or group is None:
            return
        members = self.in_order(group)
        if not members:
            self.turns.pop(group, None)
            return
        head, old = members[0], self.turns.get(group)
        if head.lease is not None:
            due = head.lease.due
        elif old is not None and old[2] == head.sequence:
            due = old[0]
        else:
            due = max(now, head.stored + self.delay)
        if served or old is None or (due, head.sequence) != (old[0], old[2]):
            self.turn += 1
            self.turns[group] = (due, self.turn, head.sequence)

    def unserve(self, message: MessageModel, due: int) -> None:
        """A FIFO group whose turn came to nothing goes in front of its equals again."""
        group = message.group
        if self.fifo and group is not None and self.turns[group][2] == message.sequence:
            first = min(turn for _, turn, _ in self.turns.values())
            self.turns[group] = (due, first - 1, message.sequence)

    def retreat(self) -> None:
        """What was never delivered, with nothing behind it that was, waits as if it were new."""
        for level in range(self.priorities):
            lane = [m for m in self.messages.values() if m.level == level and not m.delayed]
            for message in sorted(lane, key=lambda m: -m.sequence):
                if message.lease is not None and (message.lease.due or message.lease.deliveries):
                    break
                message.lease = None

    def in_flight(self, message: MessageModel, now: int) -> bool:
        """Whether it may not be delivered now, or is held back by the queue's delay."""
        if message.lease is not None:
            return message.lease.due > now
        return self.fifo and message.stored + self.delay > now

    def state(self, message: MessageModel, now: int) -> str:
        """ready, leased, delayed or blocked."""
        if message.is_held(now):
            return "leased"
        if message.mark == STAYS:
            return "blocked"
        if self.in_flight(message, now):
            return "delayed"
        earlier = (m for m in self.in_order(message.group) if m.sequence < message.sequence)
        held = any(self.in_flight(m, now) for m in earlier)
        return "blocked" if self.fifo and held else "ready"

    def shown(self, message: MessageModel, now: int) -> tuple[object, ...]:
        """What looking at a message should show; compare `shown_of`."""
        m = message
        state, hops = self.state(m, now), m.hops if m.dead else ()
        return (m.id, m.sequence, m.value, m.level, m.deliveries, state, m.dead, hops)

    def counts(self, now: int) -> Counter[str]:
        """How many messages are in each state."""
        return Counter(self.state(m, now) for m in self.messages.values())


class QueuesModel:
    """Queues, receipts and redrives, as they should be. Store time and wall time are one."""

    def __init__(self, queues: list[QueueModel]) -> None:
        self.queues = {queue.name: queue for queue in queues}
        self.receipts: list[Receipt] = []
        self.ended: set[int] = set()
        self.tokens = 0
        self.holder = ""
        self.taken_out = 0
        self.batches: dict[int, list[tuple[str, int, str, MessageModel]]] = {}

    def put(self, queue: QueueModel, message: MessageModel, now: int) -> MessageModel:
        """Store a message under the next sequence."""
        message.sequence, message.stored = queue.next, now
        queue.next += 1
        queue.messages[message.sequence] = message
        if message.group not in queue.turns:
            queue.refresh(message.group, now)
        return message

    def remove(self, queue: QueueModel, message: MessageModel, now: int) -> None:
        """Take a message out."""
        del queue.messages[message.sequence]
        queue.refresh(message.group, now)

    def receive(self, name: str, most: int, lease: int | None, now: int) -> list[MessageModel]:
        """What a receive leases, in order."""
        queue = self.queues[name]
        picked: list[MessageModel] = []
        if queue.fifo:
            for group in sorted(queue.turns, key=lambda g: queue.turns[g][:2]):
                if queue.turns[group][0] <= now and len(picked) < most:
                    picked += self._pick_group(queue, group, most - len(picked), lease, now)
        else:
            for level in reversed(range(queue.priorities)):
                for fresh in (False, True):
                    picked += self._pick(queue, level, fresh, most - len(picked), lease, now)
        return picked

    def _pick_group(
        self, queue: QueueModel, group: str, most: int, lease: int | None, now: int
    ) -> list[MessageModel]:
        ready: list[MessageModel] = []
        for message in queue.in_order(group):
            if len(ready) == most or queue.in_flight(message, now):
                break
            if not self.take_out(queue, message, now):
                ready.append(message)
            elif queue.in_flight(message, now):
                break
        for message in ready:
            self._hold(queue, message, lease, now, queue.turns[group][0])
        queue.refresh(group, now, served=True)
        return ready

    def _pick(
        self, queue: QueueModel, level: int, fresh: bool, most: int, lease: int | None, now: int
    ) -> list[MessageModel]:
        picked: list[MessageModel] = []
        waiting = list(due(queue, level, fresh, now))
        while waiting and len(picked) < most:
            step = most - len(picked)
            page, waiting = waiting[:step], waiting[step:]
            ready = [m for m in page if not self.take_out(queue, m, now)]
            for message in ready:
                self._hold(queue, message, lease, now)
            picked += ready
        return picked

    def _hold(
        self, queue: QueueModel, message: MessageModel, lease: int | None, now: int, turn: int = 0
    ) -> None:
        self.end(message.lease)
        self.tokens += 1
        deliveries = 1 + (message.lease.deliveries if message.lease else 0)
        ends = now + (queue.lease if lease is None else lease)
        due = ends + queue.retry_delay(deliveries)
        was_due = message.lease.due if message.lease else turn
        message.lease = Lease(due, ends, deliveries, self.tokens, self.holder, was_due)

    def end(self, lease: Lease | None) -> None:
        if lease is not None and lease.token is not None:
            self.ended.add(lease.token)

    def take_out(self, queue: QueueModel, message: MessageModel, now: int) -> bool:
        """Take a message out if it may not be delivered any more; whether that is so."""
        if message.expires <= now:
            self.taken_out += 1
            if not shedding.expire(self, queue, message, now):
                deliveries = message.lease.deliveries if message.lease else 0
                due = now + max(queue.lease, 1000)
                message.lease = Lease(due, due, deliveries)
            return True
        if queue.most is None or not message.lease or message.lease.deliveries < queue.most:
            return False
        self.end(message.lease)
        self.taken_out += 1
        if not self.dead_letter(queue, message, "max_deliveries", now):
            due = now + max(queue.lease, 1000)
            message.lease = Lease(due, due, message.lease.deliveries)
        return True

    def dead_letter(self, queue: QueueModel, message: MessageModel, reason: str, now: int) -> bool:
        """Move a message to the DLQ, or drop it; False when a cycle keeps it where it is."""
        if queue.dlq is None:
            self.remove(queue, message, now)
            queue.dropped += 1
            return True
        if reason != "rejected" and _goes_round(message.hops, queue.dlq):
            return False
        hop = (queue.name, reason)
        hops = (hop, *(other for other in message.hops if other != hop))
        source = f"{queue.name}@{message.sequence}"
        dead = replace(message, before=message.deliveries, dead=(source, reason), hops=hops)
        self.move(queue, message, dead, self.queues[queue.dlq], now)
        return True

    def move(
        self,
        queue: QueueModel,
        message: MessageModel,
        after: MessageModel,
        target: QueueModel,
        now: int,
        *,
        by_hand: bool = False,
    ) -> MessageModel:
        """Move a message to another queue, where it is `after`; by hand its time begins anew."""
        self.end(message.lease)
        self.remove(queue, message, now)
        began = now if target.fifo or by_hand else int(self.sent(message))
        level = min(message.priority, target.priorities - 1)
        mark = began + target.retention
        if target.ttl is not None:
            mark = min(mark, now + target.ttl)
        moved = replace(after, lease=None, delayed=False, level=level, expires=mark, mark=mark)
        placed = self.put(target, moved, now)
        shedding.keep_within(self, target, now)
        return placed

    def sent(self, message: MessageModel) -> int:
        """When it was first sent: the value says so."""
        return int(message.value.split()[1])

    def refusal(self, receipt: Receipt, now: int, ack: bool) -> bool:
        """Whether acting on a receipt must fail."""
        queue = self.queues[receipt.queue]
        if receipt.purges != queue.purges:
            return True
        message = queue.messages.get(receipt.sequence)
        if message is None:
            return receipt.token in self.ended or not ack
        if message.lease is None:
            return True
        return message.lease.token != receipt.token or (queue.fifo and message.lease.ends <= now)

    def message(self, receipt: Receipt) -> MessageModel | None:
        """The message that a receipt stands for."""
        return self.queues[receipt.queue].messages.get(receipt.sequence)

    def nack(self, receipt: Receipt, delay: int | None, now: int) -> None:
        """Give a message back, or dead-letter it."""
        queue, message = self.queues[receipt.queue], self.message(receipt)
        assert message is not None
        assert message.lease is not None
        self.end(message.lease)
        deliveries = message.lease.deliveries
        exhausted = queue.most is not None and deliveries >= queue.most
        if exhausted and self.dead_letter(queue, message, "max_deliveries", now):
            return
        wait = queue.retry_delay(deliveries) if delay is None else delay
        due = now + wait if wait else self.given_back(queue, now)
        message.lease = Lease(due, due, deliveries)
        queue.refresh(message.group, now)

    def extend(self, receipt: Receipt, duration: int, now: int) -> None:
        """Let a lease last longer, or end it."""
        queue, message = self.queues[receipt.queue], self.message(receipt)
        assert message is not None
        assert message.lease is not None
        lease = message.lease
        if duration:
            lease.ends = now + duration
            lease.due = lease.ends + queue.retry_delay(lease.deliveries)
        else:
            lease.ends = lease.due = self.given_back(queue, now)
        queue.refresh(message.group, now)

    def unreceive(self, receipt: Receipt) -> None:
        """Undo a delivery: the message returns to its place as if it had not been."""
        queue, message = self.queues[receipt.queue], self.message(receipt)
        assert message is not None
        assert message.lease is not None
        lease = message.lease
        self.end(lease)
        message.lease = Lease(lease.was_due, lease.was_due, lease.deliveries - 1)
        if queue.fifo and lease.deliveries == 1:
            message.lease = None
        queue.unserve(message, lease.was_due)

    def given_back(self, queue: QueueModel, now: int) -> int:
        """On a standard queue it returns to its original place."""
        return now if queue.fifo else 0


def due(queue: QueueModel, level: int, fresh: bool, now: int) -> Iterator[MessageModel]:
    """What may be delivered at a level: what was handed out or delayed by due time, then the rest.

    A delayed lane is younger than its undelayed sibling, so its messages lose a tie.
    """
    messages = [m for _, m in sorted(queue.messages.items()) if m.level == level]
    if fresh:
        yield from (m for m in messages if m.lease is None)
    else:
        due = [(m.lease.due, m.delayed, m.sequence) for m in messages if m.lease is not None]
        yield from (queue.messages[s] for at, _, s in sorted(due) if at <= now)


def _goes_round(hops: Hops, target: str) -> bool:
    for source, reason in hops:
        if reason == "rejected" or source == target:
            return reason != "rejected"
    return False
