"""Deduplication: a message whose id was accepted within the window is not stored again (SQS).

It is answered with the id of the first one. FIFO queues always have it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from store.model.messages import MessageId
from store.sqlite import layout, leases
from store.sqlite.leases.readers import ReaderPolicy
from store.sqlite.queues import send

if TYPE_CHECKING:
    from store.model.messages import NewMessage
    from store.model.queues import QueueConfig
    from store.sqlite.file.database import WriteTransaction
    from store.sqlite.queues.catalog import Queue
    from store.sqlite.queues.policies import Sending

# SQS remembers a deduplication id for five minutes.
DEFAULT_WINDOW = 300_000
_FORGOTTEN_AT_ONCE = 20

_Key = tuple[str, str]


class KnownSends(NamedTuple):
    """The sends of known deduplication ids: before a batch, or in it.

    `answers` has for each message the answer of its first send, the index of that in this batch, or
    `None` where it is new; `new` has the index by scope and id. Those are known `until` then.
    """

    queue: int
    until: int
    answers: list[MessageId | int | None]
    new: dict[_Key, int]


class Deduplication(ReaderPolicy):
    """Messages that were sent before are left out of a send."""

    __slots__ = ()

    goes_by_settings = True

    def before_send(self, tx: WriteTransaction, queue: Queue, sending: Sending) -> None:
        """Leave out messages that were sent before."""
        config = queue.config
        if sending.options.deduplication_ids is None and not config.content_dedup:
            return
        known = KnownSends(queue.id, tx.now + (config.dedup or DEFAULT_WINDOW), [], {})
        for message, value in zip(sending.messages, sending.batch.values, strict=True):
            key = _key(config, send.as_message(message), value)
            first: MessageId | int | None = None
            if key is not None:
                first = known.new[key] if key in known.new else _stored(tx, queue, key)
                if first is None:
                    known.new[key] = len(known.answers)
            known.answers.append(first)
        sending.known = known
        if known.answers.count(None) < len(known.answers):
            new = [index for index, first in enumerate(known.answers) if first is None]
            sending.batch = sending.batch.chosen(new)

    def after_send(
        self, tx: WriteTransaction, sending: Sending, ids: list[MessageId]
    ) -> list[MessageId]:
        """Remember what was stored, and answer each repeat with the id of its first send."""
        known = sending.known
        if known is None:
            return ids
        stored = iter(ids)
        answers: list[MessageId] = []
        for first in known.answers:
            if first is None:
                answers.append(next(stored))
            elif isinstance(first, MessageId):
                answers.append(first)
            else:
                answers.append(answers[first]._replace(duplicate=True))
        for key, index in known.new.items():
            _remember(tx, sending.base, known, key, answers[index])
        if known.new:
            _forget_some(tx)
        return answers


def _key(config: QueueConfig, message: NewMessage, value: bytes | None) -> _Key | None:
    """Return the scope and the id by which a message is known."""
    id = message.dedup_id
    if id is None and config.content_dedup:
        import hashlib

        id = hashlib.sha256(value or b"").hexdigest()
    if id is None:
        return None
    return (message.message_group or "") if config.dedup_scope == "group" else "", id


def _stored(tx: WriteTransaction, queue: Queue, key: _Key) -> MessageId | None:
    """Return the answer to the first send of an id, if its window is not over."""
    row = tx.row(
        "select record, message_id from mq_deduplications where channel = ? and scope = ?"
        " and deduplication_id = ? and until > ?",
        (queue.id, *key, tx.now),
    )
    if row is None:
        return None
    sequence = layout.offset(row[0])
    return MessageId(queue.name, leases.origins.format_id(row[1]), sequence, True)


def _remember(
    tx: WriteTransaction, base: int, known: KnownSends, key: _Key, answer: MessageId
) -> None:
    assert answer.sequence is not None
    id = bytes.fromhex(answer.id.replace("-", ""))
    tx.execute(
        "insert or replace into mq_deduplications (channel, scope, deduplication_id, record,"
        " message_id, until) values (?, ?, ?, ?, ?, ?)",
        (known.queue, *key, base + answer.sequence, id, known.until),
    )


def _forget_some(tx: WriteTransaction) -> None:
    tx.execute(
        "delete from mq_deduplications where (channel, scope, deduplication_id) in (select"
        " channel, scope, deduplication_id from mq_deduplications where until <= ?"
        " order by until limit ?)",
        (tx.now, _FORGOTTEN_AT_ONCE),
    )


def forget(tx: WriteTransaction, queue: Queue) -> None:
    """Forget all sends to a queue: none counts as a duplicate of one before."""
    tx.execute("delete from mq_deduplications where channel = :id", {"id": queue.id})
