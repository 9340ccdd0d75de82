"""Whether a reader that waits has something to receive: a look for many of them at once."""

from __future__ import annotations

from collections.abc import Iterable

from store.model.errors import MqError
from store.sqlite import leases
from store.sqlite.file.database import Snapshot
from store.sqlite.leases.readers import Reader
from store.sqlite.queues import view
from store.sqlite.queues.policies import expiry


def due(tx: Snapshot, names: Iterable[str]) -> dict[str, float | None]:
    """Return in how many seconds each queue or share may have something to receive, by its name.

    0 is now, also for a name that is gone: a receive says so. `None` is with the next commit.
    """
    expires = expiry.seconds_until_next(tx)
    return {name: _soonest(_seconds(tx, name), expires) for name in names}


def _seconds(tx: Snapshot, name: str) -> float | None:
    try:
        reader = leases.messages.find_reader(tx, name)
    except MqError:
        return 0
    if _is_ready(tx, reader):
        return 0
    # Another holder is the active one, or may be gone: a receive looks, and finds out.
    looks = reader.single_active or leases.abandoned.is_possible(tx, reader)
    pause = leases.abandoned.CHECK_SECONDS if looks else None
    return _soonest(view.seconds_until_due(tx, reader), pause)


def _is_ready(tx: Snapshot, reader: Reader) -> bool:
    table = "mq_heads" if reader.ordered else "mq_leases"
    is_due: int = tx.value(
        f"select exists (select 1 from {table} where reader = :reader and due <= :now"
        f"{'' if reader.ordered else ' and priority in (select value from json_each(:levels))'})",
        {"reader": reader.id, "now": tx.now, "levels": str(list(reader.levels))},
    )
    if is_due or reader.ordered:
        return bool(is_due)
    slots = leases.rows.slots(tx, reader)
    return any(slot.cursor < slot.next and not slot.delayed for slot in slots)


def _soonest(first: float | None, second: float | None) -> float | None:
    if first is None or second is None:
        return second if first is None else first
    return min(first, second)
