"""Deliveries that ended otherwise than by an ack: the history, and the proof of lost leases."""

from __future__ import annotations

from collections.abc import Sequence

from store import model
from store.sqlite import layout
from store.sqlite.file.database import Snapshot, WriteTransaction
from store.sqlite.leases import runs
from store.sqlite.leases.rows import Lease

# Time for which an ended delivery is remembered; a receipt is answered no longer than that.
KEEP = 14 * 86_400_000
_PRUNED_AT_ONCE = 20


def note(
    tx: WriteTransaction, leases: Sequence[Lease], outcome: str, error: str | None = None
) -> None:
    """Note how the present deliveries of leases ended."""
    if not leases:
        return
    tx.many(
        "insert or replace into mq_attempts"
        " (lease, number, token, holder, started, ended, outcome, error)"
        " values (:lease, :number, :token, (select name from mq_holders where id = :holder),"
        " :started, :ended, :outcome, :error)",
        [
            {
                "lease": lease.id,
                "number": lease.deliveries,
                "token": lease.token,
                "holder": lease.holder,
                "started": None if lease.started is None else tx.wall - (tx.now - lease.started),
                "ended": tx.wall,
                "outcome": outcome,
                "error": error,
            }
            for lease in leases
        ],
    )
    _prune(tx, len(leases))


_NOTE_RUN = runs.statement(
    "insert or replace into mq_attempts"
    " (lease, number, token, holder, started, ended, outcome, error)"
    " select l.id, l.deliveries, l.token, (select name from mq_holders where id = l.holder),"
    " :wall - (:now - l.started), :wall, :outcome, :error from mq_leases l where l.id {which}"
)


def note_run(tx: WriteTransaction, run: runs.Run, outcome: str, error: str | None) -> None:
    """Note how the deliveries of a run ended."""
    runs.execute(tx, _NOTE_RUN, run.ids, wall=tx.wall, now=tx.now, outcome=outcome, error=error)
    _prune(tx, len(run.ids))


def note_lapsed(tx: WriteTransaction, *leases: Lease | None) -> None:
    """Note that deliveries lapsed, when their messages are handed out again or moved."""
    held = [lease for lease in leases if lease is not None and lease.token is not None]
    note(tx, held, "expired")


def note_released(tx: WriteTransaction, reader: int) -> None:
    """Note that all deliveries of a reader end, so that no late ack passes for a repeat."""
    tx.execute(
        "insert or replace into mq_attempts"
        " (lease, number, token, holder, started, ended, outcome)"
        " select l.id, l.deliveries, l.token, h.name, :wall - (:now - l.started), :wall,"
        " 'released' from mq_leases l join mq_holders h on h.id = l.holder"
        " where l.reader = :reader",
        {"wall": tx.wall, "now": tx.now, "reader": reader},
    )


def note_failure(
    tx: WriteTransaction, slot: int, offset: int, member: str, error: str, held: int
) -> int:
    """Note a group member's failed attempt at a record, which it polled `held` milliseconds ago;
    return how many there were.
    """
    place = layout.lease_id(slot, offset)
    number = failures(tx, slot, offset) + 1
    tx.execute(
        "insert into mq_attempts (lease, number, holder, started, ended, outcome, error)"
        " values (:place, :number, :member, :now - :held, :now, 'failed', :error)",
        {
            "place": place,
            "number": number,
            "member": member,
            "held": held,
            "now": tx.wall,
            "error": error,
        },
    )
    return number


def failures(tx: Snapshot, slot: int, offset: int) -> int:
    """Return how many failed attempts at a record of a group were noted."""
    found: int = tx.value(
        "select ifnull(max(number), 0) from mq_attempts where lease = :place",
        {"place": layout.lease_id(slot, offset)},
    )
    return found


def ended(tx: Snapshot, lease: int, token: int) -> bool:
    """Return whether the delivery with this token ended otherwise than by an ack."""
    return bool(
        tx.value(
            "select exists (select 1 from mq_attempts where lease = :lease and token = :token)"
            " or exists (select 1 from mq_undone_receives where token = :undone)",
            {"lease": lease, "token": token, "undone": token ^ lease},
        )
    )


def note_undone(tx: WriteTransaction, token: int, leases: Sequence[int]) -> None:
    """Remember deliveries that were undone: no history has them, and no ack may count."""
    tx.many(
        "insert or ignore into mq_undone_receives (token, at) values (?, ?)",
        # All deliveries of a receive have its token.
        [(token ^ lease, tx.wall) for lease in leases],
    )
    tx.execute(
        "delete from mq_undone_receives where token in (select token from mq_undone_receives"
        " where at < :before order by at limit :step)",
        {"before": tx.wall - KEEP, "step": len(leases) + _PRUNED_AT_ONCE},
    )


def history(tx: Snapshot, lease: int) -> list[model.queues.Attempt]:
    """Return the ended deliveries of a message in its present place, first to last."""
    rows = tx.rows(
        "select number, holder, started, ended, outcome, error from mq_attempts"
        " where lease = :lease order by number",
        {"lease": lease},
    )
    return [model.queues.Attempt(*row) for row in rows]


def first_started(tx: Snapshot, lease: int) -> int | None:
    """Return when the first delivery that ended otherwise than by an ack began: wall time."""
    started: int | None = tx.value(
        "select min(started) from mq_attempts where lease = :lease", {"lease": lease}
    )
    return started


def last_error(tx: Snapshot, lease: int) -> str | None:
    """Return the error of the last delivery that reported one."""
    # A damaged error must not keep the message where it is.
    error: bytes | None = tx.value(
        "select cast(error as blob) from mq_attempts where lease = :lease and error not null"
        " order by number desc limit 1",
        {"lease": lease},
    )
    return None if error is None else error.decode(errors="replace")


def count(tx: Snapshot, lease: int) -> int:
    """Return how many deliveries ended otherwise than by an ack."""
    number: int = tx.value(
        "select count(*) from mq_attempts where lease = :lease", {"lease": lease}
    )
    return number


def _prune(tx: WriteTransaction, added: int) -> None:
    """Forget a few of the oldest deliveries that need not be kept any more."""
    tx.execute(
        "delete from mq_attempts where (lease, number) in (select lease, number from mq_attempts"
        " where ended < :before order by ended limit :step)",
        {"before": tx.wall - KEEP, "step": added + _PRUNED_AT_ONCE},
    )
