"""Runs: leases of one receive in one slot, leased, counted and settled together.

They share a token, a holder and the time they began, so a condition on the token and their ids
names them, and a count tells whether they are all still as they were. A single lease is a run of
one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from store.sqlite import layout
from store.sqlite.file.database import Snapshot, WriteTransaction
from store.sqlite.file.transactions import array
from store.sqlite.layout import OFFSET_BITS, OFFSET_MASK

if TYPE_CHECKING:
    from store.sqlite.leases.readers import Reader
    from store.sqlite.leases.rows import Slot

# Neighbours are named by their first and last, others one by one.
_RANGE = "between :first and :last"
_LISTED = "in (select value from json_each(:ids))"
Statement = tuple[str, str]
"""The same for neighbours, and for others."""


# One delivery in sixteen is timed. Tokens are random.
TIMED_MASK = 15


def is_timed(lease: int, token: int) -> bool:
    """Return whether a delivery is in the sample of processing times."""
    return not (lease ^ token) & TIMED_MASK


class Run(NamedTuple):
    """Leases of one receive in one slot, by their ids: a range if they are neighbours."""

    reader: Reader
    slot: Slot
    token: int
    ids: Sequence[int]

    def records(self) -> Sequence[int]:
        """Return the ids of their records."""
        to_record = self.slot.partition - self.slot.id << OFFSET_BITS
        if isinstance(self.ids, range):
            return range(self.ids[0] + to_record, self.ids[-1] + to_record + 1)
        return [id + to_record for id in self.ids]

    def timed(self) -> int:
        """Return how many of its deliveries are in the sample of processing times."""
        if isinstance(self.ids, range):
            first = self.ids[0] + ((self.token - self.ids[0]) & TIMED_MASK)
            return len(range(first, self.ids[-1] + 1, TIMED_MASK + 1))
        return sum(is_timed(id, self.token) for id in self.ids)


class Standing(NamedTuple):
    """How the leases of a run stand: from the fewest deliveries to the most, and how many of them
    were due so recently that they count as waiting if they are given back.
    """

    fewest: int
    most: int
    waiting: int


def statement(sql: str) -> Statement:
    """Return a statement on the rows whose ids are `{which}`, for neighbours and for others."""
    return sql.replace("{which}", _RANGE), sql.replace("{which}", _LISTED)


def row(tx: Snapshot, both: Statement, ids: Sequence[int], **others: object) -> Any:
    """Return the first row of a query about rows with these ids."""
    sql, parameters = _chosen(both, ids)
    return tx.row(sql, {**parameters, **others})


def execute(tx: WriteTransaction, both: Statement, ids: Sequence[int], **others: object) -> int:
    """Run a statement on the rows with these ids; return how many it changed."""
    sql, parameters = _chosen(both, ids)
    return tx.execute(sql, {**parameters, **others})


def _chosen(both: Statement, ids: Sequence[int]) -> tuple[str, dict[str, object]]:
    if isinstance(ids, range):
        return both[0], {"first": ids[0], "last": ids[-1]}
    return both[1], {"ids": array(ids)}


_LEASE = (
    "insert into mq_leases (id, reader, priority, due, ends, deliveries, token, holder, started,"
    " record, was_due) select id + ?, ?, ?, ?, ?, 1, ?, ?, ?, id, ? from mq_records"
    " where id between ? and ? order by id"
)
_ADVANCE = (
    "update mq_slots set cursor = max(cursor, ?), leases = leases + ?, held = held + ?,"
    " last_commit = ? where id = ?"
)


def lease(
    tx: WriteTransaction, reader: int, slot: Slot, records: tuple[int, int, int],
    times: tuple[int, int, int], token: int, holder: int, was_due: int = 0,
) -> None:  # fmt: skip
    """Lease undelivered records to a holder, and move the cursor past them.

    `records` are the first, the last and how many they are; `times` are when the leases begin, when
    they end, and when the messages are due again.
    """
    first, last, number = records
    now, ends, due = times
    execute = tx.cursor.execute
    execute(
        _LEASE,
        (slot.to_lease, reader, slot.level, due, ends, token, holder, now, was_due, first, last),
    )
    cursor = (last & OFFSET_MASK) + 1
    tx.numbered_row = slot.id << 1 | 1
    execute(_ADVANCE, (cursor, number, number, tx.number, slot.id))


_STANDING = statement(
    "select count(*), min(deliveries), max(deliveries), total(was_due > (select noticed"
    " from mq_readers where id = reader)) from mq_leases"
    " where id {which} and token = :token and ends > :now"
)


def standing(tx: Snapshot, run: Run) -> Standing | None:
    """Return how the leases of a run stand; `None` if not all of them run on under its token."""
    number, fewest, most, waiting = row(tx, _STANDING, run.ids, token=run.token, now=tx.now)
    return Standing(fewest, most, int(waiting)) if number == len(run.ids) else None


_EXTEND = statement("update mq_leases set ends = :ends, due = :due where id {which}")


def extend(tx: WriteTransaction, run: Run, ends: int, due: int) -> None:
    """Let the leases of a run end at another time."""
    execute(tx, _EXTEND, run.ids, ends=ends, due=due)
    if due <= tx.now:
        count(tx, run, held=-len(run.ids))


_GIVE_BACK = statement(
    "update mq_leases set due = :due, ends = :due, token = null, holder = null, started = null"
    " where id {which}"
)


def give_back(tx: WriteTransaction, run: Run, due: int) -> None:
    """Let the messages of a run be delivered again from `due`."""
    execute(tx, _GIVE_BACK, run.ids, due=due)
    number = len(run.ids)
    count(tx, run, held=-number, waiting=number if due > tx.now else 0)


_TAKE_BACK = statement(
    "update mq_leases set due = was_due, ends = was_due, deliveries = deliveries - 1, token = null,"
    " holder = null, started = null where id {which}"
)


def take_back(tx: WriteTransaction, run: Run, standing: Standing) -> None:
    """Undo the deliveries of a run: their rows are what they were before."""
    execute(tx, _TAKE_BACK, run.ids)
    count(tx, run, held=-len(run.ids), waiting=standing.waiting)


def lapse(tx: WriteTransaction, reader: Reader, holder: int) -> int:
    """End the leases that a holder has of a reader without retry delays now; return how many."""
    which = {"holder": holder, "reader": reader.id, "now": tx.now}
    slots = tx.rows(
        f"select {layout.owner_of('id')}, count(*) from mq_leases where holder = :holder"
        " and reader = :reader and ends > :now group by 1",
        which,
    )
    tx.execute(
        "update mq_leases set ends = :due, due = :due where holder = :holder and reader = :reader"
        " and ends > :now",
        {**which, "due": reader.given_back_at(tx.now)},
    )
    for slot, number in slots:
        tx.execute(_COUNT, (0, -number, 0, tx.number_slot(slot), slot))
    return sum(number for _, number in slots)


_REMOVE_RANGE = "delete from mq_leases where id between ? and ?"
_COUNT = (
    "update mq_slots set leases = leases + ?, held = held + ?, waiting = waiting + ?,"
    " last_commit = ? where id = ?"
)


def remove(tx: WriteTransaction, slot: int, ids: Sequence[int]) -> None:
    """Delete the leases of a run, whose messages are done."""
    number = len(ids)
    if isinstance(ids, range):
        tx.cursor.execute(_REMOVE_RANGE, (ids[0], ids[-1]))
    else:
        tx.delete_rows("mq_leases", ids)
    tx.numbered_row = slot << 1 | 1
    tx.cursor.execute(_COUNT, (-number, -number, 0, tx.number, slot))


def count(
    tx: WriteTransaction, run: Run, *, leases: int = 0, held: int = 0, waiting: int = 0
) -> None:
    """Change the counts of a run's slot."""
    tx.execute(_COUNT, (leases, held, waiting, tx.number_slot(run.slot.id), run.slot.id))
