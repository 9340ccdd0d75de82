"""The rules of one reader for its leases: the only difference between a queue and a share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from store import sqlite
from store.sqlite import leases
from store.sqlite.file.settings import cached_by_settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from store.model.messages import Message, MessageId
    from store.sqlite.file.database import Snapshot, WriteTransaction
    from store.sqlite.file.settings import Config, StoredSettings
    from store.sqlite.leases.deliveries import Delivery
    from store.sqlite.leases.messages import StoredMessage
    from store.sqlite.leases.order import DeliveryOrder, NotingOrder
    from store.sqlite.leases.receive import Receiver
    from store.sqlite.queues.catalog import Queue
    from store.sqlite.queues.policies import Receiving, Sending
    from store.sqlite.queues.policies.retry import RetryLimits


class ReaderPolicy:
    """A setting of a queue or share that acts on its messages; made once, when it is read.

    Only the hooks that a policy in `queues.policies` defines are called, so that a reader without
    it pays nothing. Moves into a queue, such as dead letters and redrives, pass `after_enqueue`
    alone.
    """

    __slots__ = ()

    goes_by_settings = False
    """Whether its hooks for a send go by settings and what messages ask for alone, and change
    nothing before messages are stored: then a single send may be prepared.
    """

    def encode(self, tx: WriteTransaction, queue: Queue, sending: Sending) -> None:
        """Turn the option of messages, or the queue's own, into a column; refuse what can't be."""

    def before_send(self, tx: WriteTransaction, queue: Queue, sending: Sending) -> None:
        """Refuse, leave out or change messages that a producer sends."""

    def after_send(
        self, tx: WriteTransaction, sending: Sending, ids: list[MessageId]
    ) -> list[MessageId]:
        """Return the answer to a send, of which messages with these ids were stored."""
        return ids

    def after_enqueue(self, tx: WriteTransaction, reader: Reader, added: Sequence[int]) -> None:
        """Act when more messages wait: added ones, by record, or some that were given back."""

    def before_receive(self, tx: WriteTransaction, queue: Queue, receiving: Receiving) -> None:
        """Prepare the queue for a receive, refuse it, or lower what it may get."""

    def before_lease(self, receive: Receiver, message: StoredMessage) -> bool:
        """Remove or postpone a message that may not be delivered; return whether that was done."""
        return False

    def after_receive(
        self, tx: WriteTransaction, receiving: Receiving, messages: Sequence[Message]
    ) -> None:
        """Act on messages that were leased."""

    def settling(
        self, tx: WriteTransaction, reader: Reader, delivery: Delivery, error: str | None
    ) -> bool:
        """Settle a delivery that failed in another way than to give it back; return whether that
        was done.
        """
        return False


class ReaderPolicies(NamedTuple):
    """The policies of a reader, by the hook that they define, in the order in which they act."""

    encode: Sequence[ReaderPolicy] = ()
    before_send: Sequence[ReaderPolicy] = ()
    after_send: Sequence[ReaderPolicy] = ()
    after_enqueue: Sequence[ReaderPolicy] = ()
    before_receive: Sequence[ReaderPolicy] = ()
    before_lease: Sequence[ReaderPolicy] = ()
    after_receive: Sequence[ReaderPolicy] = ()
    settling: Sequence[ReaderPolicy] = ()


NO_POLICIES = ReaderPolicies()


def by_hook(policies: Iterable[ReaderPolicy]) -> ReaderPolicies:
    """Return policies by the hooks that they define."""
    present = tuple(policies)
    if not present:
        return NO_POLICIES
    return ReaderPolicies._make(
        tuple(policy for policy in present if getattr(type(policy), hook) is not inherited)
        for hook, inherited in (
            (hook, getattr(ReaderPolicy, hook)) for hook in ReaderPolicies._fields
        )
    )


class Reader(NamedTuple):
    """The rules by which messages are leased and settled, passed along instead of branches.

    `on_ack` is the one decision: a queue deletes acknowledged messages, a share retains records.
    `ordered` readers never deliver past a message of the same group that is in flight. Durations
    are in milliseconds; no `retention` leaves it to the log that is read. Without `retry` a message
    is delivered again at once, for ever. A `fair` reader delivers by tenant, a `single_active` one
    to one holder at a time. No more than `window` offsets of a partition are in flight, and `turn`
    is the partition whose turn it is.
    """

    id: int
    name: str
    channel: int
    source: str
    on_ack: Literal["delete", "retain"]
    ordered: bool
    lease: int
    retry: RetryLimits | None
    dead_letter_to: str | None
    dead_letter_key: str | None
    levels: tuple[int, ...]
    delay: int
    retention: int | None
    policies: ReaderPolicies = NO_POLICIES
    fair: bool = False
    single_active: bool = False
    window: int | None = None
    turn: int = 0

    @property
    def sheds(self) -> bool:
        """Whether it may remove messages as soon as more of them wait."""
        return bool(self.policies.after_enqueue)

    @property
    def retains(self) -> bool:
        """Whether it reads a log, which keeps its records in any case."""
        return self.on_ack == "retain"

    @property
    def order(self) -> DeliveryOrder:
        """How it chooses the next message."""
        noting = self.noting_order
        if noting is not None:
            return noting
        return sqlite.shares.window if self.retains else sqlite.queues.order.standard

    @property
    def noting_order(self) -> NotingOrder | None:
        """Its order, if that notes something of each message."""
        if self.ordered:
            return sqlite.queues.order.fifo
        return sqlite.queues.order.fair if self.fair else None

    @property
    def by_runs(self) -> bool:
        """Whether messages may be leased and settled together: its order notes nothing of each."""
        return not (self.ordered or self.fair)

    @property
    def strict(self) -> bool:
        """Whether a lapsed lease is lost at once, even before another reader takes the message."""
        return self.ordered or self.retains

    @property
    def isolates_from(self) -> int | None:
        """The number of deliveries after which a record is suspect, and handed out with few others.

        KIP-932: half of the limit, and at least 2.
        """
        most = self.max_deliveries
        return max(2, -(-most // 2)) if self.retains and most is not None else None

    def place(self, number: int) -> str:
        """Return the address of the queue, or of one partition of the topic, that it reads."""
        return f"{self.source}/{number}" if self.retains else self.source

    def address(self, number: int, offset: int) -> str:
        """Return the address of one message or record."""
        return f"{self.place(number)}@{offset}"

    @property
    def max_deliveries(self) -> int | None:
        """The most deliveries of a message."""
        return None if self.retry is None else self.retry.most

    @property
    def has_retry_delays(self) -> bool:
        """Whether a message that failed waits before its next delivery."""
        return self.retry is not None and bool(self.retry.delays)

    def retry_delay(self, deliveries: int) -> int:
        """Return the wait of a message before its next delivery after so many failures."""
        return 0 if self.retry is None else self.retry.delay_after(deliveries)

    def given_back_at(self, now: int) -> int:
        """Return the due time of a message that is given back without delay.

        Zero returns it to its original place; an ordered reader's group goes behind its equals.
        """
        return now if self.ordered else 0


@cached_by_settings
def place(tx: Snapshot, slot: int) -> tuple[Reader, leases.rows.Slot] | None:
    """Return a slot of a queue or share, and its reader; `None` without one."""
    row = tx.row(
        "select c.name, c.kind, p.id, p.number from mq_slots s"
        " join mq_partitions p on p.id = s.partition join mq_readers r on r.id = s.reader"
        " join mq_channels c on c.id = r.channel where s.id = :slot",
        {"slot": slot},
    )
    if row is None:
        return None
    name, kind, partition, number = row
    reader = (
        sqlite.queues.catalog.reader(tx, name)
        if kind == "queue"
        else sqlite.shares.catalog.reader(tx, name)
    )
    return reader, leases.rows.Slot(slot, partition, number, *leases.rows.level_of(reader, number))


def create(
    tx: WriteTransaction, settings: StoredSettings[Config], config: Config, **others: str | int
) -> int:
    """Insert the row of a reader with its settings; return its id."""
    return settings.insert(tx, "mq_readers", config, created=tx.wall, **others)


def alter(
    tx: WriteTransaction, settings: StoredSettings[Config], config: Config, reader: int
) -> None:
    """Change the settings of a reader."""
    settings.update(tx, "mq_readers", config, id=reader)


def notice(tx: WriteTransaction, reader: int, until: int) -> None:
    """Note the store time up to which due leases count as ready again."""
    tx.execute(
        "update mq_readers set noticed = :until where id = :reader",
        {"until": until, "reader": reader},
    )


def label(tx: WriteTransaction, group: str, label: str) -> None:
    """Note the topology that owns a group."""
    tx.execute(
        "update mq_readers set label = :label where kind = 'group' and name = :name",
        {"label": label, "name": group},
    )


def delete(tx: WriteTransaction, reader: int) -> None:
    """Delete a reader with all its rows."""
    tx.execute("delete from mq_readers where id = :reader", {"reader": reader})
