"""Dead letters redriven, edited, and all of that undone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence

from store import model
from store.model.dead_letters import Chosen, Moved, Redrive, Redriven
from store.model.errors import BadInput, Conflict, Damaged, Hint, NotFound
from store.sqlite import layout, leases, log, queues
from store.sqlite.dead_letters import find, journal
from store.sqlite.dead_letters.journal import Entry
from store.sqlite.file.database import Snapshot, WriteTransaction
from store.sqlite.file.transactions import array
from store.sqlite.leases import finish, move, origins
from store.sqlite.leases.messages import StoredMessage
from store.sqlite.leases.origins import Origin
from store.sqlite.log.checksum import checksum
from store.sqlite.queues import view
from store.sqlite.queues.catalog import Queue


class _Targets:
    """The targets of dead letters: `to`, or otherwise each letter's source."""

    def __init__(self, tx: Snapshot, queue: Queue, to: str | None) -> None:
        self._tx, self._queue, self._to = tx, queue, to
        # Without anything to move, a wrong name is reported too.
        self._found = {} if to is None else {to: queues.catalog.find(tx, to)}

    def of(self, address: str, source: str) -> Queue:
        """Return the target of a letter that came from `source`; raises `NotFound`, `BadInput`."""
        name = self._to or _source_queue(self._queue, address, source)
        if name == self._queue.name:
            raise BadInput(f"{address} is in {name} already", hint=Hint("{to} another queue"))
        if name not in self._found:
            self._found[name] = queues.catalog.find(self._tx, name)
        target = self._found[name]
        if target.config.fifo != self._queue.config.fifo:
            raise BadInput(
                f"{address} can't go to {name}: a FIFO and a standard queue don't mix",
                hint=Hint("redrive to a queue of the same type: {to QUEUE}"),
            )
        return target


def _source_queue(queue: Queue, address: str, source: str) -> str:
    name = source.partition("@")[0]
    if "/" in name:
        raise BadInput(
            f"{address} came from {source}, and a topic takes nothing back",
            hint=Hint(
                "{to QUEUE} moves it; copies go back by {}",
                model.looks.CopyBack(queue.name, name.partition("/")[0]),
            ),
        )
    return name


def plan(tx: Snapshot, queue: Queue, to: str | None, letters: Sequence[Chosen]) -> list[Moved]:
    """Return the target of each dead letter: `to`, or otherwise its source; raises `NotFound`."""
    targets = _Targets(tx, queue, to)
    return [
        Moved(one.id, one.address, targets.of(one.address, one.source).name, one.size)
        for one in letters
    ]


def redrive(
    tx: WriteTransaction,
    queue: Queue,
    to: str | None,
    sequences: Collection[int],
    batch: int | None = None,
) -> Redrive:
    """Move dead letters back: same id, first time and headers, a new delivery count.

    Only those of these sequences that are still there without a lease. It bypasses deduplication,
    and each has the whole retention of its queue before it again. The journal notes it, as more of
    `batch` if one is given, so that `undo` can take it back.
    """
    letters = find.free(tx, queue, sequences)
    if not letters:
        return Redrive(batch, [])
    number = journal.next_batch(tx) if batch is None else batch
    chosen = _Targets(tx, queue, to)
    messages, before = [message for message, _ in letters], [origin for _, origin in letters]
    targets = [
        chosen.of(f"{queue.name}@{one.sequence}", origin.source or "") for one, origin in letters
    ]
    after = [
        Origin(one.message_id, one.sent, hops=one.hops, priority=one.priority) for one in before
    ]
    # All of them first: an arrival in a full queue may push others out of this one.
    finish.take_out(tx, queue, messages)
    records = move.place(tx, messages, targets, after)
    journal.note_moves(tx, number, messages, queue.name, records, before)
    moved = [_moved(queue, *each) for each in zip(messages, targets, records, before, strict=True)]
    return Redrive(number, moved)


def _moved(
    queue: Queue, message: StoredMessage, target: Queue, record: int, origin: Origin
) -> Moved:
    return Moved(
        origins.format_id(origin.message_id),
        f"{queue.name}@{message.sequence}",
        f"{target.name}@{layout.offset(record)}",
        message.size,
    )


def edit(
    tx: WriteTransaction, queue: Queue, sequence: int, value: bytes | None, *, before: bytes | None
) -> Redrive:
    """Replace the value of a dead letter that has the value `before`; all else stays as it is.

    The journal notes it like a redrive. Raises `Conflict` when it has another value by now or is
    leased, `BadInput` when it is no dead letter or too large for its queue, `Damaged` when other
    parts of it are damaged.
    """
    message = view.find_message(tx, queue, sequence)
    address = f"{queue.name}@{sequence}"
    origin = origins.get(tx, message.record, message.timestamp, message.slot.level)
    if origin.reason is None:
        raise BadInput(
            f"{address} is not a dead letter",
            hint=Hint("{} lists those there are", model.looks.ShowDeadLetters(queue.name)),
        )
    if view.state_of(tx, queue, message, False) == "leased":
        raise Conflict(
            f"{address} is leased",
            hint=Hint("{} shows by whom", model.looks.ShowLeases()),
        )
    if message.is_damaged:
        raise Damaged(
            f"{address} is damaged: {log.damage.CHECKSUM}",
            hint=Hint(
                "remove it: {}",
                model.actions.PurgeDeadLetters(queue.name, (origins.format_id(origin.message_id),)),
            ),
            addresses=(address,),
        )
    if message.value != before:
        raise Conflict(f"{address} was changed meanwhile", hint="edit it again")
    size = message.size + _growth(message, value)
    if size > queue.config.max_message:
        raise BadInput(
            f"the message would have {size} bytes; queue {queue.name} takes at most"
            f" {queue.config.max_message}",
            hint=Hint(
                "{}",
                model.actions.take_larger("queue", queue.name),
            ),
        )
    batch = journal.next_batch(tx)
    journal.note_edit(tx, batch, message.record, address, origin, before)
    _write_value(tx, message, value)
    return Redrive(batch, [Moved(origins.format_id(origin.message_id), address, address)])


