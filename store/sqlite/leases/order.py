"""How a reader chooses the next message, and what it notes about messages for that.

`Reader.order` is one of these modules: standard, FIFO or fair for a queue, the window for a share.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from store.sqlite.file.database import Row, Snapshot, WriteTransaction
    from store.sqlite.leases.messages import MessageRow
    from store.sqlite.leases.readers import Reader
    from store.sqlite.leases.receive import Receiver
    from store.sqlite.leases.rows import Lease, Slot


class DeliveryOrder(Protocol):
    """One order of delivery."""

    def pick(self, receive: Receiver) -> None:
        """Lease what is next to the holder."""

    def added(
        self, tx: WriteTransaction, reader: Reader, records: Sequence[int],
        message_groups: Sequence[str | None], *, delayed: bool,
    ) -> None:  # fmt: skip
        """Note new messages, which all wait for a time of their own or all do not."""

    def changed(
        self, tx: WriteTransaction, reader: Reader, message: MessageRow, before: Lease | None,
        after: Lease,
    ) -> None:  # fmt: skip
        """Note that the lease of a message is another one now."""

    def removed(self, tx: WriteTransaction, reader: Reader, messages: Sequence[MessageRow]) -> None:
        """Note that messages have left."""

    def take_back(
        self, tx: WriteTransaction, reader: Reader, message: MessageRow, lease: Lease, before: Lease
    ) -> None:
        """Undo a delivery: the message returns to its place, and its row to what it was before."""

    def taken_back(self, tx: WriteTransaction, reader: Reader, slots: Iterable[Slot]) -> None:
        """Note that deliveries of these slots were undone."""

    def next_due(self, tx: Snapshot, reader: Reader) -> int | None:
        """Return the store time at which the next message becomes due by itself."""


class NotingOrder(DeliveryOrder, Protocol):
    """An order that notes something of each message, so that each is leased and settled by itself:
    FIFO and fair.

    A receive of a single message that was never delivered is prepared by it.
    """

    def next_sql(self, reader: Reader, slot: Slot, generation: int) -> tuple[str, tuple[int, ...]]:
        """Return the query for the next message in a generation of the settings, and its
        parameters before those for now and for how many.

        Its last three columns are whether nothing is to be done but to lease the message, when its
        turn came, and what `leased` needs to know.
        """

    def leased(self, tx: WriteTransaction, reader: Reader, slot: Slot, row: Row, due: int) -> None:
        """Note that the message of such a row was leased, and is due again then."""

    def finished(
        self, tx: WriteTransaction, reader: Reader, slot: Slot, record: int,
        message_group: str | None,
    ) -> None:  # fmt: skip
        """Note that a leased message is done."""
