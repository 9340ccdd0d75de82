"""Receiving with automatic acknowledgement (RabbitMQ: basic.consume with no-ack).

The messages leave in the transaction that receives them: no lease, no token, no receipt. Their
order and their count of deliveries are those of any receive.
"""

from __future__ import annotations

from collections.abc import Sequence

from store.sqlite import leases, log
from store.sqlite.file.database import WriteTransaction
from store.sqlite.leases.messages import StoredMessage
from store.sqlite.leases.readers import Reader
from store.sqlite.leases.receive import FreshRun, Receiver
from store.sqlite.leases.rows import SlotProgress
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
        log.rows.remove_run(self.tx, run.records, slot.partition, sum(run.sizes))
        self.advance(slot, cursor)
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
