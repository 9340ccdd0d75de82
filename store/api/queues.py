"""Calls on queues and their messages."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Unpack

from store import model, sqlite
from store.api.base import Calls, check_agreement, encoded, frees_room
from store.model.encoding import check_text, check_whole, given_list, milliseconds
from store.model.errors import BadInput, Hint, MqError, NotFound, StoreFull
from store.model.topics import DELIVERIES_WITH_DLQ

if TYPE_CHECKING:
    from store.model.messages import Message, MessageId, NewMessage
    from store.model.queues import Attempt, LeaseStatus, QueueConfig, QueueSettings, QueueStatus
    from store.model.topics import Headers, Properties, Seconds, Timestamp
    from store.sqlite.file.database import Snapshot, WriteTransaction

_INSTEAD = {"fifo": "that can't change: create another queue and move the messages"}
MOST_AT_ONCE = 10_000


class QueueCalls(Calls):
    """Queues: create, change, send, receive, settle, and look."""

    def create_queue(
        self, name: str, *, if_not_exists: bool = False, **settings: Unpack[QueueSettings]
    ) -> QueueStatus:
        """Create a queue; settings are those of `QueueSettings`, times in seconds.

        A DLQ alone sets a limit of five deliveries. Raises `Exists`, with `if_not_exists` only
        when given settings differ.
        """
        given = _encoded(settings)
        config = model.queues.QueueConfig(**given)
        if config.dlq is not None and "max_deliveries" not in settings:
            config = config._replace(max_deliveries=DELIVERIES_WITH_DLQ)
        with self._write() as tx:
            present = sqlite.queues.catalog.find_or_none(tx, name) if if_not_exists else None
            if present is not None:
                check_agreement("queue", name, present.config, given, _INSTEAD)
                return sqlite.queues.counts.status(tx, present)
            return sqlite.queues.counts.status(tx, sqlite.queues.catalog.create(tx, name, config))

    def queues(self) -> list[QueueStatus]:
        """Return every queue, by name."""
        with self._looking() as tx:
            return [
                sqlite.queues.counts.status(tx, sqlite.queues.catalog.find(tx, name))
                for name in sqlite.queues.catalog.names(tx)
            ]

    def queue_names(
        self, prefix: str = "", after: str | None = None, limit: int | None = None
    ) -> list[str]:
        """Return the names of the queues that begin with a prefix, in order; nothing is counted.

        With `after` only those that follow that name, and at most `limit`.
        """
        with self._read() as tx:
            return sqlite.channels.names(tx, "queue", prefix, after, limit)

    def queue(self, name: str) -> QueueStatus:
        """Return one queue; raises `NotFound`."""
        with self._looking() as tx:
            return sqlite.queues.counts.status(tx, sqlite.queues.catalog.find(tx, name))

    def queue_config(self, name: str) -> QueueConfig:
        """Return the settings of one queue without its counts; raises `NotFound`."""
        with self._read() as tx:
            return sqlite.queues.catalog.find(tx, name).config

    def alter_queue(self, name: str, **settings: Unpack[QueueSettings]) -> QueueStatus:
        """Change the given settings and keep the rest; messages stay, except those over a limit.

        Messages that have used up a new limit of deliveries, or are over a length limit, go to the
        DLQ or are dropped at once: more than a hundred in steps, each its own transaction.
        """
        changes = _encoded(settings)
        settling = self._step(
            lambda tx: sqlite.queues.altering.alter(tx, name, _completed(tx, name, changes))
        )
        if settling.has_more:
            self._in_steps(settling.step)
        with self._read() as tx:
            return sqlite.queues.counts.status(tx, sqlite.queues.catalog.find(tx, name))

    def plan_queue_alter(self, name: str, **settings: Unpack[QueueSettings]) -> QueueConfig:
        """Return the settings that `alter_queue` would leave; raise its errors."""
        changes = _encoded(settings)
        with self._read() as tx:
            return sqlite.queues.catalog.altered(tx, name, _completed(tx, name, changes))

    def delete_queue(self, name: str) -> QueueStatus:
        """Delete a queue with its messages; return the queue as it was."""
        before = self._step(lambda tx: _delete(tx, name))
        self._in_steps(sqlite.log.retention.drain)
        return before

    def purge_queue(self, name: str, *, keep_leased: bool = False) -> int:
        """Remove the messages, leased ones too unless `keep_leased`; return how many."""
        purge = sqlite.queues.purge.unleased if keep_leased else sqlite.queues.purge.everything
        removed = self._step(lambda tx: purge(tx, sqlite.queues.catalog.find(tx, name)))
        self._in_steps(sqlite.log.retention.drain)
        return removed

    @frees_room
    def purge_message(self, queue: str, sequence: int) -> None:
        """Remove one message, leased, damaged or not; raises `NotFound`."""
        with self._write() as tx:
            sqlite.queues.purge.one(tx, sqlite.queues.catalog.find(tx, queue), sequence)

    def send(
        self,
        queue: str,
        value: bytes | str | None,
        *,
        key: bytes | str | None = None,
        headers: Headers | None = None,
        timestamp: Timestamp | None = None,
        delay: Seconds | None = None,
        message_group: str | None = None,
        dedup_id: str | None = None,
        priority: int = 0,
        ttl: Seconds | None = None,
        properties: Properties | None = None,
    ) -> MessageId:
        """Send one message; it is stored when the call returns. See `send_many`."""
        message = tuple.__new__(
            model.messages.NewMessage,
            (
                value,
                key,
                headers,
                timestamp,
                delay,
                message_group,
                dedup_id,
                priority,
                ttl,
                properties,
            ),
        )
        if self._busy:
            return self._committer.send_many(queue, [message])[0]
        with self._write() as tx:
            return sqlite.queues.send.send_one(tx, queue, message)

    def send_many(
        self, queue: str, messages: Iterable[NewMessage | bytes | str]
    ) -> list[MessageId]:
        """Send messages in one transaction, all or none; bytes or text is a value alone.

        Raises `BadRecord` for the first that can't be stored.
        """
        if self._busy:
            return self._committer.send_many(queue, messages)
        with self._write() as tx:
            return sqlite.queues.send.send(tx, sqlite.queues.catalog.find(tx, queue), messages)

    def _receive(
        self, queue: str, most: int, lease: Seconds | None, holder: str | None, attached: bool,
        prefetch: int | None = None, auto_ack: bool = False,
        until: Callable[[], bool] | None = None,
    ) -> sqlite.leases.receive.Received[Message]:  # fmt: skip
        """Lease the messages that are due."""
        if not isinstance(most, int) or not 1 <= most <= MOST_AT_ONCE:
            raise BadInput(f"a receive takes 1 to {MOST_AT_ONCE} messages, not {most}")
        if holder is not None:
            check_text(holder, "a holder")
        if auto_ack and lease is not None:
            raise BadInput(
                "with auto_ack there is no lease: the messages leave at once",
                hint=Hint("leave out {lease}, or acknowledge them by their receipts"),
            )
        if self._busy:
            return self._committer.receive(
                queue, most, lease, holder, attached, prefetch, auto_ack, until
            )
        request = sqlite.leases.receive.Request(
            most,
            None if lease is None else milliseconds(lease, "lease"),
            holder,
            attached,
            prefetch,
            auto_ack,
        )
        with self._write(until=until) as tx:
            return sqlite.queues.receive.receive(tx, queue, request)

    def _may_receive(self, name: str) -> bool:
        """Return whether a receive may find something, or do something else, without the lock."""
        with self._read() as tx:
            return sqlite.queues.ready.may_receive(tx, name)

    def _own_wait(self, queue: str) -> float:
        with self._read() as tx:
            return sqlite.queues.catalog.find(tx, queue).config.wait / 1000

    @frees_room
    def leave(self, queue: str, holder: str | None = None) -> None:
        """Leave a queue with a single active consumer: the next in line takes over.

        The holder may still settle messages that it has received (RabbitMQ: basic.cancel).
        """
        with self._write() as tx:
            sqlite.queues.policies.single_active.leave(
                tx,
                sqlite.queues.catalog.find(tx, queue),
                holder or sqlite.leases.holders.default_name(),
            )

    def ack(self, receipts: Sequence[str]) -> None:
        """Acknowledge messages: they are deleted. Repeating it is no error.

        Raises `LeaseLost` for a message that another reader has leased since. The good ones of
        several receipts are settled all the same, except in a transaction; `error.failures` says
        which were not, and why.
        """
        if self._busy:
            return self._committer.settle(receipts, "ack")
        self._settle(receipts, sqlite.leases.settle.ACKNOWLEDGE)

    def nack(
        self, receipts: Sequence[str], delay: Seconds | None = None, error: str | None = None
    ) -> None:
        """Give messages back, after `delay` seconds or the queue's retry delay."""
        wait = None if delay is None else milliseconds(delay, "delay")
        check_text(error, "an error")
        if self._busy:
            return self._committer.settle(receipts, "nack", delay, error)
        self._settle(receipts, sqlite.leases.settlements.GiveBack(wait, error, "nacked"))

    def reject(self, receipts: Sequence[str], error: str | None = None) -> None:
        """Refuse messages for good: move them to the DLQ, or drop them where the queue has none."""
        check_text(error, "an error")
        if self._busy:
            return self._committer.settle(receipts, "reject", error)
        self._settle(receipts, sqlite.leases.settlements.Reject(error))

    def extend(self, receipts: Sequence[str], duration: Seconds) -> None:
        """Extend leases to `duration` seconds from now; 0 gives the messages back at once."""
        length = milliseconds(duration, "duration")
        if self._busy:
            return self._committer.settle(receipts, "extend", duration)
        self._settle(receipts, sqlite.leases.settlements.Extend(length))

    def unreceive(self, receipts: Sequence[str]) -> None:
        """Give back messages that were not begun, as if they had not been delivered.

        Each message returns to its place; the delivery counts for no limit and is in no history
        (AMQP 1.0: released). Raises `LeaseLost` as `ack` does.
        """
        if self._busy:
            return self._committer.settle(receipts, "unreceive")
        self._settle(receipts, sqlite.leases.settlements.Unreceive())

    def _settle(self, receipts: Sequence[str], settlement: sqlite.leases.settle.Settlement) -> None:
        texts = _texts(receipts) if type(receipts) is not list else receipts
        for text in texts:
            if not isinstance(text, str):
                raise BadInput(
                    f"a receipt is text, not {type(text).__name__}", hint="give message.receipt"
                )
        unique = list(dict.fromkeys(texts))
        try:
            with self._write() as tx:
                refused = sqlite.leases.settle.settle(tx, unique, settlement)
                if refused and self._all_or_nothing:
                    raise refusal(texts, refused)
        except StoreFull:
            if not self._has_got_room():
                raise
            self._settle(texts, settlement)
            return
        if refused:
            raise refusal(texts, refused)

    def require_receipts(self) -> None:
        """Do nothing: any process can settle a message by its receipt."""

    def messages(self, queue: str, after: int = -1, limit: int = 1000) -> list[Message]:
        """Look at messages of every state with a sequence above `after`; nothing is changed."""
        check_whole(after, "a sequence", -1)
        check_whole(limit, "a limit")
        with self._looking() as tx:
            return sqlite.queues.view.messages(
                tx, sqlite.queues.catalog.find(tx, queue), after, limit
            )

    def message(self, queue: str, sequence: int) -> Message:
        """Look at one message; raises `NotFound`."""
        with self._read() as tx:
            return sqlite.queues.view.message(tx, sqlite.queues.catalog.find(tx, queue), sequence)

    def history(self, queue: str, sequence: int) -> list[Attempt]:
        """Return the failed deliveries of a message in this queue, first to last."""
        with self._read() as tx:
            stored = sqlite.queues.view.find_message(
                tx, sqlite.queues.catalog.find(tx, queue), sequence
            )
            return sqlite.leases.attempts.history(tx, stored.slot.lease_id(sequence))

    def leases(self, name: str | None = None, *, expired: bool = False) -> list[LeaseStatus]:
        """Return the leases of a queue or share; with `expired`, the lapsed ones."""
        with self._read() as tx:
            chosen = (
                sqlite.leases.messages.all_readers(tx)
                if name is None
                else [sqlite.leases.messages.find_reader(tx, name)]
            )
            return [
                lease for one in chosen for lease in sqlite.queues.view.lease_list(tx, one, expired)
            ]

    def due(self, names: Iterable[str]) -> dict[str, float | None]:
        """Return in how many seconds queues and shares may have something to receive, by name.

        0 is now, also for a name that is gone. `None` is not before another commit.
        """
        with self._read() as tx:
            return sqlite.queues.ready.due(tx, names)

    @frees_room
    def release(self, queue: str, sequence: int) -> None:
        """Make a leased or waiting message ready; raises `NotFound` without one."""
        with self._write() as tx:
            found = sqlite.queues.catalog.find(tx, queue)
            stored = sqlite.queues.view.find_message(tx, found, sequence)
            if not sqlite.leases.settlements.release(tx, found.reader, stored):
                raise NotFound(
                    f"no reader holds {queue}@{sequence}, and it waits for nothing",
                    hint=Hint("{}", model.looks.ShowLeases(queue)),
                )


def _delete(tx: WriteTransaction, name: str) -> QueueStatus:
    before = sqlite.queues.counts.status(tx, sqlite.queues.catalog.find(tx, name))
    sqlite.queues.catalog.delete(tx, name)
    return before


def _texts(receipts: Sequence[str]) -> list[str]:
    return [receipts] if isinstance(receipts, str) else given_list(receipts, "receipts")


def refusal(texts: Sequence[str], refused: dict[str, MqError]) -> MqError:
    """Return the error of a settling of which a part, or all, was refused."""
    first = next(iter(refused.values()))
    if len(texts) > 1:
        message = f"{len(refused)} of {len(texts)} receipts were refused: {first.message}"
        first = type(first)(message, first.hint)
    first.failures = refused
    return first


def _completed(tx: Snapshot, name: str, settings: dict[str, Any]) -> dict[str, Any]:
    """Return changes and their consequences: a DLQ alone sets a limit of deliveries."""
    if settings.get("dlq") and sqlite.queues.catalog.find(tx, name).config.max_deliveries is None:
        return {"max_deliveries": DELIVERIES_WITH_DLQ, **settings}
    return settings


def _encoded(settings: QueueSettings) -> dict[str, Any]:
    return encoded(model.queues.QueueConfig, settings)
