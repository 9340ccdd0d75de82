"""How many of a reader's messages are leased, and how many wait; and until when that was counted.

Slots keep the counts. Leases that time alone has ended since are taken out of them bit by bit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from store.sqlite import layout
from store.sqlite.file.database import Snapshot, WriteTransaction
from store.sqlite.leases import readers, rows

if TYPE_CHECKING:
    from store.sqlite.leases.readers import Reader

# The most leases that a writer lets pass the noticed time at once, so that no write takes long.
_NOTICE_STEP = 100


def notice(tx: WriteTransaction, reader: Reader) -> None:
    """Move the reader's noticed time past leases that became due, as the last step.

    Counting from it keeps views cheap: they correct only for leases between it and now.
    """
    noticed = rows.noticed(tx, reader)
    passed = [_step_ends_at(tx, reader, level, noticed) for level in reader.levels]
    until = min((due for due in passed if due is not None), default=None)
    if until is not None:
        _notice_until(tx, reader, until)


def _step_ends_at(tx: Snapshot, reader: Reader, priority: int, noticed: int) -> int | None:
    due: int | None = tx.value(
        "select due from mq_leases where reader = :reader and priority = :priority"
        " and due > :noticed and due < :now order by due limit 1 offset :step",
        {
            "reader": reader.id,
            "priority": priority,
            "noticed": noticed,
            "now": tx.now,
            "step": _NOTICE_STEP - 1,
        },
    )
    return due


def _notice_until(tx: WriteTransaction, reader: Reader, until: int) -> None:
    for slot, (held, waiting) in passed_between(tx, reader, until).items():
        tx.execute(
            "update mq_slots set held = held - :held, waiting = waiting - :waiting where id = :id",
            {"held": held, "waiting": waiting, "id": slot},
        )
    readers.notice(tx, reader.id, until)


def next_due(tx: Snapshot, reader: Reader) -> int | None:
    """Return when the next lease, delay or retry delay of a reader ends."""
    soonest = [
        tx.value(
            "select min(due) from mq_leases where reader = :reader and priority = :priority"
            " and due > :now",
            {"reader": reader.id, "priority": level, "now": tx.now},
        )
        for level in reader.levels
    ]
    return min((due for due in soonest if due is not None), default=None)


def in_hand(tx: Snapshot, reader: Reader, holder: int) -> int:
    """Return how many of the reader's messages one holder has leased."""
    count: int = tx.value(
        "select count(*) from mq_leases where holder = :holder and reader = :reader"
        " and ends > :now",
        {"holder": holder, "reader": reader.id, "now": tx.now},
    )
    return count


def held_and_waiting(tx: Snapshot, reader: Reader) -> tuple[int, int]:
    """Return how many messages are leased or wait for a retry, and how many wait for their time."""
    held, waiting = tx.row(  # type: ignore[misc]
        "select total(held), total(waiting) from mq_slots where reader = :reader",
        {"reader": reader.id},
    )
    for gone_held, gone_waiting in passed_between(tx, reader, tx.now).values():
        held -= gone_held
        waiting -= gone_waiting
    return int(held), int(waiting)


def passed_between(tx: Snapshot, reader: Reader, until: int) -> dict[int, tuple[int, int]]:
    """Return by slot how many held and waiting rows became due after the noticed time, up to
    `until`.
    """
    found: dict[int, tuple[int, int]] = {}
    noticed = rows.noticed(tx, reader)
    for priority in reader.levels:
        for slot, held, waiting in tx.rows(
            f"select {layout.owner_of('id')}, total(token not null), total(token is null)"
            " from mq_leases where reader = :reader and priority = :priority"
            " and due > :noticed and due <= :until group by 1",
            {"reader": reader.id, "priority": priority, "noticed": noticed, "until": until},
        ):
            before = found.get(slot, (0, 0))
            found[slot] = (before[0] + int(held), before[1] + int(waiting))
    return found
