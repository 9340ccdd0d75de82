"""Fair queues: a message group with much in flight does not hold up the others (SQS).

A group is a tenant; a message without one is its own. One row says where a tenant's undelivered
messages begin and how many of its messages are in flight, so a receive looks at few rows, for any
number of waiting tenants. At most nine can be noisy at a time: each has more than a tenth in
flight.
"""

from collections.abc import Sequence
from typing import NamedTuple

from store.sqlite.file.database import Snapshot, WriteTransaction
from store.sqlite.leases.readers import Reader
from store.sqlite.leases.rows import Slot

# SQS: a tenant is noisy with thirty messages in flight, if that is more than one in ten of all.
_ONE_IN = 10
# Milliseconds without a new message after which it is not noisy any more.
_NOISY_FOR = 300_000


class TenantKey(NamedTuple):
    """The key of a tenant: its group, or the record of a message that has none."""

    message_group: str | None
    record: int

    @property
    def name(self) -> str:
        """The tenant's name; no group has a space in it."""
        return f" {self.record}" if self.message_group is None else self.message_group


def add(tx: WriteTransaction, reader: Reader, place: TenantKey, *, delayed: bool) -> None:
    """Add a new message of a tenant; a delayed one comes by its own time."""
    if delayed and place.message_group is None:
        return
    tx.execute(
        "insert into mq_tenants (reader, name, first, sent) values (:reader, :name, :first, :now)"
        " on conflict (reader, name) do update set first = ifnull(first, excluded.first),"
        " sent = :now",
        {
            "reader": reader.id,
            "name": place.name,
            "first": None if delayed else place.record,
            "now": tx.now,
        },
    )


def refresh(
    tx: WriteTransaction, reader: Reader, slot: Slot, place: TenantKey, in_flight: int
) -> None:
    """Bring a tenant up to date after any change to a message; `in_flight` more are."""
    group, execute = place.message_group, tx.cursor.execute
    if group is None:
        # A tenant in flight blocks no other, so this need not be known.
        execute(_FORGET, (reader.id, place.name))
        return
    # Delayed messages come by their own time.
    end = 0 if slot.delayed else slot.end
    changed = (in_flight, end, end, slot.to_lease, reader.id, group)
    if execute(_REFRESH, changed).rowcount:
        execute(_FORGET_IDLE, (reader.id, group))
    elif in_flight:
        execute(_BEGIN, (reader.id, group, in_flight, tx.now))


_FORGET = "delete from mq_tenants where reader = ? and name = ?"
_FORGET_IDLE = f"{_FORGET} and first is null and in_flight = 0"
_BEGIN = "insert into mq_tenants (reader, name, in_flight, sent) values (?, ?, ?, ?)"
_REFRESH = (
    "update mq_tenants as t set in_flight = in_flight + ?, first = iif(? = 0, first,"
    " (select r.id from mq_records r where r.message_group = t.name and r.id >= t.first"
    " and r.id < ? and not exists (select 1 from mq_leases l where l.id = r.id + ?)"
    " order by r.id limit 1))"
    " where reader = ? and name = ?"
)


def forget(tx: WriteTransaction, reader: Reader) -> None:
    """Remove all tenants of a queue whose messages go."""
    tx.execute("delete from mq_tenants where reader = :reader", {"reader": reader.id})


def pass_over(tx: WriteTransaction, reader: Reader, slot: Slot, record: int) -> None:
    """Move a tenant on past a record that damage has put into another message group."""
    names = tx.rows(
        "select name from mq_tenants where reader = :reader and first = :record",
        {"reader": reader.id, "record": record},
    )
    for (name,) in names:
        refresh(tx, reader, slot, TenantKey(name, record), 0)


def noisy(tx: Snapshot, reader: Reader, in_flight: int) -> list[str]:
    """Return the noisy tenants, of so many messages in flight; the one with the fewest first."""
    rows = tx.rows(
        "select name from mq_tenants where reader = :reader and in_flight >= 30"
        " and in_flight * :one_in > :all and sent > :since order by in_flight desc limit :most",
        {
            "reader": reader.id,
            "one_in": _ONE_IN,
            "all": in_flight,
            "most": _ONE_IN - 1,
            "since": tx.now - _NOISY_FOR,
        },
    )
    return [name for (name,) in reversed(rows)]


def next_undelivered(tx: Snapshot, reader: Reader, noisy: Sequence[str]) -> int | None:
    """Return the oldest undelivered record of a tenant that is not noisy."""
    import json

    found: int | None = tx.value(
        "select first from mq_tenants where reader = :reader and first is not null"
        " and name not in (select value from json_each(:noisy)) order by first limit 1",
        {"reader": reader.id, "noisy": json.dumps(noisy)},
    )
    return found


def next_noisy(tx: Snapshot, reader: Reader, noisy: Sequence[str]) -> int | None:
    """Return the oldest undelivered record of the first of the noisy tenants that has one."""
    for name in noisy:
        first: int | None = tx.value(
            "select first from mq_tenants where reader = :reader and name = :name",
            {"reader": reader.id, "name": name},
        )
        if first is not None:
            return first
    return None


def oldest(tx: Snapshot, reader: Reader, limit: int) -> list[int]:
    """Return the first undelivered record of each tenant, oldest first."""
    rows = tx.rows(
        "select first from mq_tenants where reader = :reader and first is not null"
        " order by first limit :limit",
        {"reader": reader.id, "limit": limit},
    )
    return [first for (first,) in rows]
