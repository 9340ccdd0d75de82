"""Dead letters sent back, edited, and all of that taken back again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import NamedTuple

from store.addresses import OFFSET_BITS, OFFSET_MASK
from store.db import Snapshot, Write
from store.delivery import attempts, journal, leases, loading, move, origins, queues, view
from store.delivery.journal import Entry
from store.delivery.loading import Stored
from store.delivery.origins import Origin
from store.delivery.queues import Queue
from store.errors import BadInput, Conflict, NotFound
from store.letters import Moved, Redriven
from store.log.checksum import checksum
from store.messages import Message


class Redrive(NamedTuple):
    """What a redrive did, or would do.

    `batch` is what `undo` takes; `None` for a dry run, and where nothing was moved.
    """

    batch: int | None
    moved: list[Moved]


def plan(tx: Snapshot, queue: Queue, to: str | None, moving: Sequence[Message]) -> list[Moved]:
    """Where each dead letter would go: to `to`, else where it came from; raises `NotFound`."""
    # Where there is nothing to move, a wrong name is told too.
    targets = {} if to is None else {to: queues.find(tx, to)}
    planned = []
    for letter in moving:
        target = to or _source_queue(letter)
        if target == queue.name:
            raise BadInput(f"{letter.address} is in {target} already", hint="--to another queue")
        if target not in targets:
            targets[target] = queues.find(tx, target)
        if targets[target].config.fifo != queue.config.fifo:
            raise BadInput(
                f"{letter.address} can't go to {target}: a FIFO and a standard queue don't mix",
                hint="redrive to a queue of the same type: --to QUEUE",
            )
        planned.append(Moved(letter.id, letter.address, target))
    return planned


def _source_queue(letter: Message) -> str:
    assert letter.dead is not None
    source = letter.dead.source_name
    if "/" in source:
        raise BadInput(
            f"{letter.address} came from {letter.dead.source}, and a topic takes nothing back",
            hint=f"--to QUEUE moves it; copies go back by mq dlq export {letter.queue}"
            f" | mq produce {source.partition('/')[0]} --framing ndjson",
        )
    return source


def redrive(
    tx: Write, queue: Queue, to: str | None, moving: Sequence[Message], batch: int | None = None
) -> Redrive:
    """Move dead letters back: same id, first time and headers, a new delivery count.

    It bypasses deduplication, and each has the whole retention of its queue before it again. It is
    written down, as more of `batch` if one is given, so that `undo` can take it back.
    """
    number = journal.next_batch(tx) if batch is None else batch
    targets: dict[str, Queue] = {}
    moved = []
    for one in plan(tx, queue, to, moving):
        try:
            message = view.find_message(tx, queue, int(one.source.rpartition("@")[2]))
        except NotFound:
            # What went before it to a full queue has pushed it out of this one.
            continue
        origin = _origin(tx, message)
        back = Origin(origin.message_id, origin.sent, hops=origin.hops, priority=origin.priority)
        if one.target not in targets:
            targets[one.target] = queues.find(tx, one.target)
        record = _transfer(tx, queue, message, targets[one.target], back)
        journal.note(tx, number, record, one.source, message.record, origin)
        moved.append(Moved(one.id, one.source, f"{one.target}@{record & OFFSET_MASK}"))
    return Redrive(number if moved else batch, moved)


def _origin(tx: Snapshot, message: Stored) -> Origin:
    return origins.get(tx, message.record, message.timestamp, message.slot.level)


def _transfer(tx: Write, queue: Queue, message: Stored, target: Queue, origin: Origin) -> int:
    # Else a late ack would be taken for a repeated one.
    attempts.note_lapsed(tx, message.lease)
    return move.transfer(tx, queue, message, target, origin)


def edit(
    tx: Write, queue: Queue, sequence: int, value: bytes | None, *, before: bytes | None
) -> Redrive:
    """Replace the value of a dead letter that has the value `before`; all else stays as it is.

    Written down like a redrive. Raises `Conflict` when it has another value by now or somebody
    has leased it, `BadInput` when it is no dead letter or too large for its queue.
    """
    message = view.find_message(tx, queue, sequence)
    address = f"{queue.name}@{sequence}"
    origin = _origin(tx, message)
    if origin.reason is None:
        raise BadInput(
            f"{address} is not a dead letter",
            hint=f"mq dlq peek {queue.name} lists those there are",
        )
    if view.state_of(tx, queue, message, False) == "leased":
        raise Conflict(f"{address} is leased by somebody", hint="mq lease list shows by whom")
    if message.value != before:
        raise Conflict(f"{address} was changed meanwhile", hint="edit it again")
    size = message.size + _growth(message, value)
    if size > queue.config.max_message:
        raise BadInput(
            f"the message would have {size} bytes; queue {queue.name} takes at most"
            f" {queue.config.max_message}",
            hint=f"mq queue alter {queue.name} --max-message SIZE",
        )
    batch = journal.next_batch(tx)
    journal.note(
        tx, batch, message.record, address, message.record, origin, edited=True, value=before
    )
    _write_value(tx, message, value)
    return Redrive(batch, [Moved(origins.format_id(origin.message_id), address, address)])


def _write_value(tx: Write, message: Stored, value: bytes | None) -> None:
    tx.execute(
        "update mq_records set value = :value, checksum = :checksum where id = :id",
        {
            "value": value,
            "checksum": checksum(
                message.record,
                message.timestamp,
                message.message_group,
                message.key,
                message.headers,
                value,
            ),
            "id": message.record,
        },
    )
    tx.execute(
        "update mq_partitions set bytes = bytes + :more where id = :lane",
        {"more": _growth(message, value), "lane": message.slot.partition},
    )


def _growth(message: Stored, value: bytes | None) -> int:
    return len(value or b"") - len(message.value or b"")


def undo(tx: Write, batch: int | None) -> Redrive:
    """Take a redrive or an edit back, by default the last: what is still there and unleased.

    Each message is a dead letter again as it was, with its id, value, reason and history. Raises
    `NotFound` when there is nothing to undo, `Conflict` when nothing of it is left.
    """
    number = journal.last_batch(tx) if batch is None else batch
    entries = journal.entries(tx, number)
    if number is None or not entries:
        raise NotFound("there is no redrive to undo", hint="a redrive can be undone once")
    moved = [_take_back(tx, entry) for entry in entries]
    done = [one for one in moved if one is not None]
    if not done:
        raise Conflict(
            f"nothing of redrive {number} is left to take back",
            hint="its messages were acknowledged or moved on, or are leased at the moment",
        )
    return Redrive(number, done)


def _take_back(tx: Write, entry: Entry) -> Moved | None:
    found = _in_nobodys_hands(tx, entry.record)
    if found is None or (entry.edited and journal.is_edited_since(tx, entry)):
        return None
    queue, message = found
    id = origins.format_id(entry.origin.message_id)
    address = f"{queue.name}@{message.sequence}"
    journal.undone(tx, entry)
    if entry.edited:
        _write_value(tx, message, entry.value)
        return Moved(id, address, address)
    target = queues.find(tx, entry.moved_from.partition("@")[0])
    placed = _transfer(tx, queue, message, target, entry.origin)
    journal.follow(tx, entry, placed)
    return Moved(id, address, f"{target.name}@{placed & OFFSET_MASK}")


def _in_nobodys_hands(tx: Snapshot, record: int) -> tuple[Queue, Stored] | None:
    partition = record >> OFFSET_BITS
    channel = tx.value(
        "select c.name from mq_partitions p join mq_channels c on c.id = p.channel"
        " where p.id = :partition",
        {"partition": partition},
    )
    if channel is None:
        return None
    queue = queues.find(tx, channel)
    slot = next(one for one in leases.slots(tx, queue.reader) if one.partition == partition)
    message = loading.load(tx, slot, record)
    if message is None or view.state_of(tx, queue, message, False) == "leased":
        return None
    return queue, message


def became_of(tx: Snapshot, batch: int) -> list[Redriven]:
    """What became of the messages of a redrive: still there, dead again, or done with."""
    entries = journal.entries(tx, batch, all=True)
    dead = _dead_again(tx, entries)
    present = {
        record
        for (record,) in tx.rows(
            "select id from mq_records where id in (select value from json_each(:records))",
            {"records": json.dumps([entry.record for entry in entries])},
        )
    }
    return [
        Redriven(
            id=origins.format_id(entry.origin.message_id),
            is_present=entry.record in present,
            error=dead.get(entry.origin.message_id, (None, None))[1],
            dead_letter=dead.get(entry.origin.message_id, (None, None))[0],
        )
        for entry in entries
    ]


def _dead_again(tx: Snapshot, entries: Sequence[Entry]) -> dict[bytes, tuple[str, str | None]]:
    rows = tx.rows(
        "select o.message_id, c.name, o.record, o.error from mq_origins o"
        " join mq_partitions p on p.id = o.record >> :bits join mq_channels c on c.id = p.channel"
        " where o.reason not null and hex(o.message_id) in (select value from json_each(:ids))",
        {
            "bits": OFFSET_BITS,
            "ids": json.dumps([entry.origin.message_id.hex().upper() for entry in entries]),
        },
    )
    return {id: (f"{name}@{record & OFFSET_MASK}", error) for id, name, record, error in rows}
