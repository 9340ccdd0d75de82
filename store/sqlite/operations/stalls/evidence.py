"""The evidence for a stall: failed deliveries, and the messages behind it."""

from __future__ import annotations

from dataclasses import dataclass

from store.model.letter_groups import normalise_error
from store.sqlite.file.database import Snapshot

# This many equal failures in a row, or failures of any kind, are the message's own fault.
SAME_FAILURES = 2
FAILURES = 4
# Handed out so often and never finished: no holder lived to report an error.
LOST_DELIVERIES = 3
# The most failures looked at, the newest first, of a message that fails for ever.
MOST_READ = 100
# The most messages behind a blocker whose keys are counted.
MOST_KEYS = 500


@dataclass(frozen=True, slots=True)
class Failures:
    """The failed deliveries of one message: the last error, and how often it came in a row."""

    count: int
    error: str | None
    same: int
    since: int | None
    """Wall time of the first one's start."""
    last_holder: str | None

    @property
    def show_poison(self) -> bool:
        """Whether they are too many, or too much alike, to be bad luck."""
        return self.same >= SAME_FAILURES or (self.error is not None and self.count >= FAILURES)


def failures(tx: Snapshot, lease: int) -> Failures:
    """Return the failed deliveries of a message, by its slot and offset."""
    rows = tx.rows(
        "select number, holder, error from mq_attempts where lease = :lease"
        " order by number desc limit :most",
        {"lease": lease, "most": MOST_READ},
    )
    told = [error for _, _, error in rows if error is not None]
    return Failures(
        count=rows[0][0] if rows else 0,
        error=told[0] if told else None,
        same=_same_in_a_row(told),
        since=_began(tx, lease) if rows else None,
        last_holder=rows[0][1] if rows else None,
    )


def _same_in_a_row(newest_first: list[str]) -> int:
    kinds = [normalise_error(error) for error in newest_first]
    return next((n for n, kind in enumerate(kinds) if kind != kinds[0]), len(kinds))


def _began(tx: Snapshot, lease: int) -> int:
    began: int = tx.value(
        "select ifnull(started, ended) from mq_attempts where lease = :lease order by number"
        " limit 1",
        {"lease": lease},
    )
    return began


def keys_between(tx: Snapshot, first: int, end: int) -> tuple[int, bool]:
    """Return how many distinct keys the records from one id to another have, and whether that is
    all.
    """
    count: int = tx.value(
        "select count(distinct key) from (select key from mq_records"
        " where id >= :first and id < :end order by id limit :most)",
        {"first": first, "end": end, "most": MOST_KEYS},
    )
    return count, end - first <= MOST_KEYS
