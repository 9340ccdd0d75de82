"""Store time, and ages by it.

Deadlines follow store time, which runs with the boot clock; timestamps of records follow the wall
clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from store import sqlite
from store.sqlite.file.settings import switches

if TYPE_CHECKING:
    from store.sqlite.file.transactions import Snapshot, WriteTransaction


# A wall clock that far ahead of the boot clock is wrong: then nothing is too old.
MOST_JUMP = 3_600_000
# The greatest age of the newest known pair of boot time and store time in the file.
CARRIED_EVERY = 60_000
# A timestamp that is further ahead of the wall clock than this does not tell when its record came.
CREDIBLE = 1_000


def store_time(tx: Snapshot) -> int:
    """Return store time in milliseconds: it runs with the boot clock; a new boot never sets it
    back.
    """
    return tx.database.clock.boot() + ahead_of_boot(tx)


def ahead_of_boot(tx: Snapshot) -> int:
    """Return how far store time is ahead of the boot clock."""
    # A change of settings forgets the cache, and a boot that no write has begun yet would be begun
    # anew, by a wall clock that may have jumped meanwhile.
    if tx.ahead_of_boot is None:
        tx.ahead_of_boot = _remembered_ahead(tx)
    return tx.ahead_of_boot


def _remembered_ahead(tx: Snapshot) -> int:
    clock, answers = tx.database.clock, tx.memory().answers
    # It stays the same throughout a boot, so it is remembered as settings are.
    place = (ahead_of_boot, clock.boot_id())
    ahead: int | None = answers.get(place)
    if ahead is None:
        boot_id, boot, store = tx.rows("select boot_id, boot, store from mq_clock")[0]
        if boot_id == clock.boot_id() and boot <= clock.boot():
            tx.database.carried = boot
            ahead = store - boot
        else:
            ahead = _begin_boot(tx, store) - clock.boot()
        answers[place] = ahead
    return ahead


def _begin_boot(tx: Snapshot, carried: int) -> int:
    tx.database.carried = -CARRIED_EVERY
    return max(
        carried,
        sqlite.file.store_time.newest_legible(tx),
        tx.database.clock.wall() - wall_ahead(tx),
    )


def carry(tx: WriteTransaction) -> None:
    """Carry the pair of boot time and store time in the file forward, at most once a minute.

    A new boot whose wall clock is behind goes on from there.
    """
    clock, ahead = tx.database.clock, ahead_of_boot(tx)
    boot_id, boot = clock.boot_id(), clock.boot()
    known_id, known = tx.rows("select boot_id, boot from mq_clock")[0]
    begins = boot_id != known_id or boot < known
    if begins or boot - known >= CARRIED_EVERY:
        tx.execute(
            "update mq_clock set boot_id = :boot_id, boot = :boot, store = :store",
            {"boot_id": boot_id, "boot": boot, "store": boot + ahead},
        )
    if begins:
        # Others have begun the boot for themselves, and go on from here.
        tx.execute("update mq_store set generation = generation + 1")
    # Not before it is stored: a rollback would undo it.
    tx.after_commit.append(partial(setattr, tx.database, "carried", boot))


def jump(tx: Snapshot) -> int:
    """Return how many milliseconds the wall clock was set ahead since it was trusted; negative:
    back.
    """
    return tx.wall - tx.now - wall_ahead(tx)


class Prepared:
    """The parts of a call that stay the same while the settings do, made ready at the first call.

    Between two wall times it is quiet: nothing has to be looked at now and then. A statement that
    goes by it checks the generation of the settings. `ahead` is how far store time is ahead of the
    boot clock.
    """

    __slots__ = ("ahead", "quiet_from", "quiet_until", "settings")

    def __init__(self, tx: WriteTransaction) -> None:
        self.settings = tx.memory()
        self.ahead = ahead_of_boot(tx)
        self.quiet_from = self.quiet_until = 0

    def is_quiet(self, tx: WriteTransaction) -> bool:
        """Return whether nothing else is to be looked at."""
        return self.quiet_from <= tx.wall < self.quiet_until

    def rest_after_commit(self, tx: WriteTransaction, milliseconds: int) -> None:
        """Be quiet for so long, once the transaction is stored."""
        tx.after_commit.append(partial(self._rest, tx.wall, tx.wall + milliseconds))

    def _rest(self, since: int, until: int) -> None:
        self.quiet_from, self.quiet_until = since, until


def is_right(tx: Snapshot) -> bool:
    """Return whether anything may be too old: a wall clock far ahead of the boot clock is wrong."""
    return jump(tx) <= MOST_JUMP


def wall_ahead(tx: Snapshot) -> int:
    """Return how far the wall clock was ahead of store time when it was last trusted."""
    return switches(tx).wall_ahead


def arrivals(tx: Snapshot, timestamps: Sequence[int]) -> list[int | None] | None:
    """Return the arrivals of records with these rising timestamps, in store time, where those do
    not tell it.

    `None` when they all do.
    """
    # Not by a clock that was set ahead: when it is right again, its times lie in the future.
    latest = min(tx.wall, tx.now + wall_ahead(tx) + MOST_JUMP) + CREDIBLE
    if not timestamps or timestamps[-1] <= latest:
        return None
    return [tx.now if timestamp > latest else None for timestamp in timestamps]


def age_of(record: str) -> str:
    """Return SQL for how many milliseconds ago a record came, `record` being its alias in the
    query.

    Its parameters are `moments(tx)`. By its timestamp, unless it was ahead of the clock.
    """
    # The bounds also skip damage, such as text.
    return (
        f"case when {record}.arrived between 1 and :now then :now - {record}.arrived"
        f" when {record}.timestamp <= :wall then :wall - {record}.timestamp"
        f" else max(0, :latest - {record}.timestamp) end"
    )


def came_of(record: str) -> str:
    """Return SQL for a record's arrival, in wall time; its parameters are `moments(tx)`."""
    return f"(:wall - {age_of(record)})"


def moments(tx: Snapshot) -> dict[str, int]:
    """Return parameters for SQL about ages: store time and wall time, the latest credible wall
    time, and how far that is ahead of store time.
    """
    ahead = wall_ahead(tx)
    return {"now": tx.now, "wall": tx.wall, "latest": tx.now + max(0, ahead), "ahead": ahead}


def age(tx: Snapshot, timestamp: int, arrived: int | None) -> int:
    """Return how many milliseconds ago a record came; `age_of` says the same in SQL."""
    if isinstance(arrived, int) and 0 < arrived <= tx.now:
        return tx.now - arrived
    if timestamp <= tx.wall:
        return tx.wall - timestamp
    # If the wall clock was set back, its former times are ahead of it now.
    return max(0, tx.now + max(0, wall_ahead(tx)) - timestamp)
