"""Leases whose holder lives and dies with a process: they end when the process is gone.

No signal reports a death, so it is found by looking. A receive lets such leases lapse. A view
writes nothing, and shows them as the next receive will find them.
"""

from __future__ import annotations

from store.sqlite import layout, leases
from store.sqlite.file.database import Snapshot, WriteTransaction
from store.sqlite.file.transactions import array
from store.sqlite.leases import holders
from store.sqlite.leases.readers import Reader
from store.sqlite.leases.rows import Lease

# How often a receive looks, and with it a reader that waits for a message; a first one looks too.
CHECK_SECONDS = 1.0
IDLE_CHECK_SECONDS = 0.1

# Conditions on rows of mq_leases as `l`, with `parameters`. A live holder has the message:
_RUNS = "l.token not null and l.ends > :now"
_IS_GONE = "l.holder in (select value from json_each(:gone))"
HELD = f"({_RUNS} and not {_IS_GONE})"
# Its holder is gone, and has the message still:
ABANDONED = f"({_RUNS} and {_IS_GONE})"
# ... and the message waits for nothing else:
_FREE = f"({ABANDONED} and (not :waits or ifnull(l.deliveries >= :most, 0)))"
# The message may not be delivered yet:
IN_FLIGHT = f"(l.due > :now and not {_FREE})"


def parameters(tx: Snapshot, reader: Reader | None = None) -> dict[str, object]:
    """Return the parameters of the conditions, for a `reader`, which shares need not name."""
    return {
        "now": tx.now,
        "gone": array(sorted(holders.gone(tx))),
        "waits": int(reader is not None and reader.has_retry_delays),
        "most": None if reader is None else reader.max_deliveries,
    }


def seen(tx: Snapshot, reader: Reader, lease: Lease | None) -> Lease | None:
    """Return a lease as the next receive will find it."""
    if lease is not None and lease.ends > tx.now and lease.holder in holders.gone(tx):
        return leases.rows.lapsed(reader, lease, tx.now)
    return lease


def count(tx: Snapshot, reader: Reader) -> tuple[int, int]:
    """Return how many messages of a reader dead holders have, and how many of them are free.

    The others wait for their retry delay.
    """
    if not holders.gone(tx):
        return 0, 0
    number, free = tx.row(  # type: ignore[misc]
        f"select count(*), total({_FREE}) from json_each(:gone) g"
        f" cross join mq_leases l on l.holder = g.value where l.reader = :reader and {_RUNS}",
        {**parameters(tx, reader), "reader": reader.id},
    )
    return number, int(free)


def free_groups(tx: Snapshot, reader: Reader) -> str:
    """Return the message groups whose first message has a dead holder, and is free; as JSON."""
    if not holders.gone(tx):
        return "[]"
    groups: str = tx.value(
        "select json_group_array(h.message_group) from json_each(:gone) g cross join mq_leases l"
        " on l.holder = g.value join mq_records r on r.id = l.record join mq_heads h"
        " on h.reader = l.reader and h.message_group = r.message_group and h.first = l.record"
        f" where l.reader = :reader and {_FREE}",
        {**parameters(tx, reader), "reader": reader.id},
    )
    return groups


def is_possible(tx: Snapshot, reader: Reader) -> bool:
    """Return whether a message of the reader has a holder that may lose it by dying."""
    return bool(
        tx.value(
            "select exists (select 1 from mq_holders h where h.attached = 1 and exists"
            " (select 1 from mq_leases l where l.holder = h.id and l.reader = :reader"
            " and l.ends > :now))",
            {"reader": reader.id, "now": tx.now},
        )
    )


class _LastChecks(dict[int, int]):
    """When this process last looked whether a holder of a reader's leases is gone."""


def is_due(tx: WriteTransaction, reader: Reader, *, is_idle: bool = False) -> bool:
    """Return whether this process has to look: at its first receive, then once a second.

    A receive that finds nothing looks ten times a second.
    """
    looked = tx.database.states[_LastChecks]
    seconds = IDLE_CHECK_SECONDS if is_idle else CHECK_SECONDS
    if tx.now - looked.get(reader.id, 0) < seconds * 1000:
        return False
    looked[reader.id] = tx.now
    return True


def are_seen(tx: Snapshot, reader: Reader) -> bool:
    """Return whether a reader that finds nothing sees that holders of its leases are gone.

    It looks as often as a receive that finds nothing.
    """
    looked = tx.database.states[_LastChecks]
    if tx.now - looked.get(reader.id, 0) < IDLE_CHECK_SECONDS * 1000:
        return False
    if count(tx, reader)[0]:
        return True
    looked[reader.id] = tx.now
    return False


def left(tx: WriteTransaction, reader: Reader) -> int:
    """Return for how many milliseconds this process need not look again, while messages come."""
    looked = tx.database.states[_LastChecks].get(reader.id, 0)
    return max(0, looked + int(CHECK_SECONDS * 1000) - tx.now)


def free_if_due(tx: WriteTransaction, reader: Reader, *, is_idle: bool = False) -> int:
    """Let the leases of dead holders lapse, if it is time to look; return how many."""
    return free(tx, reader) if is_due(tx, reader, is_idle=is_idle) else 0


def free(tx: WriteTransaction, reader: Reader) -> int:
    """Let the leases of dead holders lapse; return how many."""
    # A retry delay depends on the deliveries of each.
    together = reader.by_runs and not reader.has_retry_delays
    lapse = leases.runs.lapse if together else _lapse_one_by_one
    return sum(lapse(tx, reader, holder) for holder in holders.gone(tx))


def _lapse_one_by_one(tx: WriteTransaction, reader: Reader, holder: int) -> int:
    freed = 0
    for (id,) in tx.rows(
        "select id from mq_leases where holder = :holder and reader = :reader and ends > :now"
        " order by id",
        {"holder": holder, "reader": reader.id, "now": tx.now},
    ):
        place = leases.readers.place(tx, layout.owner(id))
        message = None if place is None else leases.messages.load_leased(tx, place[1], id)
        if message is not None:
            leases.settlements.lapse(tx, reader, message)
            freed += 1
    return freed
