"""Settling messages by receipt handles: delete them, or change how long they stay hidden."""

from __future__ import annotations

from typing import Any

from mq.serve.sqs import batches, receipt_handles
from mq.serve.sqs.directory import NamedQueue
from mq.serve.sqs.errors import SqsError, bad_parameter, bad_receipt, bad_value, of_store
from mq.serve.sqs.parameters import Parameters
from mq.serve.sqs.receipt_handles import LIFE, ReceiptHandle
from mq.serve.sqs.receiving import check_lease
from mq.serve.sqs.service import Caller, SqsService
from store.model.errors import BadInput, LeaseLost, MqError

Result = dict[str, Any]

_EXPIRED = "The receipt handle has expired."
_GONE = "Message does not exist or is not available for visibility timeout change."


async def delete_message(service: SqsService, caller: Caller, given: Parameters) -> None:
    """Delete a message. An older receipt of it deletes nothing, and is no error, as in SQS."""
    queue = await service.queues.at(given["QueueUrl"])
    failures = await _delete(service, queue, {"": given["ReceiptHandle"]})
    for error in failures.values():
        raise error


async def delete_message_batch(service: SqsService, caller: Caller, given: Parameters) -> Result:
    """Delete up to ten messages, each with its own result."""
    queue = await service.queues.at(given["QueueUrl"])
    entries = given["Entries"]
    batches.check(entries, "DeleteMessageBatch")
    handles = {entry["Id"]: entry["ReceiptHandle"] for entry in entries}
    failures = await _delete(service, queue, handles)
    return batches.result([{"Id": id} for id in handles if id not in failures], failures)


async def _delete(
    service: SqsService, queue: NamedQueue, handles: dict[str, str]
) -> batches.Failures:
    """Delete messages by handles, which have ids; return the errors by id."""
    now = service.store.clock.wall()
    receipts: dict[str, str] = {}
    failures: batches.Failures = {}
    for id, handle in handles.items():
        try:
            parts = receipt_handles.read(handle, queue.name)
            if parts.received + LIFE < now:
                raise bad_parameter("ReceiptHandle", handle, _EXPIRED)
            receipts[id] = parts.receipt
        except SqsError as error:
            failures[id] = error
    service.attempts.forget(receipts.values())
    refused = await _settled(service.store.ack, list(receipts.values()))
    for id, receipt in receipts.items():
        problem = refused.get(receipt)
        if isinstance(problem, BadInput):
            failures[id] = bad_receipt(handles[id])
        elif isinstance(problem, LeaseLost):
            if queue.config.fifo:
                failures[id] = bad_parameter("ReceiptHandle", handles[id], _EXPIRED)
            else:
                service.figures.stale_deletes += 1
        elif problem is not None:
            failures[id] = of_store(problem)
    return {id: failures[id] for id in handles if id in failures}


async def change_message_visibility(service: SqsService, caller: Caller, given: Parameters) -> None:
    """Let a message stay hidden for so long from now on; 0 gives it back at once."""
    queue = await service.queues.at(given["QueueUrl"])
    failures = await _change(service, queue, [{"Id": "", **given}])
    for error in failures.values():
        raise error


async def change_message_visibility_batch(
    service: SqsService, caller: Caller, given: Parameters
) -> Result:
    """Change up to ten visibility timeouts, each with its own result."""
    queue = await service.queues.at(given["QueueUrl"])
    entries = given["Entries"]
    batches.check(entries, "ChangeMessageVisibilityBatch")
    failures = await _change(service, queue, entries)
    successful = [{"Id": entry["Id"]} for entry in entries if entry["Id"] not in failures]
    return batches.result(successful, failures)


async def _change(
    service: SqsService, queue: NamedQueue, entries: list[Parameters]
) -> batches.Failures:
    now = service.store.clock.wall()
    failures: batches.Failures = {}
    by_duration: dict[int, dict[str, str]] = {}
    for entry in entries:
        try:
            seconds = _duration(entry)
            handle = receipt_handles.read(entry["ReceiptHandle"], queue.name)
            _check_life(handle, entry["ReceiptHandle"], seconds, now)
            by_duration.setdefault(seconds, {})[entry["Id"]] = handle.receipt
        except SqsError as error:
            failures[entry["Id"]] = error
    handles = {entry["Id"]: entry["ReceiptHandle"] for entry in entries}
    for seconds, receipts in by_duration.items():
        service.attempts.forget(receipts.values())
        refused = await _settled(service.store.extend, list(receipts.values()), seconds)
        for id, receipt in receipts.items():
            problem = refused.get(receipt)
            if isinstance(problem, BadInput):
                failures[id] = bad_receipt(handles[id])
            elif isinstance(problem, LeaseLost):
                failures[id] = bad_parameter("ReceiptHandle", handles[id], _GONE)
            elif problem is not None:
                failures[id] = of_store(problem)
    return {id: failures[id] for id in handles if id in failures}


def _duration(entry: Parameters) -> int:
    seconds: int | None = entry.get("VisibilityTimeout")
    if seconds is None:
        raise bad_value("The request must contain the parameter VisibilityTimeout.")
    check_lease(seconds)
    return seconds


def _check_life(handle: ReceiptHandle, text: str, seconds: int, now: int) -> None:
    if handle.received + LIFE < now:
        raise bad_parameter("ReceiptHandle", text, _EXPIRED)
    if now - handle.received + seconds * 1000 > LIFE and seconds < LIFE // 1000:
        raise bad_parameter(
            "VisibilityTimeout",
            seconds,
            "Total VisibilityTimeout for the message is beyond the limit [43200 seconds].",
        )


async def _settled(settle: Any, receipts: list[str], *options: object) -> dict[str, MqError]:
    """Settle receipts; return the errors of those that were refused."""
    if not receipts:
        return {}
    try:
        await settle(receipts, *options)
    except MqError as error:
        if not error.failures:
            raise
        return error.failures
    return {}
