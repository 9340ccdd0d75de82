"""Dead letters that were exported come back as they were."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence

from store.addresses import OFFSET_BITS
from store.db import Snapshot, Write
from store.delivery import enqueue, limits, move, origins
from store.delivery.origins import Origin
from store.delivery.queues import Queue
from store.errors import BadInput, BadRecord
from store.log.encoding import Encoded, encode_headers
from store.messages import Message


def restore(tx: Write, queue: Queue, letters: Sequence[Message]) -> list[Message]:
    """Store dead letters, all or none; those of them that the store did not have yet.

    Limits of length hold for them as for sends. Raises `BadRecord` for the first one that can't be
    stored, `QueueFull` where a queue that rejects has no room for all of them.
    """
    contents = [_content(queue, index, letter) for index, letter in enumerate(letters)]
    known = _present(tx, [letter.id for letter in letters])
    new = []
    for letter, content in zip(letters, contents, strict=True):
        if letter.id not in known:
            known.add(letter.id)
            new.append((letter, content))
    limits.check(tx, queue, [content.size for _, content in new])
    drafts = enqueue.drafts(
        [content for _, content in new],
        message_groups=[letter.message_group for letter, _ in new],
        levels=[_level(queue, letter) for letter, _ in new],
        # Counted from the first send, it could be over before the letter is there.
        expires=[tx.wall + queue.config.retention] * len(new),
    )
    records = enqueue.enqueue(tx, queue, drafts)
    for record, (letter, _) in zip(records, new, strict=True):
        origins.put(tx, record, _origin(letter))
    move.keep_within_limits(tx, queue.reader, records)
    return [letter for letter, _ in new]


def _content(queue: Queue, index: int, letter: Message) -> Encoded:
    try:
        if letter.dead is None:
            raise BadInput(
                "it is not a dead letter", hint="to send it: mq produce --framing ndjson"
            )
        if queue.config.fifo and letter.message_group is None:
            raise BadInput(f"a message of the FIFO queue {queue.name} needs a message group")
        content = Encoded.stored(letter.value, letter.key, encode_headers(letter.headers))
    except BadInput as error:
        raise BadRecord(index, error.message, error.hint) from error
    if content.size > queue.config.max_message:
        raise BadRecord(
            index,
            f"it has {content.size} bytes; queue {queue.name} takes at most"
            f" {queue.config.max_message}",
            hint=f"mq queue alter {queue.name} --max-message SIZE",
        )
    return content


def _level(queue: Queue, letter: Message) -> int:
    assert letter.dead is not None
    return min(letter.dead.priority, queue.config.priorities - 1)


def _present(tx: Snapshot, ids: Sequence[str]) -> set[str]:
    """Which of the ids are those of messages that were moved, and that some queue still has."""
    rows = tx.rows(
        "select o.message_id from mq_origins o join mq_records r on r.id = o.record"
        " join mq_partitions p on p.id = o.record >> :bits where p.channel not null"
        " and lower(hex(o.message_id)) in (select value from json_each(:ids))",
        {"bits": OFFSET_BITS, "ids": json.dumps([uuid.UUID(id).hex for id in ids])},
    )
    return {origins.format_id(id) for (id,) in rows}


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
