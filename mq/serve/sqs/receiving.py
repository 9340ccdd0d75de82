"""Receiving messages: a wait that a send ends, and the messages as clients of SQS see them."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mq.serve.sqs import checksums, message_attributes, queue_attributes, receipt_handles
from mq.serve.sqs.attempts import ReceiveAttempt
from mq.serve.sqs.directory import NamedQueue
from mq.serve.sqs.errors import bad_parameter
from mq.serve.sqs.parameters import Parameters
from mq.serve.sqs.sending import PROPERTIES, TRACE, check_id, content_id, sequence_number
from mq.serve.sqs.service import Caller, SqsService
from store.model.errors import MqError

if TYPE_CHECKING:
    from store.model.messages import Message

Result = dict[str, Any]

SENDER = "000000000000"
_MOST_MESSAGES = 10
_LONGEST_WAIT = 20
_LONGEST_LEASE = 43_200
ALL_SYSTEM_ATTRIBUTES = {
    "All",
    "ApproximateFirstReceiveTimestamp",
    "ApproximateReceiveCount",
    "AWSTraceHeader",
    "DeadLetterQueueSourceArn",
    "MessageDeduplicationId",
    "MessageGroupId",
    "SenderId",
    "SentTimestamp",
    "SequenceNumber",
}


async def receive_message(service: SqsService, caller: Caller, given: Parameters) -> Result:
    """Receive up to ten messages, waiting for the first; what a lost client got is given back."""
    queue = await service.queues.at(given["QueueUrl"])
    most = given.get("MaxNumberOfMessages", 1)
    if not 1 <= most <= _MOST_MESSAGES:
        reason = "Must be between 1 and 10, if provided."
        raise bad_parameter("MaxNumberOfMessages", most, reason)
    wait = given.get("WaitTimeSeconds", queue.config.wait / 1000)
    if not 0 <= wait <= _LONGEST_WAIT:
        reason = "Must be >= 0 and <= 20, if provided."
        raise bad_parameter("WaitTimeSeconds", wait, reason)
    lease = given.get("VisibilityTimeout")
    check_lease(lease)
    asked = _asked(given)
    id = given.get("ReceiveRequestAttemptId")
    _check_attempt_id(queue, id)
    attempt = None if id is None else await _repeated(service, queue, id, lease)
    if attempt is None:
        messages = await service.receive(queue.name, most, wait, lease, caller.holder)
        # No await from here on: a client that is lost meanwhile would leave its messages leased.
        attempt = ReceiveAttempt(service.store.clock.wall(), messages)
        if id is not None and messages:
            service.attempts.note(queue.name, id, attempt)
    names = given.get("MessageAttributeNames", [])
    told = [
        as_told(queue, caller, message, asked, names, attempt.received)
        for message in attempt.messages
    ]
    return {"Messages": told} if told else {}


def _check_attempt_id(queue: NamedQueue, id: str | None) -> None:
    if id is not None and not queue.config.fifo:
        raise bad_parameter(
            "ReceiveRequestAttemptId",
            id,
            "The request include parameter that is not valid for this queue type.",
        )
    check_id("ReceiveRequestAttemptId", id)


async def _repeated(
    service: SqsService, queue: NamedQueue, id: str, lease: int | None
) -> ReceiveAttempt | None:
    """Return the receive that an id repeats, its leases begun anew; `None` where it is the first.

    It is a plain receive too if another reader has one of the messages by now.
    """
    attempt = service.attempts.find(queue.name, id, service.store.clock.wall())
    if attempt is None:
        return None
    receipts = [str(message.receipt) for message in attempt.messages]
    try:
        await service.store.extend(receipts, queue.config.lease / 1000 if lease is None else lease)
    except MqError:
        service.attempts.forget(receipts)
        return None
    return attempt


def check_lease(seconds: int | None) -> None:
    """Raise `SqsError` for a visibility timeout beyond twelve hours."""
    if seconds is not None and not 0 <= seconds <= _LONGEST_LEASE:
        raise bad_parameter(
            "VisibilityTimeout",
            seconds,
            "VisibilityTimeout must be an integer between 0 and 43200.",
        )


def _asked(given: Parameters) -> set[str]:
    """Return the names of the system attributes that the client asks for."""
    names = {*given.get("AttributeNames", []), *given.get("MessageSystemAttributeNames", [])}
    queue_attributes.check_asked(names - ALL_SYSTEM_ATTRIBUTES)
    return ALL_SYSTEM_ATTRIBUTES if "All" in names else names


def as_told(
    queue: NamedQueue,
    caller: Caller,
    message: Message,
    asked: set[str],
    names: list[str],
    received: int,
) -> Result:
    """Return a message as SQS tells it, with the attributes asked for."""
    value = message.value or b""
    told: Result = {"MessageId": message.id}
    if message.receipt is not None:
        told["ReceiptHandle"] = receipt_handles.write(message.receipt, queue.name, received)
    body = _as_text(value)
    told |= {"MD5OfBody": checksums.of_body(body.encode()), "Body": body}
    if asked:
        system = _system_attributes(queue, caller, message, received)
        told["Attributes"] = {name: text for name, text in system.items() if name in asked}
    if names:
        own = message_attributes.from_headers(message.headers, _own(message).get("types", {}))
        attributes = message_attributes.chosen(own, names)
        if attributes:
            told["MD5OfMessageAttributes"] = checksums.of_attributes(attributes)
            told["MessageAttributes"] = attributes
    return told


def _as_text(value: bytes) -> str:
    """Return a body; bytes that are no text, which no client of SQS sends, as base64."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return base64.b64encode(value).decode()


def _own(message: Message) -> Mapping[str, Any]:
    """Return the properties that SQS keeps with a message."""
    own = message.properties.get(PROPERTIES)
    return own if isinstance(own, Mapping) else {}


def _system_attributes(
    queue: NamedQueue, caller: Caller, message: Message, received: int
) -> dict[str, str]:
    attributes = {
        "SenderId": str(message.properties.get("sender", SENDER)),
        "SentTimestamp": str(message.timestamp),
        "ApproximateReceiveCount": str(message.deliveries),
    }
    first = message.first_received or received
    if first:
        attributes["ApproximateFirstReceiveTimestamp"] = str(first)
    if message.message_group is not None:
        attributes["MessageGroupId"] = message.message_group
    if queue.config.fifo:
        attributes["SequenceNumber"] = sequence_number(message.sequence)
        given = message.properties.get("dedup_id")
        attributes["MessageDeduplicationId"] = str(given or content_id(message.value or b""))
    if trace := _own(message).get("trace"):
        attributes[TRACE] = str(trace)
    if message.dead is not None:
        attributes["DeadLetterQueueSourceArn"] = caller.arn(
            message.dead.source.partition("@")[0].partition("/")[0]
        )
    return attributes
