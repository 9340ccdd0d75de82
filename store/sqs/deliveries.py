"""Sending to queues, receiving from them, and settling by receipts, from any process."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from math import ceil
from random import random
from threading import Event
from time import monotonic
from typing import Any, cast

from store.engine.features import Feature, lacking
from store.model.encoding import given_list
from store.model.errors import BadInput, MqError, Throttled, Unreachable
from store.model.messages import Message, MessageId, NewMessage
from store.model.text import counted
from store.model.topics import Headers, Seconds, Timestamp, in_seconds
from store.sqs import limits
from store.sqs.base import FIRST_RETRY, Account, Entry
from store.sqs.errors import NotAnswered, unknown
from store.sqs.messages import (
    BatchEntry,
    QueueType,
    ReceiveFacts,
    batches,
    decoded,
    encoded,
    read_receipt,
)

# A poll can't be ended: seconds after which a reader that may be told to stop asks again.
_ATTENTIVE = 2
_LONGEST_PAUSE = 30.0
_UNTIL = 0.05
_SEND = "send_message_batch"
_ATTEMPTS = 3
_MOST_REMEMBERED = 10_000


class AccountDeliveries(Account):
    """Messages sent, received and settled."""

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
    ) -> MessageId:
        """Send one message; it is stored redundantly when the call returns."""
        message = NewMessage(
            value, key, headers, timestamp, delay, message_group, dedup_id, priority, ttl
        )
        return self.send_many(queue, [message])[0]

    def send_many(
        self, queue: str, messages: Iterable[NewMessage | bytes | str]
    ) -> list[MessageId]:
        """Send messages by batches of ten; an error leaves those of other batches stored.

        Its `failures` are the refused ones, or, as `OutcomeUnknown`, those of a batch that got no
        answer, by their index. Such a batch is sent again on a FIFO queue alone.
        """
        given = [
            one if isinstance(one, NewMessage) else NewMessage(one)
            for one in given_list(messages, "messages")
        ]
        ready = self._encoded(queue, given)
        ids: list[MessageId] = []
        for part in batches(ready):
            try:
                ids += self._send_batch(queue, part, ready)
            except MqError as error:
                raise _with_fate(error, len(ids), part, len(ready)) from error
        return ids

    def receive(
        self,
        queue: str,
        max_messages: int = 1,
        wait: Seconds | None = None,
        lease: Seconds | None = None,
        *,
        holder: str | None = None,
        attached: bool = False,
        prefetch: int | None = None,
        auto_ack: bool = False,
        until: Callable[[], bool] | None = None,
    ) -> list[Message]:
        """Lease up to `max_messages` messages by calls of ten, waiting for the first of them.

        With `attached` each call waits at least a second: a shorter one asks only some of the
        servers of a queue, and its end would not be known. Such a reader outlives a failure.
        """
        if max_messages < 1:
            raise BadInput(f"at least 1 message can be received, not {max_messages}")
        terms: dict[str, Any] = {}
        if lease is not None:
            terms["VisibilityTimeout"] = _lease(lease)
        seconds = None if wait is None else in_seconds(wait)
        if attached and not auto_ack and seconds:
            received = self._patiently(queue, max_messages, seconds, terms, until or _never)
        else:
            least = 1 if attached else 0
            received = self._poll(queue, max_messages, seconds, least, terms, until)
        if auto_ack and received:
            self.ack([message.receipt or "" for message in received])
            received = [
                one._replace(state="acknowledged", receipt=None, lease_expires=None)
                for one in received
            ]
        return received

    def leave(self, queue: str, holder: str | None = None) -> None:
        """Do nothing: a reader of SQS is known to it only while it asks."""

    def require_receipts(self) -> None:
        """Do nothing: a receipt is good in any process."""

    def ack(self, receipts: Sequence[str]) -> None:
        """Delete messages; repeating it is no error, and it may be done by any process.

        On a standard queue a receipt that is not the newest deletes nothing, and is no error.
        """
        self._settle("delete_message_batch", receipts, {})

    def nack(
        self, receipts: Sequence[str], delay: Seconds | None = None, error: str | None = None
    ) -> None:
        """End leases after `delay` seconds, by default at once; the error is not kept."""
        self._settle(
            "change_message_visibility_batch", receipts, {"VisibilityTimeout": _lease(delay or 0)}
        )

    def reject(self, receipts: Sequence[str], error: str | None = None) -> None:
        """Refuse to dead-letter messages before their last delivery."""
        raise lacking(self, Feature.REJECT)

    def extend(self, receipts: Sequence[str], duration: Seconds) -> None:
        """Extend leases to `duration` seconds from now, at most 12 hours after the receive."""
        self._settle(
            "change_message_visibility_batch", receipts, {"VisibilityTimeout": _lease(duration)}
        )

    def unreceive(self, receipts: Sequence[str]) -> None:
        """Give messages back that were not begun; the delivery counts all the same."""
        self.nack(receipts)

    def _type_of(self, queue: str) -> QueueType:
        """Return what a send must know of a queue; a standard one needs no call for it."""
        if not queue.endswith(limits.FIFO_SUFFIX):
            return QueueType(fifo=False, content_dedup=False)
        attributes = self._attributes(queue)
        return QueueType(True, attributes.get("ContentBasedDeduplication") == "true")

    def _encoded(self, queue: str, given: Sequence[NewMessage]) -> list[BatchEntry]:
        if queue not in self._types:
            self._url(queue)
            self._types[queue] = self._type_of(queue)
        return encoded(given, self._types[queue], self.features)

    def _send_batch(self, queue: str, part: range, ready: Sequence[BatchEntry]) -> list[MessageId]:
        """Send up to ten messages; entries that the service failed on are sent again."""
        fifo = self._types[queue].fifo
        stored: dict[int, MessageId] = {}
        left, failures = list(part), dict[int, Entry]()
        for attempt in range(_ATTEMPTS):
            entries = [{"Id": str(index), **ready[index].entry} for index in left]
            answer = self._queue_call(_SEND, queue, repeatable=fifo, Entries=entries)
            stored |= {
                int(entry["Id"]): self._id(queue, entry) for entry in answer.get("Successful") or ()
            }
            failures = {int(entry["Id"]): entry for entry in answer.get("Failed") or ()}
            left = [index for index, entry in failures.items() if not entry.get("SenderFault")]
            if not left or len(left) < len(failures):
                break
            Event().wait(0.1 * 2**attempt)
        if failures:
            raise self._refused(queue, failures, len(stored))
        return [stored[index] for index in part]

    def _refused(self, queue: str, failures: dict[int, Entry], stored: int) -> MqError:
        errors = {index: self._failure(entry, queue, _SEND) for index, entry in failures.items()}
        first = errors[min(errors)]
        number = counted(len(errors), "message")
        refused = type(first)(f"{number} refused: {first.message}", first.hint)
        refused.failures = {str(index): errors[index] for index in sorted(errors)}
        return refused

    def _id(self, queue: str, entry: Entry) -> MessageId:
        """Return the id of a stored message; only this process's own sends tell a duplicate."""
        sequence = entry.get("SequenceNumber")
        if not self._types[queue].fifo:
            return MessageId(queue, entry["MessageId"], None)
        is_duplicate = True if entry["MessageId"] in self._sent else cast("bool", None)
        self._sent[entry["MessageId"]] = None
        if len(self._sent) > _MOST_REMEMBERED:
            self._sent.popitem(last=False)
        return MessageId(
            queue, entry["MessageId"], None if sequence is None else int(sequence), is_duplicate
        )

    def _poll(
        self, queue: str, most: int, wait: float | None, least: int, terms: dict[str, Any],
        until: Callable[[], bool] | None,
    ) -> list[Message]:  # fmt: skip
        """Receive messages, asking again until one came, the wait is over or `until` is true."""
        deadline = monotonic() + (wait or 0.0)
        received: list[Message] = []
        while not received:
            left = None if wait is None else deadline - monotonic()
            seconds = self._seconds(queue, left, least, until)
            received = self._received(queue, most, seconds, terms)
            if wait is None or monotonic() >= deadline or (until is not None and until()):
                break
        # A reader that stays asks again; for another one an answer that is not full is no end.
        while 0 < len(received) < most and not (least and len(received) % limits.MOST_IN_BATCH):
            more = self._received(queue, most - len(received), 0, terms)
            if not more:
                break
            received += more
        return received

    def _seconds(
        self, queue: str, left: float | None, least: int, until: Callable[[], bool] | None
    ) -> int | None:
        """Return how long one call may wait, `None` for as long as the queue says.

        It must be over before it times out here.
        """
        bound = int(self._client.timeout * 0.7)
        if left is None:
            if bound >= limits.LONGEST_POLL:
                return None
            left = int(self._attributes(queue)["ReceiveMessageWaitTimeSeconds"])
        most = limits.LONGEST_POLL if until is None else _ATTENTIVE
        return max(least, min(ceil(max(left, 0.0)), most, bound))

    def _received(
        self, queue: str, most: int, seconds: int | None, terms: dict[str, Any]
    ) -> list[Message]:
        wait = {} if seconds is None else {"WaitTimeSeconds": seconds}
        began = self.wall()
        answer = self._queue_call(
            "receive_message", queue, repeatable=False,
            MaxNumberOfMessages=min(most, limits.MOST_IN_BATCH),
            MessageSystemAttributeNames=["All"], MessageAttributeNames=["All"], **wait, **terms,
        )  # fmt: skip
        lease = terms.get("VisibilityTimeout", self._leases.get(queue))
        # By the begin of the call, so that it is never too late.
        expires = None if lease is None else began + 1000 * int(lease)
        facts = ReceiveFacts(queue, expires, self._name_of)
        return [decoded(facts, one) for one in answer.get("Messages") or ()]

    def _patiently(
        self, queue: str, most: int, seconds: float, terms: dict[str, Any],
        ends: Callable[[], bool],
    ) -> list[Message]:  # fmt: skip
        """Receive for a reader that stays: it asks again, later and later, after a failure."""
        try:
            received = self._poll(queue, most, seconds, 1, terms, ends)
        except (Unreachable, NotAnswered, Throttled) as error:
            if self._retry_pause == FIRST_RETRY:
                self._tell(f"{error.message}; trying again")
            self._rest(self._retry_pause * (0.5 + random() / 2), ends)
            self._retry_pause = min(self._retry_pause * 2, _LONGEST_PAUSE)
            return []
        if self._retry_pause != FIRST_RETRY:
            self._tell(f"{self._place.name} answers again")
            self._retry_pause = FIRST_RETRY
        return received

    def _rest(self, seconds: float, ends: Callable[[], bool]) -> None:
        deadline = monotonic() + seconds
        while (left := deadline - monotonic()) > 0 and not ends():
            Event().wait(min(left, _UNTIL))

    def _settle(self, operation: str, receipts: Sequence[str], change: dict[str, Any]) -> None:
        """Settle messages of one or several queues; raises the first failure, and has all."""
        by_queue: dict[str, list[str]] = {}
        for receipt in receipts:
            by_queue.setdefault(read_receipt(receipt)[0], []).append(receipt)
        failures: dict[str, MqError] = {}
        for queue, ours in by_queue.items():
            entries = [
                {"Id": str(number), "ReceiptHandle": read_receipt(receipt)[1], **change}
                for number, receipt in enumerate(ours)
            ]
            failed = self._entries(operation, queue, entries)
            failures |= {ours[int(number)]: error for number, error in failed.items()}
        if failures:
            error = next(iter(failures.values()))
            error.failures = failures
            raise error


def _with_fate(error: MqError, before: int, part: range, total: int) -> MqError:
    """Return the error of a batch, with what is stored, and, where it is open, which may be."""
    if isinstance(error, NotAnswered):
        error = unknown(error, f"{counted(len(part), 'message')} may be stored or not")
        error.failures = {str(index): error for index in part}
    if total == 1:
        return error
    stored = before + (len(part) - len(error.failures) if error.failures else 0)
    unsent = total - part.stop
    told = f"; {stored:,} of {total:,} are stored" + (f", {unsent:,} not sent" if unsent else "")
    error.args = (error.message + told,)
    return error


def _lease(seconds: Seconds) -> int:
    return limits.check_seconds("lease", in_seconds(seconds, "lease"), limits.LONGEST_LEASE)


def _never() -> bool:
    return False
