"""Receiving with automatic acknowledgement (RabbitMQ: basic.consume with no-ack).

The messages leave in the transaction that receives them: no lease, no token, no receipt. Their
order and their count of deliveries are those of any receive.
"""

from __future__ import annotations

from collections.abc import Sequence

from store.sqlite import layout, leases, log
from store.sqlite.file.database import Row, WriteTransaction
from store.sqlite.leases.messages import StoredMessage
from store.sqlite.leases.readers import Reader
from store.sqlite.leases.receive import FreshRun, Receiver
from store.sqlite.leases.rows import Slot, SlotProgress
from store.sqlite.log import samples


class AutoAckReceiver(Receiver):
    """One receive whose messages are done at once."""

    def __init__(
        self, tx: WriteTransaction, reader: Reader, most: int, lease: int, holder: int
    ) -> None:
        super().__init__(tx, reader, most, lease, holder)
        self._token = None

    def take_run(self, slot: SlotProgress, run: FreshRun, cursor: int) -> bool:
        """Remove a run and move the cursor past it."""
        samples.note_leaving(self.tx, self.reader.channel)
        remove(self.tx, slot, run.records, sum(run.sizes))
        slot.cursor = cursor
        return True

    def hold(self, messages: Sequence[StoredMessage], turn: int = 0) -> None:
        """Finish messages that were delivered before, or have to be looked at one by one."""
        if not messages:
            return
        # A late receipt would be taken for one that settles again.
        leases.attempts.note_lapsed(self.tx, *(message.lease for message in messages))
        moved = leases.origins.moved(self.tx, [one.record for one in messages if one.has_origin])
        leases.finish.finish(self.tx, self.reader, messages)
        for message in messages:
            self.lease_to_holder(message)
            message.origin = moved.get(message.record)
        self.picked += messages
        self.wanted -= len(messages)


def remove_rows(tx: WriteTransaction, slot: Slot, rows: Sequence[Row]) -> None:
    """Remove undelivered messages by rows of `RECORD_COLUMNS`, and move the cursor past them."""
    first, last = rows[0][0], rows[-1][0]
    records: Sequence[int] = range(first, last + 1)
    if len(records) > len(rows):
        records = [row[0] for row in rows]
    remove(tx, slot, records, sum([row[2] for row in rows]))


def remove(tx: WriteTransaction, slot: Slot, records: Sequence[int], size: int) -> None:
    """Remove undelivered messages that together are that long, and move the cursor past them."""
    leases.rows.move_cursor(tx, slot, layout.offset(records[-1]) + 1)
    log.rows.remove_run(tx, records, slot.partition, size)
