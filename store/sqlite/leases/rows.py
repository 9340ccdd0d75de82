"""Lease rows and the counts that slots keep of them: rows only, no policy.

A lease row is a message that was delivered, or may not be delivered yet. `due` is when it may be
delivered (again), so one index serves expiry, retry delays and delayed sends, without a sweeper.
"""

from collections.abc import Sequence
from itertools import starmap
from operator import attrgetter
from typing import NamedTuple

from store.sqlite import layout
from store.sqlite.file.database import Row, Snapshot, WriteTransaction
from store.sqlite.layout import OFFSET_BITS, OFFSET_MASK
from store.sqlite.leases.readers import Reader


class Slot:
    """A reader's slot in one lane or partition; a queue's lane tells its level and if it waits.

    It never changes. The position of the reader is a `SlotProgress`.
    """

    __slots__ = ("delayed", "id", "level", "number", "partition", "to_lease")

    def __init__(self, id: int, partition: int, number: int, level: int, delayed: bool) -> None:
        self.id = id
        self.partition = partition
        self.number = number
        self.level = level
        self.delayed = delayed
        # The id of a message's lease, less that of its record.
        self.to_lease = id - partition << OFFSET_BITS

    def lease_id(self, offset: int) -> int:
        """Return the id of the lease row of a message in this slot."""
        return self.id << OFFSET_BITS | offset

    def record_id(self, offset: int) -> int:
        """Return the id of the record."""
        return self.partition << OFFSET_BITS | offset

    @property
    def base_ids(self) -> dict[str, int]:
        """The ids at offset 0, as `layout.LEASE_OF_RECORD` takes them."""
        return {"leases": self.id << OFFSET_BITS, "records": self.partition << OFFSET_BITS}

    @property
    def end(self) -> int:
        """The bound that the ids of its records stay below."""
        return self.partition + 1 << OFFSET_BITS


class SlotProgress(Slot):
    """A slot and the position of its reader: messages below the cursor were handed out once.

    `next` is the end of the lane or partition, and `leases` counts the slot's lease rows. Where
    `is_due`, some of its level may be delivered again.
    """

    __slots__ = ("cursor", "is_due", "leases", "next")

    def __init__(
        self,
        id: int,
        partition: int,
        number: int,
        level: int,
        delayed: bool,
        cursor: int,
        next: int,
        leases: int,
        is_due: bool,
    ) -> None:
        super().__init__(id, partition, number, level, delayed)
        self.cursor = cursor
        self.next = next
        self.leases = leases
        self.is_due = is_due


class Lease(NamedTuple):
    """One lease row. Without a token there is no holder.

    `was_due` is the due time it had before this delivery, by which it returns to its place.
    """

    id: int
    priority: int
    due: int
    ends: int
    deliveries: int
    token: int | None
    holder: int | None
    started: int | None
    record: int
    was_due: int = 0

    @property
    def slot(self) -> int:
        """The slot the row counts in."""
        return self.id >> OFFSET_BITS

    @property
    def offset(self) -> int:
        """The sequence or offset of the message."""
        return self.id & OFFSET_MASK

    def unheld(self, due: int) -> "Lease":
        """Return the row without a holder, for a message that may be delivered from `due`."""
        return self._replace(due=due, ends=due, token=None, holder=None, started=None)


def waiting(slot: Slot, offset: int, due: int) -> Lease:
    """Return the row of a message that was never delivered, and may be from `due`."""
    id, record = slot.id << OFFSET_BITS | offset, slot.partition << OFFSET_BITS | offset
    return Lease(id, slot.level, due, due, 0, None, None, None, record)


def lapsed(reader: Reader, lease: Lease, now: int) -> Lease:
    """Return the row of a lease that ends now, as time would have ended it later."""
    wait = reader.retry_delay(lease.deliveries)
    ends = now if wait else reader.given_back_at(now)
    return lease._replace(ends=ends, due=ends + wait)


_COLUMNS = "id, priority, due, ends, deliveries, token, holder, started, record, was_due"


def slots(tx: Snapshot, reader: Reader) -> list[SlotProgress]:
    """Return the reader's slots by lane or partition number."""
    where = {"reader": reader.id, "shift": level_shift(reader), "now": tx.now}
    found = [_progress(reader, row) for row in tx.rows(_SLOTS, where)]
    # Mostly there is one; SQLite would set up a sorter for it.
    found.sort(key=attrgetter("number"))
    return found


def slot_in(tx: Snapshot, reader: Reader, partition: int) -> SlotProgress:
    """Return the position of the reader in one lane or partition."""
    (row,) = tx.rows(
        f"select {_PROGRESS} where s.reader = :reader and s.partition = :partition",
        {
            "reader": reader.id,
            "partition": partition,
            "shift": level_shift(reader),
            "now": tx.now,
        },
    )
    return _progress(reader, row)


_PROGRESS = (
    "s.id, s.partition, p.number, s.cursor, p.next, s.leases, s.leases and exists (select 1"
    " from mq_leases l where l.reader = s.reader and l.priority = p.number >> :shift"
    " and l.due <= :now)"
    " from mq_slots s join mq_partitions p on p.id = s.partition"
)
# A text that is put together at every call is hashed at every call to find the prepared one.
_RETREATED_AT_ONCE = 100
_SLOTS = f"select {_PROGRESS} where s.reader = :reader"
_INSERT = f"insert into mq_leases ({_COLUMNS}, reader) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"


def _progress(reader: Reader, row: Row) -> SlotProgress:
    id, partition, number, cursor, end, leases, is_due = row
    level, delayed = level_of(reader, number)
    return SlotProgress(id, partition, number, level, delayed, cursor, end, leases, bool(is_due))


