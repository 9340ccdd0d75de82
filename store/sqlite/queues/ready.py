"""Whether a reader that waits has something to receive: a look for many of them at once."""

from __future__ import annotations

from collections.abc import Container, Iterable

from store.model.errors import MqError
from store.sqlite import leases
from store.sqlite.file.database import Snapshot
from store.sqlite.file.settings import switches
from store.sqlite.file.transactions import array
from store.sqlite.leases.readers import Reader
from store.sqlite.queues import view
from store.sqlite.queues.policies import expiry


def due(tx: Snapshot, names: Iterable[str]) -> dict[str, float | None]:
    """Return in how many seconds each queue or share may have something to receive, by its name.

    0 is now, also for a name that is gone: a receive says so. `None` is with the next commit.
    """
    expires = expiry.seconds_until_next(tx)
    readers = {name: _find(tx, name) for name in names}
    moving = _moving(tx, [reader.id for reader in readers.values() if reader is not None])
    return {
        name: 0 if reader is None else _soonest(_seconds(tx, reader, moving), expires)
        for name, reader in readers.items()
    }


def may_receive(tx: Snapshot, name: str) -> bool:
    """Return whether a receive may find something, or do something else.

    It says so where a policy acts on each receive, something has expired, or a dead holder's leases
    are to be freed; also for a name that is gone, and in a store that is read-only.
    """
    reader = _find(tx, name)
    if reader is None:
        return True
    hooks = reader.policies
    return bool(
        hooks.before_receive
        or hooks.after_receive
        or switches(tx).read_only
        or _is_ready(tx, reader)
        or expiry.due(tx, 1)
        or leases.abandoned.are_seen(tx, reader)
    )


def _find(tx: Snapshot, name: str) -> Reader | None:
    try:
        return leases.messages.find_reader(tx, name)
    except MqError:
        return None


def _moving(tx: Snapshot, readers: Iterable[int]) -> set[int]:
    """Return which of the readers have leases, or messages that were never handed out."""
    rows = tx.rows(
        "select s.reader from mq_slots s join mq_partitions p on p.id = s.partition"
        " where s.reader in (select value from json_each(?)) and (s.leases or s.cursor < p.next)",
        (array(readers),),
    )
    return {reader for (reader,) in rows}


def _seconds(tx: Snapshot, reader: Reader, moving: Container[int]) -> float | None:
    if reader.id not in moving and not reader.ordered and not reader.single_active:
        return None
    if _is_ready(tx, reader):
        return 0
    # Another holder is the active one, or may be gone: a receive looks, and finds out.
    looks = reader.single_active or leases.abandoned.is_possible(tx, reader)
    pause = leases.abandoned.CHECK_SECONDS if looks else None
    return _soonest(view.seconds_until_due(tx, reader), pause)


def _is_ready(tx: Snapshot, reader: Reader) -> bool:
    if reader.ordered:
        sql = "select exists (select 1 from mq_heads where reader = :reader and due <= :now)"
        return bool(tx.value(sql, {"reader": reader.id, "now": tx.now}))
    slots = leases.rows.slots(tx, reader)
    return any(slot.is_due or (slot.cursor < slot.next and not slot.delayed) for slot in slots)


def _soonest(first: float | None, second: float | None) -> float | None:
    if first is None or second is None:
        return second if first is None else first
    return min(first, second)
