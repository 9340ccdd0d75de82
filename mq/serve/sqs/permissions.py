"""Permissions and tags of queues: kept and told back; permissions have no effect."""

from __future__ import annotations

import json
import re
from typing import Any

from mq.serve.sqs import labels
from mq.serve.sqs.directory import NamedQueue
from mq.serve.sqs.errors import SqsError, bad_parameter, bad_value, missing
from mq.serve.sqs.operations import OPERATIONS
from mq.serve.sqs.parameters import Parameters
from mq.serve.sqs.service import Caller, SqsService

Result = dict[str, Any]

_POLICY = "Policy"
_MOST_ACTIONS = 7
_OF_OWNER = {
    "AddPermission",
    "CreateQueue",
    "DeleteQueue",
    "ListQueues",
    "RemovePermission",
    "SetQueueAttributes",
    "TagQueue",
    "UntagQueue",
}
_LABEL = re.compile(r"[A-Za-z0-9_-]{1,80}")


async def add_permission(service: SqsService, caller: Caller, given: Parameters) -> None:
    """Add a statement to the policy of a queue."""
    queue = await service.queues.at(given["QueueUrl"])
    label, actions, accounts = given["Label"], given["Actions"], given["AWSAccountIds"]
    _check(label, actions, accounts)
    policy = _policy(queue, caller)
    if any(each.get("Sid") == label for each in policy["Statement"]):
        raise bad_parameter("Label", label, "Already exists.")
    principals = [f"arn:aws:iam::{account}:root" for account in accounts]
    allowed = [f"SQS:{action}" for action in actions]
    policy["Statement"].append(
        {
            "Sid": label,
            "Effect": "Allow",
            "Principal": {"AWS": principals if len(principals) > 1 else principals[0]},
            "Action": allowed if len(allowed) > 1 else allowed[0],
            "Resource": caller.arn(queue.name),
        }
    )
    await _keep(service, queue, json.dumps(policy))


def _check(label: str, actions: list[str], accounts: list[str]) -> None:
    if not actions:
        raise missing("Actions")
    if not accounts:
        raise bad_parameter("PrincipalId", "[]", "Unable to verify.")
    if not _LABEL.fullmatch(label):
        raise bad_parameter("Label", label, "It has 1 to 80 letters, digits, hyphens, underscores.")
    if len(actions) > _MOST_ACTIONS:
        message = f"{len(actions)} Actions were found, maximum allowed is {_MOST_ACTIONS}."
        raise SqsError("OverLimit", message, 403)
    for action in actions:
        if action in _OF_OWNER:
            reason = "Only the queue owner is allowed to invoke this action."
        elif action != "*" and action not in OPERATIONS:
            reason = "Please refer to the appropriate WSDL for a list of valid actions. "
        else:
            continue
        raise bad_parameter("ActionName", f"SQS:{action}", reason)


async def remove_permission(service: SqsService, caller: Caller, given: Parameters) -> None:
    """Remove a statement from the policy of a queue."""
    queue = await service.queues.at(given["QueueUrl"])
    label = given["Label"]
    policy = _policy(queue, caller)
    rest = [each for each in policy["Statement"] if each.get("Sid") != label]
    if len(rest) == len(policy["Statement"]):
        raise bad_parameter("Label", label, "can't find label.")
    policy["Statement"] = rest
    await _keep(service, queue, json.dumps(policy) if rest else "")


def _policy(queue: NamedQueue, caller: Caller) -> dict[str, Any]:
    text = labels.attributes(queue.config.labels).get(_POLICY)
    policy: dict[str, Any] = json.loads(text) if text else {}
    policy.setdefault("Version", "2008-10-17")
    policy.setdefault("Id", f"{caller.arn(queue.name)}/SQSDefaultPolicy")
    statements = policy.get("Statement", [])
    policy["Statement"] = statements if isinstance(statements, list) else [statements]
    return policy


async def _keep(service: SqsService, queue: NamedQueue, policy: str) -> None:
    seconds = service.store.clock.wall() // 1000
    changed = labels.with_attributes(queue.config.labels, {_POLICY: policy}, seconds)
    await service.store.alter_queue(queue.name, labels=changed)
    service.queues.forget(queue.name)


async def tag_queue(service: SqsService, caller: Caller, given: Parameters) -> None:
    """Add tags to a queue, or replace their values."""
    queue = await service.queues.at(given["QueueUrl"])
    tagged = labels.with_tags(queue.name, queue.config.labels, given["Tags"])
    await service.store.alter_queue(queue.name, labels=tagged)
    service.queues.forget(queue.name)


async def untag_queue(service: SqsService, caller: Caller, given: Parameters) -> None:
    """Remove tags from a queue; those that it has not are no error."""
    queue = await service.queues.at(given["QueueUrl"])
    if not given["TagKeys"]:
        raise bad_value("Tag keys must be between 1 and 128 characters in length.")
    rest = labels.without_tags(queue.config.labels, given["TagKeys"])
    await service.store.alter_queue(queue.name, labels=rest)
    service.queues.forget(queue.name)


async def list_queue_tags(service: SqsService, caller: Caller, given: Parameters) -> Result:
    """Return the tags of a queue."""
    queue = await service.queues.at(given["QueueUrl"])
    tags = labels.tags(queue.config.labels)
    return {"Tags": tags} if tags else {}
