"""Random runs of queues against a model in memory, with the invariants after every step."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import HealthCheck, settings, strategies as st
from hypothesis.stateful import rule

from store import BadInput, Conflict, NotFound
from tests.support import queue_settling as settling
from tests.support.queue_kinds import as_if_new
from tests.support.queue_machine import WHICH, QueueMachine
from tests.support.queue_model import QueueModel


class Undone(Exception):
    """Raised in a transaction that shall be rolled back."""


class Queues(QueueMachine):
    """With everything that is done to queues as a whole."""

    @rule(what=WHICH, keep_leased=st.booleans(), often=st.integers(0, 3))
    def purge(self, what: int, keep_leased: bool, often: int) -> None:
        """Not at every call: an emptied queue shows little."""
        queue = self._queue(what)
        if often:
            return
        kept = {
            sequence: message
            for sequence, message in queue.messages.items()
            if keep_leased and queue.state(message, self.now) == "leased"
        }
        removed = len(queue.messages) - len(kept)
        assert self.store.purge_queue(queue.name, keep_leased=keep_leased) == removed
        groups = [m.group for s, m in sorted(queue.messages.items()) if s not in kept]
        queue.messages = kept
        queue.dropped += removed
        if not keep_leased:
            queue.purges += 1
            queue.duplicates.clear()
        for group in dict.fromkeys(groups):
            queue.refresh(group, self.now)

    @rule(what=WHICH, limit=st.none() | st.integers(1, 2))
    def redrive(self, what: int, limit: int | None) -> None:
        # A queue that gets dead letters is meant itself, though it may have a DLQ too.
        queue, dlqs = self._queue(what), {each.dlq for each in self.model.queues.values()}
        if queue.dlq is not None and queue.name not in dlqs and not self._has_letters(queue):
            queue = self.model.queues[queue.dlq]
        name = queue.name
        if name not in dlqs and not self._has_letters(queue):
            with pytest.raises(BadInput):
                self.store.redrive(name, limit=limit)
            return
        letters = [m for _, m in sorted(queue.messages.items()) if m.dead is not None]
        free = [m for m in letters if queue.state(m, self.now) != "leased"][:limit]
        result = self.store.redrive(name, limit=limit)
        moved = iter(result.moved)
        for letter in free:
            assert letter.dead is not None
            if queue.messages.get(letter.sequence) is not letter:
                # What was moved before it has pushed it out.
                continue
            one = next(moved)
            assert one.id == letter.id
            source = self.model.queues[letter.dead[0].partition("@")[0]]
            back = self.model.move(queue, letter, as_if_new(letter), source, self.now, by_hand=True)
            assert one.target == f"{source.name}@{back.sequence}"
            self.model.batches.setdefault(result.batch, []).append(
                (source.name, back.sequence, name, copy.copy(letter))
            )
        assert list(moved) == []

    def _has_letters(self, queue: QueueModel) -> bool:
        return any(message.dead is not None for message in queue.messages.values())

    @rule()
    def undo(self) -> None:
        open_batches = [batch for batch, moves in self.model.batches.items() if moves]
        if not open_batches:
            with pytest.raises(NotFound):
                self.store.undo_redrive()
            return
        batch = max(open_batches)
        back: list[Any] = []
        left: list[Any] = []
        for move in self.model.batches[batch]:
            place, sequence, _, letter = move
            queue = self.model.queues[place]
            found = queue.messages.get(sequence)
            there = found is not None and found.id == letter.id
            free = found is not None and queue.state(found, self.now) != "leased"
            (back if there and free else left).append(move)
        if not back:
            with pytest.raises(Conflict):
                self.store.undo_redrive()
            return
        assert [one.id for one in self.store.undo_redrive().moved] == [m[3].id for m in back]
        for place, sequence, name, letter in back:
            queue = self.model.queues[place]
            after = copy.copy(letter)
            after.before, after.lease = letter.before, None
            found = queue.messages[sequence]
            target = self.model.queues[name]
            self.model.move(queue, found, after, target, self.now, by_hand=True)
        self.model.batches[batch] = left

    @rule(delay=st.sampled_from([0, 3, 20]), retry=st.sampled_from([(), (2,), (2, 20)]))
    def alter(self, delay: int, retry: tuple[int, ...]) -> None:
        for queue in (q for q in self.model.queues.values() if q.name in ("fifo", "loose")):
            self.store.alter_queue(queue.name, delay=delay, retry_delays=retry)
            queue.retry_delays = tuple(seconds * 1000 for seconds in retry)
            if queue.fifo and queue.delay != delay * 1000:
                queue.delay = delay * 1000
                for group, (_, turn, first) in queue.turns.items():
                    head = queue.messages[first]
                    if head.lease is None:
                        due = max(self.now, head.stored + queue.delay)
                        queue.turns[group] = (due, turn, first)
            queue.delay = delay * 1000
            settling.settle(self.model, queue, queue.most, self.now, self._lane_of)

    @rule(
        what=WHICH,
        most=st.none() | st.integers(1, 3),
        is_connected=st.booleans(),
        length=st.none() | st.integers(1, 4),
    )
    def alter_limit(
        self, what: int, most: int | None, is_connected: bool, length: int | None
    ) -> None:
        queue = self._queue(what)
        # In a circle of queues that overflow into each other the model is too simple.
        is_end = queue.name == "full"
        other = next((name for name in self.focus if name != queue.name and not is_end), None)
        before, dlq = queue.most, other if is_connected and most is not None else None
        if dlq != queue.dlq:
            settling.find_place(queue, self.now)
        queue.most, queue.dlq = most, dlq
        if queue.name in ("limited", "full"):
            queue.max_length = length
        self.store.alter_queue(
            queue.name,
            max_deliveries=most,
            dlq=dlq,
            drop_exhausted=dlq is None and most is not None,
            max_length=queue.max_length,
        )
        settling.settle(self.model, queue, before, self.now, self._lane_of)

    @rule(end=st.booleans(), to=WHICH, data=st.data())
    def transaction(self, end: bool, to: int, data: Any) -> None:
        """Several calls that are kept or undone together."""
        before, sent = copy.deepcopy(self.model), self.sent
        try:
            with self.stores[0].transaction() as self.tx:
                if self.fifo:
                    self.send_in_order(to, [("a", None)])
                else:
                    self.send(to, [(1, None, None)])
                self.receive(to, 2, None)
                if self.model.receipts:
                    which = data.draw(st.lists(st.integers(0, 11), min_size=1, max_size=3))
                    self.ack(which)
                if not end:
                    raise Undone
        except Undone:
            self.model, self.sent = before, sent
        finally:
            self.tx = None


_ALWAYS: dict[str, Any] = {
    "deadline": None,
    "print_blob": True,
    "suppress_health_check": list(HealthCheck),
}


class TestQueuesAgainstModel(Queues.TestCase):  # type: ignore[misc,valid-type]
    settings = settings(max_examples=35, stateful_step_count=50, **_ALWAYS)


@pytest.mark.nightly
class TestQueuesAgainstModelAtLength(Queues.TestCase):  # type: ignore[misc,valid-type]
    settings = settings(max_examples=5_000, stateful_step_count=100, **_ALWAYS)
