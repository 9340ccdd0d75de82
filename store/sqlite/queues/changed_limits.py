"""Changed limits: the messages over them are removed at once, in bounded steps."""

from __future__ import annotations

from collections.abc import Iterator

from store.sqlite import leases, queues, shares
from store.sqlite.file.database import WriteTransaction
from store.sqlite.leases import abandoned, receive, settlements
from store.sqlite.leases.messages import StoredMessage
from store.sqlite.leases.readers import Reader
from store.sqlite.leases.rows import Slot
from store.sqlite.queues.policies import expiry, length

# The most messages that one step settles, so that other writers wait for tens of milliseconds.
STEP = 100
_PASSES = STEP // expiry.MOST_MOVED


class Settling:
    """Removes messages of a queue or share that are over its changed limits.

    `before` is the former limit of deliveries; with `keeps_less` the retention is shorter now.
    After a kill in between, the same change made again goes on with messages delivered too often,
    and each receive with due ones.
    """

    def __init__(self, name: str, before: int | None, *, keeps_less: bool = False) -> None:
        self.has_more = True
        self._name = name
        self._before = before
        self._keeps_less = keeps_less
        self._after = self._oldest = -1

    def step(self, tx: WriteTransaction) -> bool:
        """Settle up to `STEP` messages; return whether more may be left."""
        found = queues.catalog.find_or_none(tx, self._name) or shares.catalog.find_or_none(
            tx, self._name
        )
        self.has_more = found is not None and (
            self._settle_old(tx, found.reader)
            or self._settle_delivered(tx, found.reader)
            or _sweep(tx)
            or _shed(tx, found.reader)
        )
        return self.has_more

    def _settle_old(self, tx: WriteTransaction, reader: Reader) -> bool:
        """Drop unleased messages past the retention; return whether there may be more."""
        if not self._keeps_less or reader.retention is None:
            return False
        left = STEP
        for slot in sorted(leases.rows.slots(tx, reader), key=lambda slot: slot.partition):
            for message in self._from_oldest(tx, slot, left):
                if not message.is_damaged and message.age(tx) < reader.retention:
                    break
                left -= 1
                self._oldest = message.record
                if not message.is_damaged and not message.is_held(tx):
                    receive.Receiver(tx, reader, 1, 0, 0).take_out(message)
        return left == 0

    def _from_oldest(self, tx: WriteTransaction, slot: Slot, limit: int) -> list[StoredMessage]:
        rows = tx.rows(
            f"{leases.messages.WITH_LEASES} where r.id > :oldest and r.id >= :records"
            " and r.id < :end order by r.id limit :limit",
            {
                "oldest": self._oldest,
                **slot.base_ids,
                "end": slot.end,
                "limit": limit,
            },
        )
        return [leases.messages.with_lease(row, slot) for row in rows]

    def _settle_delivered(self, tx: WriteTransaction, reader: Reader) -> bool:
        bounds = [most for most in (self._before, reader.max_deliveries) if most is not None]
        if not bounds:
            return False
        if self._after < 0:
            abandoned.free(tx, reader)
        looked_at = 0
        for message in self._delivered(tx, reader, min(bounds)):
            self._after = message.slot.lease_id(message.sequence)
            self._settle(tx, reader, message)
            looked_at += 1
        return looked_at == STEP

    def _delivered(
        self, tx: WriteTransaction, reader: Reader, least: int
    ) -> Iterator[StoredMessage]:
        """Yield the next messages that were delivered so often, in order of their lease rows."""
        left = STEP
        for slot in sorted(leases.rows.slots(tx, reader), key=lambda slot: slot.id):
            rows = tx.rows(
                "select id from mq_leases where id > :after and id >= :first and id < :end"
                " and deliveries >= :least order by id limit :left",
                {
                    "after": self._after,
                    "first": slot.lease_id(0),
                    "end": slot.lease_id(0) + (slot.end - slot.record_id(0)),
                    "least": least,
                    "left": left,
                },
            )
            left -= len(rows)
            for (id,) in rows:
                # The settling before may have pushed it out.
                message = leases.messages.load_leased(tx, slot, id)
                if message is not None:
                    yield message

    def _settle(self, tx: WriteTransaction, reader: Reader, message: StoredMessage) -> None:
        lease, most = message.lease, reader.max_deliveries
        assert lease is not None
        is_over = most is not None and lease.deliveries >= most
        if message.is_damaged:
            return
        if message.is_held(tx):
            # Its holder may finish it yet; if not, no delay follows its last delivery.
            if is_over and lease.due > lease.ends:
                after = lease._replace(due=lease.ends)
                leases.rows.update(tx, reader, [lease], [after])
                reader.order.changed(tx, reader, message, lease, after)
        elif is_over:
            receive.Receiver(tx, reader, 1, 0, 0).take_out(message)
        else:
            # It may be delivered again, and waited only because it had nowhere to go.
            settlements.release(tx, reader, message)


def _sweep(tx: WriteTransaction) -> bool:
    """Move expired messages that were kept for lack of a place."""
    return bool(expiry.due(tx, 1)) and all(expiry.sweep(tx) for _ in range(_PASSES))


def _shed(tx: WriteTransaction, reader: Reader) -> bool:
    """Apply a lower limit of length to the present messages (RabbitMQ)."""
    if not reader.sheds:
        return False
    queue = queues.catalog.find(tx, reader.name)
    before = length.excess(tx, queue)
    if before == (0, 0):
        return False
    length.shed(tx, queue, ())
    # Without a place to go the excess stays.
    return (0, 0) != length.excess(tx, queues.catalog.find(tx, reader.name)) < before
