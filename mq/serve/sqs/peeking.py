"""A look at messages that takes none: an endpoint beside SQS, in the form that LocalStack has."""

from __future__ import annotations

from typing import Any

from mq.serve.http.messages import HttpRequest
from mq.serve.sqs import json_protocol
from mq.serve.sqs.errors import SqsError, no_queue
from mq.serve.sqs.receiving import ALL_SYSTEM_ATTRIBUTES, as_told
from mq.serve.sqs.service import Caller, SqsService
from store.model.errors import NotFound

PATH = "/_aws/sqs/messages"
OPERATION = "ReceiveMessage"
_MOST = 10_000
_TRUE = {"true", "1"}
_NO_RECEIPT = "SQS/BACKDOOR/ACCESS"


async def look(service: SqsService, caller: Caller, request: HttpRequest) -> dict[str, Any]:
    """Return the messages of a queue, oldest first; no lease, count or time changes.

    Leased and delayed ones only with `ShowInvisible` and `ShowDelayed`.
    """
    fields = _fields(request)
    queue = await service.queues.at(_queue(request, fields))
    show_leased = fields.get("ShowInvisible", "").lower() in _TRUE
    show_delayed = fields.get("ShowDelayed", "").lower() in _TRUE
    try:
        messages = await service.store.messages(queue.name, limit=_MOST)
    except NotFound:
        raise no_queue() from None
    hidden = set()
    if not show_leased:
        hidden |= {"leased", "blocked"}
    if not show_delayed:
        hidden.add("delayed")
    told = []
    for message in messages:
        if message.state in hidden or message.damaged is not None:
            continue
        each = as_told(queue, caller, message, ALL_SYSTEM_ATTRIBUTES, ["All"], 0)
        each["ReceiptHandle"] = _NO_RECEIPT
        if show_leased:
            each["Attributes"]["IsVisible"] = _word(message.state != "leased")
        if show_delayed:
            each["Attributes"]["IsDelayed"] = _word(message.state == "delayed")
        told.append(each)
    return {"Messages": told} if told else {}


def _word(value: bool) -> str:
    return "true" if value else "false"


def _fields(request: HttpRequest) -> dict[str, str]:
    """Return the fields of a request; SDKs that have this for an endpoint only receive."""
    if json_protocol.is_json(request):
        operation, parameters = json_protocol.read(request)
        fields = {name: value for name, value in parameters.items() if isinstance(value, str)}
    else:
        fields = request.form()
        operation = fields.get("Action", OPERATION)
    if operation != OPERATION:
        raise SqsError("InvalidRequest", "This endpoint only accepts ReceiveMessage calls")
    return fields


def _queue(request: HttpRequest, fields: dict[str, str]) -> str:
    """Return the queue that is named by a field, or by the path: region, account and name."""
    rest = request.path.removeprefix(PATH).strip("/")
    name = rest or fields.get("QueueUrl", "")
    if not name:
        raise no_queue()
    return name
