"""Exported dead letters restored as they were."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence

from store import model
from store.model.encoding import Encoded, encode_document
from store.model.errors import BadInput, BadRecord, Hint
from store.model.messages import Message
from store.sqlite import layout
from store.sqlite.file.database import Snapshot, WriteTransaction
from store.sqlite.leases import move, origins
from store.sqlite.leases.origins import Origin
from store.sqlite.queues import enqueue
from store.sqlite.queues.catalog import Queue
from store.sqlite.queues.policies import length

Letter = tuple[Message, Encoded]


def missing(tx: Snapshot, queue: Queue, letters: Sequence[Message]) -> list[Letter]:
    """Return dead letters that no queue has, each once, in the form to be stored.

    Raises `BadRecord` for the first one that can't be stored, `QueueFull` where a queue that
    rejects has no room for all of them.
    """
    given = [(one, _content(queue, index, one)) for index, one in enumerate(letters)]
    new = _new(tx, given)
    length.check(tx, queue, [content.size for _, content in new])
    return new


def restore(tx: WriteTransaction, queue: Queue, given: Sequence[Letter]) -> list[Message]:
    """Store dead letters; return those that no queue has got meanwhile. Limits hold as for
    sends.
    """
    tx.require_reserve()
    new = _new(tx, given)
    length.check(tx, queue, [content.size for _, content in new])
    drafts = enqueue.drafts(
        [content for _, content in new],
        message_groups=[letter.message_group for letter, _ in new],
        levels=[_level(queue, letter) for letter, _ in new],
        # Counted from the first send, it could be over before the letter is there.
        expires=[tx.wall + queue.config.retention] * len(new),
    )
    records = enqueue.enqueue(tx, queue, drafts)
    origins.put(tx, records, [_origin(letter) for letter, _ in new])
    move.keep_within_limits(tx, queue.reader, records)
    return [letter for letter, _ in new]


def _new(tx: Snapshot, given: Iterable[Letter]) -> list[Letter]:
    each = {letter.id: (letter, content) for letter, content in reversed(list(given))}
    return [one for id, one in reversed(each.items()) if not _is_present(tx, id)]


def _content(queue: Queue, index: int, letter: Message) -> Encoded:
    try:
        if letter.dead is None:
            raise BadInput(
                "it is not a dead letter",
                hint=Hint("to send it: {}", model.looks.ImportMessages()),
            )
        if queue.config.fifo and letter.message_group is None:
            raise BadInput(f"a message of the FIFO queue {queue.name} needs a message group")
        document = encode_document(letter.headers, letter.properties)
        content = Encoded.stored(letter.value, letter.key, document)
    except BadInput as error:
        raise BadRecord(index, error.message, error.hint) from error
    if content.size > queue.config.max_message:
        raise BadRecord(
            index,
            f"it has {content.size} bytes; queue {queue.name} takes at most"
            f" {queue.config.max_message}",
            hint=Hint(
                "{}",
                model.actions.take_larger("queue", queue.name),
            ),
        )
    return content


def _level(queue: Queue, letter: Message) -> int:
    assert letter.dead is not None
    return min(letter.dead.priority, queue.config.priorities - 1)


def _is_present(tx: Snapshot, id: str) -> bool:
    """Return whether some queue still has the message with that id, which was moved."""
    return bool(
        tx.value(
            "select exists (select 1 from mq_origins o join mq_records r on r.id = o.record"
            f" join mq_partitions p on p.id = {layout.owner_of('o.record')}"
            " where o.message_id = :id and p.channel not null)",
            {"id": uuid.UUID(id).bytes},
        )
    )


def _origin(letter: Message) -> Origin:
    assert letter.dead is not None
    return Origin(
        message_id=uuid.UUID(letter.id).bytes,
        sent=letter.timestamp,
        source=letter.dead.source,
        reason=letter.dead.reason,
        at=letter.dead.at,
        deliveries=letter.dead.deliveries,
        error=letter.dead.error,
        hops=letter.dead.hops,
        priority=letter.dead.priority,
    )
