"""AWS JSON 1.0: a target in a header, and documents as bodies."""

from __future__ import annotations

import base64
import json
from typing import Any

from mq.serve.http.messages import HttpRequest, HttpResponse
from mq.serve.sqs.errors import SqsError
from mq.serve.sqs.operations import OPERATIONS
from mq.serve.sqs.parameters import Parameters, bad_document, check_types, require_members

CONTENT_TYPE = "application/x-amz-json-1.0"
TARGET = "x-amz-target"
_PREFIX = "AmazonSQS."


def is_json(request: HttpRequest) -> bool:
    """Return whether a request speaks this protocol."""
    return TARGET in request.headers or request.media_type == CONTENT_TYPE


def read(request: HttpRequest) -> tuple[str, Parameters]:
    """Return the operation of a request and its parameters; raises `SqsError`."""
    target = request.headers.get(TARGET, "")
    operation = target.removeprefix(_PREFIX)
    shape = OPERATIONS.get(operation) if target.startswith(_PREFIX) else None
    if shape is None:
        raise SqsError("UnknownOperationException", f"The operation {target} is not known.")
    try:
        document = json.loads(request.body or b"{}", parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise bad_document("the body is not valid JSON") from None
    parameters: Parameters = check_types(shape, document)
    require_members(shape, parameters)
    return operation, parameters


def answer(result: dict[str, Any] | None, request_id: str) -> HttpResponse:
    """Return the answer with a result; nothing to say is an empty body."""
    body = b"" if result is None else _encode(result)
    return HttpResponse(200, body, CONTENT_TYPE, (("x-amzn-RequestId", request_id),))


def refusal(error: SqsError, request_id: str) -> HttpResponse:
    """Return the answer with an error: its type in the body, its code in a header."""
    document = {"__type": f"com.amazonaws.sqs#{error.type}", "message": error.message}
    fault = "Sender" if error.is_of_sender else "Receiver"
    headers = (
        ("x-amzn-RequestId", request_id),
        ("x-amzn-query-error", f"{error.code};{fault}"),
    )
    return HttpResponse(error.status, _encode(document), CONTENT_TYPE, headers)


def _encode(document: dict[str, Any]) -> bytes:
    return json.dumps(document, separators=(",", ":"), default=_as_base64).encode()


def _as_base64(value: bytes) -> str:
    return base64.b64encode(value).decode()


def _refuse_constant(name: str) -> Any:
    raise ValueError(name)
