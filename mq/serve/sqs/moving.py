"""Message move tasks: dead letters go back in steps, at a rate, until a task is cancelled."""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
from typing import TYPE_CHECKING, Any
from uuid import UUID

from mq.serve.sqs.errors import SqsError, bad_parameter, bad_value, no_resource
from mq.serve.sqs.names import name_in_arn
from mq.serve.sqs.parameters import Parameters
from mq.serve.sqs.service import Caller, SqsService
from store.model.errors import Conflict, NotFound

if TYPE_CHECKING:
    from store.model.dead_letters import MoveTask

Result = dict[str, Any]

_FASTEST = 500
_MOST_RESULTS = 10


async def start_message_move_task(service: SqsService, caller: Caller, given: Parameters) -> Result:
    """Begin to move the dead letters of a queue to their sources, or to one destination."""
    source = await _queue(service, given["SourceArn"], "SourceArn")
    rate = given.get("MaxNumberOfMessagesPerSecond")
    if rate is not None and not 1 <= rate <= _FASTEST:
        reason = f"Must be between 1 and {_FASTEST}, if provided."
        raise bad_parameter("MaxNumberOfMessagesPerSecond", rate, reason)
    if not any(each.config.dlq == source for each in await service.store.queues()):
        raise bad_value("Source queue must be configured as a Dead Letter Queue.")
    to = given.get("DestinationArn")
    if to is not None:
        to = await _queue(service, to, "DestinationArn")
    try:
        task = await service.store.start_move(source, to, rate=rate)
    except Conflict:
        raise bad_value(
            "There is already a task running. Only one active task is allowed for a source queue "
            "arn at a given time."
        ) from None
    service.run_in_background(carry_on(service, task))
    return {"TaskHandle": _handle(task, given["SourceArn"])}


async def _queue(service: SqsService, arn: str, parameter: str) -> str:
    queue = await service.queues.find(name_in_arn(arn, parameter))
    if queue is None:
        raise no_resource(parameter)
    return queue.name


async def carry_on(service: SqsService, task: MoveTask) -> None:
    """Move what is left of a task, step by step, until it ends."""
    while task.state == "running":
        task = await service.store.continue_move(task.id)
        if task.pause:
            await asyncio.sleep(task.pause)


async def list_message_move_tasks(service: SqsService, caller: Caller, given: Parameters) -> Result:
    """List the tasks of a source queue, newest first; the last one alone without a number."""
    source = await _queue(service, given["SourceArn"], "SourceArn")
    most = given.get("MaxResults", 1)
    if not 1 <= most <= _MOST_RESULTS:
        reason = f"Must be between 1 and {_MOST_RESULTS}, if provided."
        raise bad_parameter("MaxResults", most, reason)
    tasks = await service.store.move_tasks(source, most)
    return {"Results": [_told(task, given["SourceArn"], caller) for task in tasks]}


def _told(task: MoveTask, source: str, caller: Caller) -> Result:
    told: Result = {
        "Status": task.state.upper(),
        "SourceArn": source,
        "ApproximateNumberOfMessagesMoved": task.moved,
        "ApproximateNumberOfMessagesToMove": task.wanted,
        "StartedTimestamp": task.started,
    }
    if task.state == "running":
        told["TaskHandle"] = _handle(task, source)
    if task.to is not None:
        told["DestinationArn"] = caller.arn(task.to)
    if task.rate is not None:
        told["MaxNumberOfMessagesPerSecond"] = int(task.rate)
    if task.error is not None:
        told["FailureReason"] = task.error
    return told


async def cancel_message_move_task(
    service: SqsService, caller: Caller, given: Parameters
) -> Result:
    """End a task; what it has moved stays where it is."""
    id, source = _read_handle(given["TaskHandle"])
    await _queue(service, source, "SourceArn")
    if id >= 1 << 63:
        raise _no_task()
    try:
        task = await service.store.cancel_move(id)
    except NotFound:
        raise _no_task() from None
    except Conflict:
        raise bad_value("Only active tasks can be cancelled.") from None
    return {"ApproximateNumberOfMessagesMoved": task.moved}


def _no_task() -> SqsError:
    return SqsError("ResourceNotFoundException", "Task does not exist.", 404)


def _handle(task: MoveTask, source: str) -> str:
    """Return a task's handle: base64 of a JSON object."""
    document = {"taskId": str(UUID(int=task.id)), "sourceArn": source}
    return base64.b64encode(json.dumps(document, separators=(",", ":")).encode()).decode()


def _read_handle(handle: str) -> tuple[int, str]:
    try:
        document = json.loads(base64.b64decode(handle, validate=True))
        id = UUID(document["taskId"]).int
        source = str(document["sourceArn"])
    except (binascii.Error, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise bad_value("Value for parameter TaskHandle is invalid.") from None
    return id, source
