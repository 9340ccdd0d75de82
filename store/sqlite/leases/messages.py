"""Messages at their places: records and leases, read together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from struct import error as StructError

from store import sqlite
from store.model.encoding import Encoded
from store.sqlite import layout, leases, log, queues
from store.sqlite.file import timekeeping
from store.sqlite.file.database import Row, Snapshot
from store.sqlite.file.transactions import array
from store.sqlite.layout import OFFSET_MASK
from store.sqlite.leases.readers import Reader
from store.sqlite.leases.rows import Lease, Slot


class MessageRow:
    """The place of a message: its slot, its record and, if it was handed out, its lease.

    `size` is bytes of key, headers and value together. A moved one has an origin.
    """

    __slots__ = ("has_origin", "lease", "message_group", "record", "size", "slot")

    def __init__(
        self,
        slot: Slot,
        lease: Lease | None,
        record: int,
        message_group: str | None,
        size: int,
        has_origin: bool,
    ) -> None:
        self.slot = slot
        self.lease = lease
        self.record = record
        self.message_group = message_group
        self.size = size
        self.has_origin = has_origin

    @property
    def sequence(self) -> int:
        """The message's sequence number."""
        return self.record & OFFSET_MASK

    @property
    def tenant(self) -> queues.order.tenants.TenantKey:
        """Its tenant in a fair queue."""
        return queues.order.tenants.TenantKey(self.message_group, self.record)

    def is_held(self, tx: Snapshot) -> bool:
        """Return whether a live holder has it leased."""
        lease = self.lease
        if lease is None or lease.token is None or lease.ends <= tx.now:
            return False
        return lease.holder not in sqlite.leases.holders.gone(tx)


class StoredMessage(MessageRow):
    """A message at its place, with its contents.

    A damaged one has only its usable parts, and may not be delivered. `origin` is that of a moved
    one which has left already.
    """

    __slots__ = (
        "arrived", "expires", "headers", "is_damaged", "key", "origin", "timestamp", "value",
    )  # fmt: skip

    def __init__(
        self,
        slot: Slot,
        lease: Lease | None,
        record: int,
        message_group: bytes | None,
        size: int,
        has_origin: bool,
        timestamp: int,
        key: bytes | None,
        headers: bytes | None,
        value: bytes | None,
        expires: int | None,
        checksum: int,
        arrived: int | None,
    ) -> None:
        # Not by a call of the other one: there is one of these for each message.
        self.slot = slot
        self.lease = lease
        self.record = record
        self.size = size
        self.has_origin = has_origin
        self.timestamp = timestamp
        self.key = key
        self.value = value
        self.expires = expires
        self.arrived = arrived
        self.origin: leases.origins.Origin | None = None
        try:
            self.message_group = None if message_group is None else message_group.decode()
            self.headers = None if headers is None else headers.decode()
            self.is_damaged = checksum != log.checksum.checksum(
                record, timestamp, self.message_group, key, self.headers, value
            )
        except (AttributeError, TypeError, UnicodeDecodeError, StructError):
            self.is_damaged = True
        if self.is_damaged:
            whole = (timestamp, message_group, key, headers, value, expires)
            (self.timestamp, self.message_group, self.key, self.headers, self.value,
             self.expires) = log.damage.usable(*whole)  # fmt: skip

    def age(self, tx: Snapshot) -> int:
        """Return its age in milliseconds."""
        return timekeeping.age(tx, self.timestamp, self.arrived)

    @property
    def content(self) -> Encoded:
        """Its contents, to be stored anew under its time."""
        return Encoded.stored(self.value, self.key, self.headers)


# Texts as blobs: damaged ones are no text, and SQLite's module for Python would raise for the row.
_STANDING_COLUMNS = (
    "r.id, cast(r.message_group as blob),"
    f" {layout.SIZE_OF_R},"
    " exists (select 1 from mq_origins where record = r.id)"
)

RECORD_COLUMNS = (
    f"{_STANDING_COLUMNS}, r.timestamp, r.key, cast(r.headers as blob), r.value, r.expires,"
    " r.checksum, r.arrived"
)

_LEASE_COLUMNS = (
    "l.id, l.priority, l.due, l.ends, l.deliveries, l.token, l.holder, l.started, l.record,"
    " l.was_due"
)

WITH_LEASES = (
    f"select {RECORD_COLUMNS}, {_LEASE_COLUMNS} from mq_records r"
    f" left join mq_leases l on {layout.LEASE_OF_RECORD}"
)

_OF_LEASES = "from mq_leases l cross join mq_records r on r.id = l.record"

LEASED = f"select {RECORD_COLUMNS}, {_LEASE_COLUMNS} {_OF_LEASES}"
_TO_SETTLE = f"select {_STANDING_COLUMNS}, {_LEASE_COLUMNS} {_OF_LEASES}"
_TO_SETTLE_ONE = f"{_TO_SETTLE} where l.id = ?"


def load(tx: Snapshot, slot: Slot, record: int) -> StoredMessage | None:
    """Return the message in a record; `None` when it is gone."""
    row = tx.row(f"select {RECORD_COLUMNS} from mq_records r where r.id = :id", {"id": record})
    if row is None:
        return None
    return StoredMessage(slot, leases.rows.get(tx, slot.lease_id(layout.offset(record))), *row)


def load_all(tx: Snapshot, slot: Slot, offsets: Iterable[int]) -> list[StoredMessage]:
    """Return the present messages at these places of a lane or partition, in any order."""
    rows = tx.rows(
        f"{WITH_LEASES} where r.id in (select value from json_each(:ids))",
        {
            **slot.base_ids,
            "ids": array(map(slot.record_id, offsets)),
        },
    )
    return [with_lease(row, slot) for row in rows]


def load_leased(tx: Snapshot, slot: Slot, lease: int) -> StoredMessage | None:
    """Return the message of a lease row; `None` when there is no such row."""
    row = tx.row(f"{LEASED} where l.id = :id", {"id": lease})
    return None if row is None else with_lease(row, slot)


def leases_to_settle(tx: Snapshot, ids: Sequence[int]) -> dict[int, Row]:
    """Return the rows for `standing`, by the ids of existing lease rows."""
    if len(ids) == 1:
        rows = tx.rows(_TO_SETTLE_ONE, ids)
    else:
        rows = tx.rows(
            f"{_TO_SETTLE} where l.id in (select value from json_each(?))", (array(ids),)
        )
    return {row[4]: row for row in rows}


def standing(row: Row, slot: Slot) -> MessageRow:
    """Return the place of a message, from a row of `leases_to_settle`."""
    record, message_group, size, has_origin, *lease = row
    group = None if message_group is None else log.damage.as_text(message_group)
    return MessageRow(slot, Lease(*lease), record, group, size, has_origin)


def with_lease(row: Row, slot: Slot) -> StoredMessage:
    """Return a message from a row of `WITH_LEASES` or `LEASED`."""
    return StoredMessage(slot, None if row[11] is None else Lease(*row[11:]), *row[:11])


def find_reader(tx: Snapshot, name: str) -> Reader:
    """Return the rules of the queue or share of that name; raises `NotFound`."""
    found = queues.catalog.find_or_none(tx, name) or sqlite.shares.catalog.find_or_none(tx, name)
    if found is None:
        raise tx.missing(name, "queue", "share")
    return found.reader


def all_readers(tx: Snapshot) -> list[Reader]:
    """Return the rules of every queue and every share: the queues first, each by name."""
    found = [queues.catalog.find(tx, name).reader for name in queues.catalog.names(tx)]
    return found + [share.reader for share in sqlite.shares.catalog.all_shares(tx)]
