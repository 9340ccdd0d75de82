"""Receiving from a fair queue: tenants that are not noisy go first, oldest message first."""

from __future__ import annotations

from store.sqlite import leases
from store.sqlite.file.database import WriteTransaction
from store.sqlite.leases.messages import LEASED, StoredMessage, load, with_lease
from store.sqlite.leases.readers import Reader
from store.sqlite.leases.receive import Receiver
from store.sqlite.queues.order import tenants


class FairReceiver(Receiver):
    """One receive from a fair queue.

    Returned and delayed messages go before undelivered ones, as everywhere, unless they belong to a
    noisy tenant while others wait.
    """

    def __init__(
        self, tx: WriteTransaction, reader: Reader, most: int, lease: int, holder: int
    ) -> None:
        super().__init__(tx, reader, most, lease, holder)
        self._slot = next(slot for slot in self._slots if slot.number == 0)
        self._in_flight = leases.rows.held_and_waiting(tx, self._reader)[0]

    def _pick_all(self) -> None:
        if self._is_due_noisy():
            self._pick_tenants(noisy_too=False)
        self._pick_due(0)
        self._pick_tenants(noisy_too=True)

    def _due(self, level: int, after: tuple[int, int], limit: int) -> list[StoredMessage]:
        # With a lease of 0 a message picked just now is due again.
        picked = {message.record for message in self._picked}
        found = super()._due(level, after, limit + len(picked))
        return [message for message in found if message.record not in picked][:limit]

    def _noisy(self) -> list[str]:
        return tenants.noisy(self._tx, self._reader, self._in_flight + len(self._picked))

    def _is_due_noisy(self) -> bool:
        rows = self._tx.rows(
            f"{LEASED} where l.reader = :reader and l.priority = 0 and l.due <= :now"
            " order by l.due, l.id limit 1",
            {"reader": self._reader.id, "now": self._tx.now},
        )
        first = [with_lease(row, self._slot).message_group for row in rows]
        return bool(first) and first[0] in self._noisy()

    def _pick_tenants(self, *, noisy_too: bool) -> None:
        while self._wanted > 0 and not self._took_enough:
            noisy = self._noisy()
            record = tenants.next_undelivered(self._tx, self._reader, noisy)
            if record is None and noisy_too:
                record = tenants.next_noisy(self._tx, self._reader, noisy)
            if record is None:
                return
            message = load(self._tx, self._slot, record)
            if message is None or self.take_out(message):
                # A damaged message may be in another group than the one that counted it.
                tenants.pass_over(self._tx, self._reader, self._slot, record)
            else:
                self._deliver(message)

    def _hold(self, messages: list[StoredMessage], turn: int = 0) -> None:
        were_free = [m.lease is None or m.lease.token is None for m in messages]
        super()._hold(messages, turn)
        for message, was_free in zip(messages, were_free, strict=True):
            tenants.refresh(self._tx, self._reader, message.slot, message.tenant, int(was_free))

    def _postpone(self, message: StoredMessage) -> None:
        was_free = message.lease is None or message.lease.token is None
        super()._postpone(message)
        tenants.refresh(self._tx, self._reader, message.slot, message.tenant, int(was_free) - 1)

    def _deliver(self, message: StoredMessage) -> None:
        self._advance(self._slot, message.sequence + 1)
        self._hold([message])
