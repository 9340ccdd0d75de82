"""A receive through a share: the partitions take turns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from store.sqlite import leases, shares
from store.sqlite.file.settings import MOST_REMEMBERED
from store.sqlite.file.timekeeping import Prepared
from store.sqlite.leases import receipts
from store.sqlite.leases.messages import RECORD_COLUMNS
from store.sqlite.leases.receive import Received

if TYPE_CHECKING:
    from collections.abc import Sequence

    from store.model.shares import SharedRecord
    from store.sqlite.file.database import WriteTransaction
    from store.sqlite.leases.receive import Request
    from store.sqlite.leases.rows import Slot
    from store.sqlite.shares.catalog import Share

# With more partitions, one look at all of them takes less than one at each until a record is met.
_MOST_PREPARED = 8

_TURN = (
    "select turn from mq_shares where reader = ?1 and (select generation from mq_store) = ?2"
    " and not exists (select 1 from mq_leases l where l.reader = ?1 and l.priority = 0"
    " and l.due <= ?3)"
)
_NEXT = (
    f"select {RECORD_COLUMNS}, s.cursor, s.cursor - ifnull((select min(l.id) from mq_leases l"
    " where l.id >= ?1 and l.id < ?2) - ?1, s.cursor) from mq_slots s cross join mq_records r"
    " on r.id >= ?3 + s.cursor and r.id < ?4 where s.id = ?5 order by r.id limit ?6"
)


class ShareFront(Prepared):
    """The front of a share of few partitions, for receives by one holder."""

    __slots__ = ("holder", "holder_name", "places", "retry_delay", "share")

    def __init__(self, tx: WriteTransaction, share: Share, holder: int, holder_name: str) -> None:
        super().__init__(tx)
        self.share = share
        self.places = [(slot, _span(slot)) for slot in leases.rows.slots(tx, share.reader)]
        self.holder = holder
        self.holder_name = holder_name
        self.retry_delay = share.reader.retry_delay(1)

    def from_turn(self, turn: int) -> Sequence[tuple[Slot, tuple[int, ...]]]:
        """Return the slots with their bounds, beginning with the partition whose turn it is."""
        return sorted(self.places, key=lambda place: (place[0].number < turn, place[0].number))


def _span(slot: Slot) -> tuple[int, ...]:
    """Return the bounds of a slot's leases and records, as `_NEXT` takes them, and its id."""
    leased, records = slot.lease_id(0), slot.record_id(0)
    return leased, leased + slot.end - records, records, slot.end, slot.id


def receive(tx: WriteTransaction, name: str, request: Request) -> Received[SharedRecord]:
    """Lease the records that are due."""
    if request.lease is not None:
        shares.catalog.check_lease(request.lease)
    front: ShareFront | None = None
    if type(name) is str:
        front = tx.database.settings.answers.get((receive, name, request[2:]))
    if front is not None and front.quiet_from <= tx.wall < front.quiet_until:
        records = _receive_next(tx, front, request)
        if records is not None:
            return Received(records, 0, None)
    share = shares.catalog.find(tx, name)
    holder_name = request.holder or leases.holders.default_name()
    holder = leases.holders.holder_id(tx, holder_name, request.attached)
    taken = leases.receive.receive(tx, share.reader, request, holder)
    if taken.messages:
        turn = taken.messages[-1].slot.number + 1
        if turn != share.reader.turn:
            shares.catalog.keep_turn(tx, share, turn)
        _prepare(tx, share, request, holder, holder_name)
    records = shares.view.acquired(tx, share, taken.messages, holder_name)
    return Received(records, taken.others, taken.damage)


def _prepare(
    tx: WriteTransaction, share: Share, request: Request, holder: int, holder_name: str
) -> None:
    """Make the next receive ready."""
    settings, key = tx.memory(), (receive, share.name, request[2:])
    front: ShareFront | None = settings.answers.get(key)
    if front is None:
        if len(settings.answers) >= MOST_REMEMBERED:
            return
        front = settings.answers[key] = ShareFront(tx, share, holder, holder_name)
    if len(front.places) <= _MOST_PREPARED:
        front.rest_after_commit(tx, leases.abandoned.left(tx, share.reader))


def _receive_next(
    tx: WriteTransaction, front: ShareFront, request: Request
) -> list[SharedRecord] | None:
    """Lease the next records, which were never handed out; `None` where more is to be done."""
    share = front.share
    reader = share.reader
    now = tx.moment
    if now is None:
        now = tx.database.clock.boot() + front.ahead
    where = (reader.id, front.settings.generation, now)
    row = tx.cursor.execute(_TURN, where).fetchone()
    if row is None:
        return None
    # By now it is known that the settings hold.
    tx.settings, tx.moment = tx.settings or front.settings, now
    for place in front.places if len(front.places) == 1 else front.from_turn(row[0]):
        rows = tx.cursor.execute(_NEXT, (*place[1], request.most)).fetchall()
        if rows:
            break
    else:
        return None
    slot, (cursor, unfinished) = place[0], rows[0][-2:]
    assert reader.window is not None
    is_outside = rows[-1][0] - slot.record_id(0) >= cursor + reader.window - unfinished
    if is_outside or len(rows) < request.most > 1 < len(front.places):
        return None
    ends = now + (reader.lease if request.lease is None else request.lease)
    token = receipts.new_token()
    plain = [row[:-2] for row in rows]
    run = leases.receive.as_run(tx, slot, plain, None, token, tx.wall + ends - now)
    if run is None:
        return None
    records = (rows[0][0], rows[-1][0], len(rows))
    times = (now, ends, ends + front.retry_delay)
    leases.runs.lease(tx, reader.id, slot, records, times, token, front.holder)
    if slot.number + 1 != row[0]:
        shares.catalog.keep_turn(tx, share, slot.number + 1)
    return shares.view.of_run(tx, share, run, front.holder_name)
