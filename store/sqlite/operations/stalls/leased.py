"""A message that blocks others while it is leased, or waits for its next delivery."""

from __future__ import annotations

from functools import cached_property
from typing import NamedTuple

from store.model.actions import RejectLease
from store.model.addresses import EXCHANGE_PREFIX
from store.model.stalls import Cause
from store.model.text import counted, describe_duration
from store.sqlite import layout, leases, log
from store.sqlite.file import timekeeping
from store.sqlite.file.database import Row, Snapshot
from store.sqlite.leases import holders, move, receipts
from store.sqlite.operations.stalls import evidence

COLUMNS = (
    "l.id, l.record, l.ends, l.due, l.deliveries, l.token, l.holder, l.started,"
    " exists (select 1 from mq_damages d where d.record = l.record)"
)


class RecordContents(NamedTuple):
    """The contents of a record; `size` in bytes, `age` in milliseconds, the others wall time."""

    key: bytes | None
    size: int
    expires: int | None
    timestamp: int
    age: int


class Leased:
    """The message of a lease row, why it is not done, and since when; from `COLUMNS`."""

    def __init__(self, tx: Snapshot, row: Row, most: int | None) -> None:
        self._tx = tx
        self._most = most
        (self.lease, self.record, self._ends, self._due, self.deliveries, self._token,
         self._holder, self._started, is_damaged) = row  # fmt: skip
        self.is_damaged = bool(is_damaged)
        """Whether a receive found it damaged: it is never handed out."""
        self.offset = layout.offset(self.lease)

    @cached_property
    def failures(self) -> evidence.Failures:
        """Its failed deliveries."""
        return evidence.failures(self._tx, self.lease)

    @property
    def is_held(self) -> bool:
        """Whether a live holder has it now."""
        if self._token is None or self._ends <= self._tx.now:
            return False
        return self._holder not in holders.gone(self._tx)

    @property
    def is_exhausted(self) -> bool:
        """Whether it may not be delivered again."""
        return not self.is_held and self._most is not None and self.deliveries >= self._most

    @cached_property
    def is_homeless(self) -> bool:
        """Whether it may not be delivered again, and can't leave either."""
        found = (
            leases.readers.place(self._tx, layout.owner(self.lease)) if self.is_exhausted else None
        )
        message = (
            None if found is None else leases.messages.load_leased(self._tx, found[1], self.lease)
        )
        if found is None or message is None:
            return False
        return not move.has_place(self._tx, found[0], message)

    @cached_property
    def cause(self) -> Cause:
        """The cause of the stall."""
        if self.is_damaged:
            return "damaged"
        lost = self.deliveries >= evidence.LOST_DELIVERIES and self.failures.error is None
        if self.failures.show_poison or lost or self.is_exhausted:
            return "poison"
        if self._token is None:
            return "held"
        return "held" if self.is_held else "abandoned"

    @cached_property
    def seconds(self) -> float:
        """For how long it has been in flight, failed deliveries included."""
        since = self._tx.now if self._started is None else self._started
        if self.is_damaged:
            since = min(since, self._tx.now - self.contents.age)
        elif self.failures.since is not None:
            since = min(since, self._tx.now - (self._tx.wall - self.failures.since))
        return max(0, self._tx.now - since) / 1000

    @cached_property
    def contents(self) -> RecordContents:
        """The record itself, as far as that is readable."""
        size, arrived, *columns = self._tx.row(  # type: ignore[misc]
            f"select {layout.SIZE},"
            " arrived, timestamp, null, key, null, null, expires from mq_records where id = :id",
            {"id": self.record},
        )
        timestamp, _, key, _, _, expires = log.damage.usable(*columns)
        age = timekeeping.age(self._tx, timestamp, arrived)
        return RecordContents(None if self.is_damaged else key, size, expires, timestamp, age)

    @property
    def receipt(self) -> str | None:
        """The receipt of its holder."""
        if not self.is_held:
            return None
        return receipts.write(receipts.seal(self._tx), self.lease, self._token)

    @property
    def reject(self) -> RejectLease | None:
        """The rejection of its lease, if it has one."""
        return None if self.receipt is None else RejectLease(self.receipt, self.error)

    @property
    def error(self) -> str | None:
        """Its known error."""
        if self.is_damaged:
            return f"it is damaged: {log.damage.CHECKSUM}"
        return self.failures.error

    def who(self) -> tuple[str | None, str | None, int | None, float | None]:
        """Return name, host and pid of its holder, and how many seconds ago that was last seen."""
        row = self._tx.row(
            "select name, host, pid, seen from mq_holders where id = :id", {"id": self._holder}
        )
        if row is None:
            return self.failures.last_holder, None, None, None
        name, host, pid, seen = row
        # Taking the message was a sign of life, too.
        return name, host, pid, (self._tx.now - max(seen, self._started or 0)) / 1000

    def why(self, holder: str | None, dlq: str | None) -> str:
        """Return the reason for the wait, in a sentence."""
        if self.is_damaged:
            return "it is damaged and never handed out"
        if self.is_exhausted:
            return self._why_exhausted(dlq)
        until = self._until
        if self.cause == "poison":
            return f"it was delivered {self.deliveries} times and never done"
        if self.cause == "abandoned":
            return f"{holder} had it and is gone; it comes back in {until}"
        if self._token is None:
            return f"it failed and waits {until} for its next delivery"
        return f"{holder} has it for another {until}"

    def _why_exhausted(self, dlq: str | None) -> str:
        used_up = f"it has used up its {counted(self.deliveries, 'delivery')}"
        if not self.is_homeless:
            where = "leaves" if dlq is None else f"goes to {dlq}"
            return f"{used_up}, waits {self._until}, and then {where} with the next receive"
        if (dlq or "").startswith(EXCHANGE_PREFIX):
            return f"{used_up} and has nowhere to go: {dlq} leads it to no new place"
        return f"{used_up} and has nowhere to go: it has been in its DLQ {dlq} before"

    @property
    def _until(self) -> str:
        return describe_duration((self._due - self._tx.now) / 1000)
