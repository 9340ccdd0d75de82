"""Deduplication: a message whose id was accepted within the window is not stored again (SQS).

It is answered with the id of the first one. FIFO queues always have it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from store.model.messages import MessageId, NewMessage
from store.sqlite import layout, leases
from store.sqlite.file.database import WriteTransaction
from store.sqlite.leases.readers import ReaderPolicy
from store.sqlite.queues import send
from store.sqlite.queues.policies import Sending

if TYPE_CHECKING:
    from store.sqlite.queues.catalog import Queue

# SQS remembers a deduplication id for five minutes.
DEFAULT_WINDOW = 300_000
_FORGOTTEN_AT_ONCE = 20


class Deduplication(ReaderPolicy):
    """Messages that were sent before are left out of a send."""

    __slots__ = ()

    def before_send(self, tx: WriteTransaction, queue: Queue, sending: Sending) -> None:
        """Leave out messages that were sent before."""
        sending.known = KnownSends(tx, queue)
        sending.batch = sending.batch.chosen(sending.known.leave_out(sending))

    def after_send(
        self, tx: WriteTransaction, sending: Sending, ids: list[MessageId]
    ) -> list[MessageId]:
        """Remember what was stored, and answer the rest."""
        assert sending.known is not None
        return sending.known.remember(ids)


class KnownSends:
    """The sends of known deduplication ids: before a batch, or in it."""

    def __init__(self, tx: WriteTransaction, queue: Queue) -> None:
        self._tx = tx
        self._queue = queue
        # The first index of each new id, that of which each repeat has the id, and all answers.
        self._in_batch: dict[tuple[str, str], int] = {}
        self._repeats: dict[int, int] = {}
        self._answers: list[MessageId | None] = []

    def leave_out(self, sending: Sending) -> list[int]:
        """Return the indexes of messages that were not sent before."""
        pending = []
        for index, (message, value) in enumerate(
            zip(sending.messages, sending.batch.values, strict=True)
        ):
            first = self._first(send.as_message(message), value, index)
            self._answers.append(first if isinstance(first, MessageId) else None)
            if first is None:
                pending.append(index)
        return pending

    def _first(
        self, message: NewMessage, value: bytes | None, index: int
    ) -> MessageId | int | None:
        # The first send of the same id: its answer, or its index in the batch; `None` if new.
        place = self._place(message, value)
        if place is None:
            return None
        if place in self._in_batch:
            self._repeats[index] = self._in_batch[place]
            return self._in_batch[place]
        stored = self._stored(place)
        if stored is None:
            self._in_batch[place] = index
        return stored

    def remember(self, ids: Iterable[MessageId]) -> list[MessageId]:
        """Note the ids of new messages, and answer each repeat with that of its first send."""
        stored = iter(ids)
        answers = [
            next(stored) if answer is None and index not in self._repeats else answer
            for index, answer in enumerate(self._answers)
        ]
        window = self._queue.config.dedup or DEFAULT_WINDOW
        for (scope, dedup_id), index in self._in_batch.items():
            answer = answers[index]
            assert answer is not None
            assert answer.sequence is not None
            self._write(scope, dedup_id, answer.id, answer.sequence, self._tx.now + window)
        for index, first in self._repeats.items():
            original = answers[first]
            assert original is not None
            answers[index] = original._replace(duplicate=True)
        if self._in_batch:
            self._forget_some()
        return [answer for answer in answers if answer is not None]

    def _place(self, message: NewMessage, value: bytes | None) -> tuple[str, str] | None:
        config = self._queue.config
        dedup_id = message.dedup_id
        if dedup_id is None and config.content_dedup:
            import hashlib

            dedup_id = hashlib.sha256(value or b"").hexdigest()
        if dedup_id is None:
            return None
        return (message.message_group or "") if config.dedup_scope == "group" else "", dedup_id

    def _stored(self, place: tuple[str, str]) -> MessageId | None:
        row = self._tx.row(
            "select record, message_id from mq_deduplications where channel = :channel"
            " and scope = :scope and deduplication_id = :id and until > :now",
            {
                "channel": self._queue.id,
                "scope": place[0],
                "id": place[1],
                "now": self._tx.now,
            },
        )
        if row is None:
            return None
        sequence = layout.offset(row[0])
        return MessageId(self._queue.name, leases.origins.format_id(row[1]), sequence, True)

    def _write(self, scope: str, dedup_id: str, message_id: str, sequence: int, until: int) -> None:
        import uuid

        self._tx.execute(
            "insert or replace into mq_deduplications (channel, scope, deduplication_id, record,"
            " message_id, until) values (:channel, :scope, :id, :record, :message_id, :until)",
            {
                "channel": self._queue.id,
                "scope": scope,
                "id": dedup_id,
                "record": self._queue.first_lane.base + sequence,
                "message_id": uuid.UUID(message_id).bytes,
                "until": until,
            },
        )

    def _forget_some(self) -> None:
        self._tx.execute(
            "delete from mq_deduplications where (channel, scope, deduplication_id) in (select"
            " channel, scope, deduplication_id from mq_deduplications where until <= :now"
            " order by until limit :step)",
            {"now": self._tx.now, "step": _FORGOTTEN_AT_ONCE},
        )


def forget(tx: WriteTransaction, queue: Queue) -> None:
    """Forget all sends to a queue: none counts as a duplicate of one before."""
    tx.execute("delete from mq_deduplications where channel = :id", {"id": queue.id})
