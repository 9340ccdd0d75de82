"""Sending messages: checked as SQS does, stored together, answered with their checksums."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Iterable
from typing import Any

from mq.serve.sqs import batches, checksums, message_attributes
from mq.serve.sqs.directory import NamedQueue
from mq.serve.sqs.errors import SqsError, bad_parameter, bad_value, missing, of_store
from mq.serve.sqs.parameters import Parameters
from mq.serve.sqs.service import Caller, SqsService
from store.model.errors import BadInput, BadRecord, Conflict
from store.model.messages import MessageId, NewMessage
from store.model.topics import HeaderValue

Result = dict[str, Any]

TRACE = "AWSTraceHeader"
PROPERTIES = "sqs"
"""The property of a message that holds those of SQS: types of attributes, and a trace."""
_LONGEST_DELAY = 900
# Seconds until a queue that was not empty may be made fair.
_UNTIL_NEXT_TRY = 10.0
# Letters, digits and punctuation, 1 to 128 of them.
_ID = re.compile(r"[!-~]{1,128}")


async def send_message(service: SqsService, caller: Caller, given: Parameters) -> Result:
    """Send one message; it is stored when the answer comes."""
    queue = await service.queues.at(given["QueueUrl"])
    _require_fifo_parameters(queue, given)
    message = _checked(queue, caller, given)
    await _let_groups_take_turns(service, queue, [message])
    ids = await service.store.send_many(queue.name, [message])
    return _answer(queue, given, ids[0])


async def send_message_batch(service: SqsService, caller: Caller, given: Parameters) -> Result:
    """Send up to ten messages in one transaction; a bad one is left out and told."""
    queue = await service.queues.at(given["QueueUrl"])
    entries = given["Entries"]
    batches.check(entries, "SendMessageBatch")
    for entry in entries:
        if queue.config.fifo and entry.get("MessageGroupId") is None:
            # In a batch it has another code than in a single send.
            raise bad_value(missing("MessageGroupId").message)
        _require_fifo_parameters(queue, entry)
    _check_total(entries)
    messages: dict[str, NewMessage] = {}
    failures: batches.Failures = {}
    for entry in entries:
        try:
            messages[entry["Id"]] = _checked(queue, caller, entry)
        except SqsError as error:
            failures[entry["Id"]] = error
    await _let_groups_take_turns(service, queue, messages.values())
    ids = await _send_good(service, queue, messages, failures)
    successful = [
        {"Id": entry["Id"], **_answer(queue, entry, ids[entry["Id"]])}
        for entry in entries
        if entry["Id"] in ids
    ]
    in_order = {entry["Id"]: failures[entry["Id"]] for entry in entries if entry["Id"] in failures}
    return batches.result(successful, in_order)


async def _let_groups_take_turns(
    service: SqsService, queue: NamedQueue, messages: Iterable[NewMessage]
) -> None:
    """Make a standard queue fair at its first message with a group, as queues of SQS are.

    Only an empty one can become fair; others are tried again now and then.
    """
    if queue.config.fifo or queue.config.fair:
        return
    if all(message.message_group is None for message in messages):
        return
    now = asyncio.get_running_loop().time()
    if service.next_try_for_fairness.get(queue.name, now) > now:
        return
    try:
        await service.store.alter_queue(queue.name, fair=True)
    except (BadInput, Conflict):
        service.next_try_for_fairness[queue.name] = now + _UNTIL_NEXT_TRY
    service.queues.forget(queue.name)


async def _send_good(
    service: SqsService,
    queue: NamedQueue,
    messages: dict[str, NewMessage],
    failures: batches.Failures,
) -> dict[str, MessageId]:
    """Send messages without those that the store refuses, which are noted as failures."""
    while messages:
        try:
            sent = await service.store.send_many(queue.name, list(messages.values()))
            return dict(zip(messages, sent, strict=True))
        except BadRecord as error:
            bad = list(messages)[error.index]
            failures[bad] = of_store(error)
            del messages[bad]
        except BadInput as error:
            failures |= dict.fromkeys(messages, of_store(error))
            break
    return {}


def _check_total(entries: list[Parameters]) -> None:
    total = sum(_size(entry) for entry in entries)
    if total > batches.MOST_BYTES:
        raise SqsError(
            "BatchRequestTooLong",
            f"Batch requests cannot be longer than {batches.MOST_BYTES} bytes. "
            f"You have sent {total} bytes.",
        )


def _size(given: Parameters) -> int:
    body = len(given["MessageBody"].encode("utf-8", "surrogatepass"))
    return body + message_attributes.size(given.get("MessageAttributes", {}))


def _require_fifo_parameters(queue: NamedQueue, given: Parameters) -> None:
    """Raise `SqsError` for a message without what a FIFO queue needs: it fails a whole batch."""
    if not queue.config.fifo:
        return
    if given.get("MessageGroupId") is None:
        raise missing("MessageGroupId")
    if not queue.config.content_dedup and given.get("MessageDeduplicationId") is None:
        raise bad_value(
            "The queue should either have ContentBasedDeduplication enabled or "
            "MessageDeduplicationId provided explicitly"
        )


def _checked(queue: NamedQueue, caller: Caller, given: Parameters) -> NewMessage:
    """Return the message to store; raises `SqsError` for one that SQS would refuse."""
    body = given["MessageBody"]
    if not body:
        raise missing("MessageBody")
    if not message_attributes.VALID_TEXT.fullmatch(body):
        raise SqsError("InvalidMessageContents", message_attributes.INVALID_CHARACTERS)
    attributes = given.get("MessageAttributes", {})
    message_attributes.check(attributes)
    if _size(given) > queue.config.max_message:
        raise bad_value(
            "One or more parameters are invalid. Reason: Message must be shorter than "
            f"{queue.config.max_message} bytes."
        )
    _check_system_attributes(given.get("MessageSystemAttributes", {}))
    for name in ("MessageGroupId", "MessageDeduplicationId"):
        check_id(name, given.get(name))
    if not queue.config.fifo and given.get("MessageDeduplicationId") is not None:
        raise bad_parameter(
            "MessageDeduplicationId",
            given["MessageDeduplicationId"],
            "The request includes a parameter that is not valid for this queue type.",
        )
    return NewMessage(
        body,
        headers=message_attributes.as_headers(attributes) or None,
        delay=_delay(queue, given.get("DelaySeconds")),
        message_group=given.get("MessageGroupId"),
        dedup_id=given.get("MessageDeduplicationId"),
        properties=_properties(caller, given) or None,
    )


def _properties(caller: Caller, given: Parameters) -> dict[str, HeaderValue]:
    """Return what SQS keeps with a message beside its attributes."""
    own: dict[str, HeaderValue] = {}
    if types := message_attributes.types_to_keep(given.get("MessageAttributes", {})):
        own["types"] = types
    trace = given.get("MessageSystemAttributes", {}).get(TRACE, {}).get("StringValue")
    if trace := trace or caller.request.headers.get("x-amzn-trace-id"):
        own["trace"] = trace
    properties: dict[str, HeaderValue] = {PROPERTIES: own} if own else {}
    if dedup_id := given.get("MessageDeduplicationId"):
        properties["dedup_id"] = dedup_id
    if caller.user is not None:
        properties["sender"] = caller.user
    return properties


def _check_system_attributes(attributes: message_attributes.Attributes) -> None:
    for name, attribute in attributes.items():
        if name != TRACE:
            raise bad_value(f"Message system attribute name '{name}' is invalid.")
        if attribute.get("DataType") != "String" or not attribute.get("StringValue"):
            raise bad_value(
                f"Message system attribute '{name}' must contain a non-empty value of type "
                "'String'."
            )


def check_id(name: str, text: str | None) -> None:
    """Raise `SqsError` for an id that is no 1 to 128 letters, digits or punctuation marks."""
    if text is not None and not _ID.fullmatch(text):
        raise bad_parameter(
            name,
            text,
            f"{name} can only include alphanumeric and punctuation characters. 1 to 128 in length.",
        )


def _delay(queue: NamedQueue, seconds: int | None) -> int | None:
    if seconds is None:
        return None
    if not 0 <= seconds <= _LONGEST_DELAY:
        raise bad_parameter(
            "DelaySeconds", seconds, f"DelaySeconds must be >= 0 and <= {_LONGEST_DELAY}."
        )
    if not queue.config.fifo:
        return seconds
    if seconds:
        raise bad_parameter(
            "DelaySeconds",
            seconds,
            "The request include parameter that is not valid for this queue type.",
        )
    # A FIFO queue has one delay for all of its messages, and nothing given is that one.
    return None


def _answer(queue: NamedQueue, given: Parameters, id: MessageId) -> Result:
    answer: Result = {
        "MessageId": id.id,
        "MD5OfMessageBody": checksums.of_body(given["MessageBody"].encode()),
    }
    if sum_of_attributes := checksums.of_attributes(given.get("MessageAttributes", {})):
        answer["MD5OfMessageAttributes"] = sum_of_attributes
    if sum_of_system := checksums.of_attributes(given.get("MessageSystemAttributes", {})):
        answer["MD5OfMessageSystemAttributes"] = sum_of_system
    if queue.config.fifo:
        answer["SequenceNumber"] = sequence_number(id.sequence)
    return answer


def sequence_number(sequence: int | None) -> str:
    """Return a sequence number as SQS writes it: twenty digits."""
    return f"{sequence or 0:020d}"


def content_id(body: bytes) -> str:
    """Return the deduplication id of a message that was sent without one."""
    return hashlib.sha256(body).hexdigest()
