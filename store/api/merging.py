"""Calls of several threads or tasks that run as one: sends as one send, acks as one ack."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterable, Sequence
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, Generic, Literal, Self, TypeVar

from store.api.queues import MOST_AT_ONCE, refusal
from store.api.transaction import Transaction
from store.model.encoding import given_list
from store.model.errors import MqError

if TYPE_CHECKING:
    from store.model.exchanges import Placed
    from store.model.messages import Message, MessageId, NewMessage
    from store.model.shares import SharedRecord
    from store.model.topics import NewRecord, RecordId, Seconds
    from store.sqlite.file.turns import Waiter
    from store.sqlite.leases.receive import Received

    Places = list[list[Placed]]

Result = TypeVar("Result")
Item = TypeVar("Item")
Settling = Literal["ack", "nack", "reject", "extend", "unreceive"]


class MergedTransaction(Transaction):
    """One transaction for the calls of several callers: a call that is refused changes nothing."""

    _all_or_nothing = False

    @property
    def is_broken(self) -> bool:
        """Whether a statement failed, so that nothing can be stored."""
        return self._poison is not None


class MergeableCall(ABC, Generic[Result]):
    """A call that waits for its commit, and its result or error then.

    Calls with equal keys run as one. `size` is how many messages it has, `waiter` the thread that
    waits for it, and `on_done` is called in the thread that committed it.
    """

    frees_room = False
    key: Hashable
    size = 1

    def __init__(self) -> None:
        self.waiter: Waiter | None = None
        self.on_done: Callable[[MergeableCall[Any]], object] | None = None
        self.deadline = 0.0
        self.is_done = False
        self.runs_alone = False
        self.error: BaseException | None = None
        self._result: Result | None = None

    def take(self, most: object) -> None:
        """Note how many messages it takes at most; a number that is refused merges with none."""
        if isinstance(most, int) and 1 <= most <= MOST_AT_ONCE:
            self.size = most
        else:
            self.key = id(self)

    @abstractmethod
    def together(self, tx: MergedTransaction, calls: Sequence[Self]) -> Sequence[Result]:
        """Run calls with equal keys as one, and return the result of each."""

    def may_merge(self, tx: MergedTransaction, calls: Sequence[Self]) -> bool:
        """Return whether calls with this key come to the same as one."""
        return True

    def begin(self, waiter: Waiter | None) -> None:
        """Begin to wait."""
        self.waiter, self.is_done, self.error = waiter, False, None
        try:
            hash(self.key)
        except TypeError:
            # The call itself refuses what it was given.
            self.key = id(self)

    def wait(self) -> None:
        """Wait until it is done."""
        while not self.is_done and self.waiter is not None:
            self.waiter.wait(60)

    def finish(self) -> None:
        """Say that its commit is over."""
        self.is_done = True
        if self.waiter is not None:
            self.waiter.wake()
        if self.on_done is not None:
            self.on_done(self)

    def result(self) -> Result:
        """Return the result, or raise the error, of a call that is done."""
        if self.error is not None:
            raise self.error
        return self._result  # type: ignore[return-value]

    def resolve(self, result: Result) -> None:
        """Note the result, which counts once the batch is stored."""
        self._result = result


def run(tx: MergedTransaction, calls: Sequence[MergeableCall[Any]]) -> None:
    """Run calls with equal keys as one; without those that are refused, which get the error.

    Raises the error of a broken transaction.
    """
    first = calls[0]
    if len(calls) > 1 and not _may_merge(tx, calls):
        for call in calls:
            run(tx, [call])
        return
    for call in calls:
        call.error = None
    try:
        results = first.together(tx, calls)
    except Exception as error:
        if tx.is_broken:
            raise
        if len(calls) == 1:
            first.error = error
            return
        middle = len(calls) // 2
        run(tx, calls[:middle])
        run(tx, calls[middle:])
    else:
        for call, result in zip(calls, results, strict=True):
            call.resolve(result)


def _may_merge(tx: MergedTransaction, calls: Sequence[MergeableCall[Any]]) -> bool:
    try:
        return calls[0].may_merge(tx, calls)
    except (MqError, TypeError):
        # Each gets the error by itself.
        return False


class SendCall(MergeableCall["list[MessageId]"]):
    """A send to a queue."""

    def __init__(self, queue: str, messages: Iterable[NewMessage | bytes | str]) -> None:
        super().__init__()
        self._queue = queue
        self.messages = given_list(messages, "messages")
        self.key = ("send", queue)
        self.size = len(self.messages)

    def together(self, tx: MergedTransaction, calls: Sequence[Self]) -> Sequence[list[MessageId]]:
        """Send the messages of all calls, in their order."""
        return _dealt(tx.send_many(self._queue, _joined(c.messages for c in calls)), calls)


class ProduceCall(MergeableCall["list[RecordId]"]):
    """An append to a topic."""

    def __init__(self, topic: str, records: Iterable[NewRecord | bytes | str]) -> None:
        super().__init__()
        self._topic = topic
        self.records = given_list(records, "records")
        self.key = ("produce", topic)
        self.size = len(self.records)

    def together(self, tx: MergedTransaction, calls: Sequence[Self]) -> Sequence[list[RecordId]]:
        """Append the records of all calls, in their order."""
        return _dealt(tx.produce_many(self._topic, _joined(c.records for c in calls)), calls)


class PublishCall(MergeableCall["Places"]):
    """A publication through an exchange."""

    def __init__(self, exchange: str, messages: Iterable[NewMessage], mandatory: bool) -> None:
        super().__init__()
        self._exchange, self._mandatory = exchange, mandatory
        self.messages = given_list(messages, "messages")
        self.key = ("publish", exchange, mandatory)
        self.size = len(self.messages)

    def together(
        self, tx: MergedTransaction, calls: Sequence[Self]
    ) -> Sequence[list[list[Placed]]]:
        """Publish the messages of all calls, in their order."""
        messages = _joined(call.messages for call in calls)
        placed = tx.publish_many(self._exchange, messages, mandatory=self._mandatory)
        return _dealt(placed, calls)


class SettleCall(MergeableCall[None]):
    """An ack, a nack, a rejection, an extension or an unreceive."""

    frees_room = True

    def __init__(self, receipts: Sequence[str], settling: Settling, *options: object) -> None:
        super().__init__()
        self.receipts = (
            [receipts] if isinstance(receipts, str) else given_list(receipts, "receipts")
        )
        self._settling, self._options = settling, options
        self.key = (settling, *options)
        self.size = len(self.receipts)

    def may_merge(self, tx: MergedTransaction, calls: Sequence[Self]) -> bool:
        """Return whether no receipt is there twice: the second of two nacks is refused."""
        receipts = _joined(call.receipts for call in calls)
        return self._settling == "ack" or len(set(receipts)) == len(receipts)

    def together(self, tx: MergedTransaction, calls: Sequence[Self]) -> Sequence[None]:
        """Settle the receipts of all calls; each call is refused for its own alone."""
        try:
            getattr(tx, self._settling)(_joined(c.receipts for c in calls), *self._options)
        except MqError as error:
            if not error.failures:
                raise
            for call in calls:
                call.error = _own_refusal(call.receipts, error.failures)
        return [None] * len(calls)


class ReceiveCall(MergeableCall["Received[Message]"]):
    """A receive from a queue, without its wait."""

    frees_room = True

    def __init__(
        self, queue: str, most: int, lease: Seconds | None, holder: str | None, attached: bool,
        prefetch: int | None, auto_ack: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        self._queue, self._most = queue, most
        self._options = (lease, holder, attached, prefetch, auto_ack)
        self._prefetch = prefetch
        self.key = ("receive", queue, *self._options)
        self.take(most)

    def may_merge(self, tx: MergedTransaction, calls: Sequence[Self]) -> bool:
        """Return whether messages that one call leases have no say in those of the next."""
        config = tx.queue_config(self._queue)
        is_plain = not (config.fifo or config.fair or config.single_active or config.chaos)
        most = sum(call.size for call in calls)
        return is_plain and self._prefetch is None and most <= MOST_AT_ONCE

    def together(self, tx: MergedTransaction, calls: Sequence[Self]) -> Sequence[Received[Message]]:
        """Receive for all calls, and deal the messages out: to the first call first."""
        most = self._most if len(calls) == 1 else sum(call.size for call in calls)
        received = tx._receive(self._queue, most, *self._options)
        first, *rest = _dealt(received.messages, calls)
        return [
            received._replace(messages=first),
            *(received._replace(messages=share, damage=None) for share in rest),
        ]

    def receipts(self) -> list[str]:
        """Return the receipts of what it leased."""
        return (
            [m.receipt for m in self.result().messages if m.receipt] if self.error is None else []
        )


class AcquireCall(MergeableCall["Received[SharedRecord]"]):
    """An acquire through a share, without its wait."""

    frees_room = True

    def __init__(
        self, share: str, most: int, lease: Seconds | None, holder: str | None, attached: bool
    ) -> None:
        super().__init__()
        self._arguments = (share, most, lease, holder, attached)
        self.key = ("acquire", *self._arguments)
        self.take(most)

    def may_merge(self, tx: MergedTransaction, calls: Sequence[Self]) -> bool:
        """Return False: a record of one call may hold the next ones up."""
        return False

    def together(
        self, tx: MergedTransaction, calls: Sequence[Self]
    ) -> Sequence[Received[SharedRecord]]:
        """Acquire the records of one call."""
        return [tx._acquire(*self._arguments)]

    def receipts(self) -> list[str]:
        """Return the receipts of what it leased."""
        return (
            [r.receipt for r in self.result().messages if r.receipt] if self.error is None else []
        )


class WorkCall(MergeableCall[Result]):
    """Any other call: a function of the transaction, which shares the commit."""

    def __init__(self, work: Callable[[MergedTransaction], Result]) -> None:
        super().__init__()
        self._work = work
        self.key = id(self)

    def together(self, tx: MergedTransaction, calls: Sequence[Self]) -> Sequence[Result]:
        """Call the function."""
        return [self._work(tx)]


def _joined(parts: Iterable[list[Item]]) -> list[Item]:
    return list(chain.from_iterable(parts))


def _dealt(items: Sequence[Item], calls: Sequence[MergeableCall[Any]]) -> list[list[Item]]:
    rest = iter(items)
    return [list(islice(rest, call.size)) for call in calls]


def _own_refusal(receipts: Sequence[str], failures: dict[str, MqError]) -> MqError | None:
    own = {receipt: failures[receipt] for receipt in receipts if receipt in failures}
    return refusal(receipts, own) if own else None