def level_shift(reader: Reader) -> int:
    """Return how many bits of a lane's number are not its level; a topic has but one level."""
    return layout.OFFSET_BITS if reader.retains else 1


def level_of(reader: Reader, number: int) -> tuple[int, bool]:
    """Return the level of a lane by its number, and whether its messages wait; a topic has
    neither.
    """
    return (0, False) if reader.retains else (number >> 1, bool(number & 1))


def get(tx: Snapshot, id: int) -> Lease | None:
    """Return one lease row."""
    row = tx.row(f"select {_COLUMNS} from mq_leases where id = :id", {"id": id})
    return None if row is None else Lease(*row)


def insert(tx: WriteTransaction, reader: Reader, leases: Sequence[Lease]) -> None:
    """Add rows and count them in their slots."""
    if len(leases) == 1:
        tx.cursor.execute(_INSERT, (*leases[0], reader.id))
    elif leases:
        columns = dict(zip(Lease._fields, zip(*leases, strict=True), strict=True))
        # A value that is the same in all rows is bound once.
        shared = {name: column[0] for name, column in columns.items() if len(set(column)) == 1}
        tx.insert_columns("mq_leases", columns | shared | {"reader": reader.id})
    else:
        return
    _count(tx, reader, (), leases)


def move_cursor(tx: WriteTransaction, slot: Slot, cursor: int) -> None:
    """Set a slot's cursor, past offsets whose leases are right already."""
    tx.execute(
        "update mq_slots set cursor = :cursor where id = :id", {"cursor": cursor, "id": slot.id}
    )


def update(
    tx: WriteTransaction, reader: Reader, before: Sequence[Lease], after: Sequence[Lease]
) -> None:
    """Replace rows by their new state, and recount them."""
    if not after:
        return
    tx.many(
        "update mq_leases set due = ?, ends = ?, deliveries = ?, token = ?, holder = ?,"
        " started = ?, was_due = ? where id = ?",
        [(*row[2:8], row.was_due, row.id) for row in after],
    )
    _count(tx, reader, before, after)


def retreat(tx: WriteTransaction, reader: Reader, slot: Slot) -> None:
    """Move a slot's cursor back over messages next below it that were never delivered.

    A row that waits for nothing adds nothing to the cursor.
    """
    while run := _never_delivered(tx, reader, slot):
        remove(tx, reader, run)
        move_cursor(tx, slot, run[-1].offset)


def _never_delivered(tx: Snapshot, reader: Reader, slot: Slot) -> list[Lease]:
    """Return some rows next below the cursor that were never delivered, the last first."""
    cursor: int = tx.value("select cursor from mq_slots where id = :id", {"id": slot.id})
    rows = tx.rows(
        f"select {_COLUMNS} from mq_leases where id >= :first and id < :end"
        " order by id desc limit :step",
        {"first": slot.lease_id(0), "end": slot.lease_id(cursor), "step": _RETREATED_AT_ONCE},
    )
    run: list[Lease] = []
    for lease in starmap(Lease, rows):
        # In a log, a record without a row is finished; a queue has no such message.
        is_next = lease.offset == cursor - len(run) - 1 or not reader.retains
        if lease.due or lease.deliveries or not is_next:
            break
        run.append(lease)
    return run


def remove(tx: WriteTransaction, reader: Reader, leases: Sequence[Lease]) -> None:
    """Delete rows and take them out of their slots' counts."""
    tx.delete_rows("mq_leases", [lease.id for lease in leases])
    _count(tx, reader, leases, ())


def remove_all(tx: WriteTransaction, reader: int) -> None:
    """Delete all rows of a reader, whose slots are deleted or reset too."""
    tx.execute("delete from mq_leases where reader = :reader", {"reader": reader})


def forget(tx: WriteTransaction, slot: int, which: str, where: dict[str, object]) -> None:
    """Delete the rows `l` of a slot that match a condition, and take them out of its counts."""
    # As everywhere, leases due by the noticed time count as neither held nor waiting.
    parameters = {"slot": slot, **where}
    rows, held, waiting = tx.row(  # type: ignore[misc]
        "select count(*), total(l.token not null and l.due > r.noticed),"
        " total(l.token is null and l.due > r.noticed)"
        f" from mq_leases l join mq_readers r on r.id = l.reader where {which}",
        parameters,
    )
    if not rows:
        return
    tx.execute(f"delete from mq_leases as l where {which}", parameters)
    tx.execute(
        "update mq_slots set leases = leases - :rows, held = held - :held,"
        " waiting = waiting - :waiting where id = :slot",
        {"rows": rows, "held": int(held), "waiting": int(waiting), "slot": slot},
    )


def _count(
    tx: WriteTransaction, reader: Reader, gone: Sequence[Lease], come: Sequence[Lease]
) -> None:
    changes: dict[int, list[int]] = {}
    now = tx.now
    for sign, leases in ((-1, gone), (1, come)):
        for lease in leases:
            change = changes.setdefault(lease.id >> OFFSET_BITS, [0, 0, 0])
            change[0] += sign
            # Leases due by the noticed time count as neither held nor waiting: time alone made them
            # ready. That time is never ahead of now.
            if lease.due > now or lease.due > noticed(tx, reader):
                change[2 if lease.token is None else 1] += sign
    for slot, change in changes.items():
        if any(change):
            number = tx.number_slot(slot)
            tx.cursor.execute(_COUNT, (*change, number, slot))


_COUNT = (
    "update mq_slots set leases = leases + ?, held = held + ?, waiting = waiting + ?,"
    " last_commit = ? where id = ?"
)


def noticed(tx: Snapshot, reader: Reader) -> int:
    """Return the store time up to which due leases count as ready again."""
    until: int = tx.value("select noticed from mq_readers where id = :id", {"id": reader.id})
    return until