def _write_value(tx: WriteTransaction, message: StoredMessage, value: bytes | None) -> None:
    fresh = checksum(
        message.record,
        message.timestamp,
        message.message_group,
        message.key,
        message.headers,
        value,
    )
    growth = _growth(message, value)
    log.rows.set_value(tx, message.record, value, fresh, message.slot.partition, growth)
    if message.is_damaged:
        # Any other damage of it stays.
        move.keep_damage(tx, message.record)


def _growth(message: StoredMessage, value: bytes | None) -> int:
    return len(value or b"") - len(message.value or b"")


def undoable(tx: Snapshot, batch: int | None) -> tuple[int, list[tuple[int, int]]]:
    """Return a redrive or an edit, by default the last, and its undoable part: entries of the
    journal with their bytes. Raises `NotFound` when there is nothing.
    """
    number = journal.last_batch(tx) if batch is None else batch
    entries = journal.not_undone(tx, number)
    if number is None or not entries:
        raise NotFound("there is no redrive to undo", hint="a redrive can be undone once")
    return number, entries


def nothing_left(batch: int) -> Conflict:
    """Return the error when nothing of a redrive could be undone."""
    return Conflict(
        f"nothing of redrive {batch} is left to take back",
        hint="its messages were acknowledged or moved on, or are leased at the moment",
    )


def undo(tx: WriteTransaction, entries: Sequence[int]) -> list[Moved]:
    """Undo these entries of the journal: those whose messages are still there and unleased.

    Each message is a dead letter again as it was, with its id, value, reason and history.
    """
    found = journal.entries(tx, entries)
    present = _in_nobodys_hands(tx, found)
    there = [entry for entry in found if entry.record in present]
    edits = [entry for entry in there if entry.edited]
    return [
        *_restore_values(tx, edits, present),
        *_take_back(tx, [entry for entry in there if not entry.edited], present),
    ]


def _in_nobodys_hands(
    tx: Snapshot, entries: Sequence[Entry]
) -> dict[int, tuple[Queue, StoredMessage]]:
    """Return the unleased messages at the places where entries left them, by record, with their
    queues.
    """
    lanes: defaultdict[int, list[int]] = defaultdict(list)
    for entry in entries:
        lanes[layout.owner(entry.record)].append(layout.offset(entry.record))
    found = {}
    for lane, sequences in lanes.items():
        queue = _queue_of(tx, lane)
        if queue is not None:
            slot = leases.rows.slot_in(tx, queue.reader, lane)
            for message in leases.messages.load_all(tx, slot, sequences):
                if not message.is_held(tx):
                    found[message.record] = (queue, message)
    return found


def _queue_of(tx: Snapshot, lane: int) -> Queue | None:
    name = tx.value(
        "select c.name from mq_partitions p join mq_channels c on c.id = p.channel"
        " where p.id = :lane",
        {"lane": lane},
    )
    return None if name is None else queues.catalog.find(tx, name)


def _restore_values(
    tx: WriteTransaction,
    entries: Sequence[Entry],
    present: Mapping[int, tuple[Queue, StoredMessage]],
) -> Iterator[Moved]:
    for entry in entries:
        if not journal.is_edited_since(tx, entry):
            queue, message = present[entry.record]
            address = f"{queue.name}@{message.sequence}"
            _write_value(tx, message, entry.value)
            journal.undone(tx, [entry])
            yield Moved(origins.format_id(entry.origin.message_id), address, address)


def _take_back(
    tx: WriteTransaction,
    entries: Sequence[Entry],
    present: Mapping[int, tuple[Queue, StoredMessage]],
) -> list[Moved]:
    left: defaultdict[str, list[StoredMessage]] = defaultdict(list)
    for entry in entries:
        queue, message = present[entry.record]
        left[queue.name].append(message)
    for name, messages in left.items():
        finish.take_out(tx, queues.catalog.find(tx, name), messages)
    targets = [queues.catalog.find(tx, entry.moved_from.partition("@")[0]) for entry in entries]
    before = [entry.origin for entry in entries]
    records = move.place(tx, [present[entry.record][1] for entry in entries], targets, before)
    journal.undone(tx, entries)
    journal.follow(tx, entries, records)
    return [
        _moved(*present[entry.record], target, record, entry.origin)
        for entry, target, record in zip(entries, targets, records, strict=True)
    ]


def became_of(tx: Snapshot, batch: int) -> list[Redriven]:
    """Return the fate of the messages of a redrive: still there, dead again, or done."""
    entries = journal.of_batch(tx, batch)
    dead = _dead_again(tx, entries)
    present = {
        record
        for (record,) in tx.rows(
            "select id from mq_records where id in (select value from json_each(:records))",
            {"records": array(entry.record for entry in entries)},
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
    found = {}
    for entry in entries:
        row = tx.row(
            "select c.name, o.record, o.error from mq_origins o"
            f" join mq_partitions p on p.id = {layout.owner_of('o.record')}"
            " join mq_channels c on c.id = p.channel"
            " where o.message_id = :id and o.reason not null",
            {"id": entry.origin.message_id},
        )
        if row is not None:
            found[entry.origin.message_id] = (f"{row[0]}@{layout.offset(row[1])}", row[2])
    return found
