"""The query protocol of older SDKs and scripts: fields of a form or a URL, and XML answers."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable
from typing import Any
from xml.sax.saxutils import escape

from mq.serve.http.messages import JSON, HttpRequest, HttpResponse
from mq.serve.sqs.errors import SqsError, bad_parameter
from mq.serve.sqs.operations import OPERATIONS, ListOf, MapOf, Shape, Structure
from mq.serve.sqs.parameters import Parameters, require_members

NAMESPACE = "http://queue.amazonaws.com/doc/2012-11-05/"
_DECLARATION = "<?xml version='1.0' encoding='utf-8'?>\n"
# A member of a list or map has a name of its own in this protocol.
_MEMBERS = {
    "AWSAccountIds": "AWSAccountId",
    "Actions": "ActionName",
    "AttributeNames": "AttributeName",
    "Attributes": "Attribute",
    "BinaryListValues": "BinaryListValue",
    "Failed": "BatchResultErrorEntry",
    "MessageAttributeNames": "MessageAttributeName",
    "MessageAttributes": "MessageAttribute",
    "MessageSystemAttributeNames": "MessageSystemAttributeName",
    "MessageSystemAttributes": "MessageSystemAttribute",
    "Messages": "Message",
    "QueueUrls": "QueueUrl",
    "Results": "ListMessageMoveTasksResultEntry",
    "StringListValues": "StringListValue",
    "TagKeys": "TagKey",
    "Tags": "Tag",
    "queueUrls": "QueueUrl",
    "tags": "Tag",
}
_MAPS = {"Attributes", "MessageAttributes", "Tags"}
_BEYOND_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# An XML reader would take a bare carriage return for a line feed.
_ENTITIES = {"\r": "&#13;", '"': "&quot;"}


def read(request: HttpRequest) -> tuple[str, Parameters]:
    """Return the operation of a request and its parameters; raises `SqsError`.

    A request to the path of a queue is about that queue, unless it names another one.
    """
    try:
        fields = request.form()
    except ValueError:
        raise SqsError("MalformedQueryString", "The query string has too many fields.") from None
    action = fields.get("Action", "")
    if not action:
        raise SqsError("UnknownOperationException", "", 404)
    shape = OPERATIONS.get(action)
    is_of_queue = request.path.strip("/").count("/") > 0
    # Operations on the account have no place at the address of a queue.
    if shape is None or (is_of_queue and action in {"CreateQueue", "ListQueues"}):
        message = f"The action {action} is not valid for this endpoint."
        raise SqsError("InvalidAction", message)
    if is_of_queue and "QueueUrl" in shape.members:
        fields.setdefault("QueueUrl", request.path)
    parameters = _structure(action, shape, _tree(fields))
    require_members(shape, parameters)
    return action, parameters


def _tree(fields: dict[str, str]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for name, text in fields.items():
        *path, last = name.split(".", 6)
        branch = tree
        for part in path:
            deeper = branch.get(part)
            if not isinstance(deeper, dict):
                deeper = branch[part] = {}
            branch = deeper
        branch.setdefault(last, text)
    return tree


def _structure(operation: str, shape: Structure, tree: dict[str, Any]) -> Parameters:
    given: Parameters = {}
    for name, member in shape.members.items():
        wire = f"{operation}RequestEntry" if name == "Entries" else _MEMBERS.get(name, name)
        branch = tree.get(wire)
        if branch is not None:
            given[name] = _value(operation, name, member, branch)
    return given


def _value(operation: str, name: str, shape: Shape, branch: Any) -> Any:
    if isinstance(shape, ListOf):
        members = [branch] if isinstance(branch, str) else _in_order(branch)
        return [_value(operation, name, shape.member, member) for member in members]
    if isinstance(shape, MapOf):
        branch = branch if isinstance(branch, dict) else {}
        # With a single one the number may be left out.
        pairs = [branch] if {"Name", "Key"} & set(branch) else _in_order(branch)
        entries = [pair for pair in pairs if isinstance(pair, dict)]
        return {
            str(pair.get("Name", pair.get("Key", ""))): _value(
                operation, name, shape.value, pair.get("Value", "")
            )
            for pair in entries
        }
    if isinstance(shape, Structure):
        return _structure(operation, shape, branch if isinstance(branch, dict) else {})
    text = branch if isinstance(branch, str) else ""
    if shape == "integer":
        try:
            return int(text)
        except ValueError:
            raise bad_parameter(name, text, "Must be an integer.") from None
    if shape == "blob":
        try:
            return base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            raise bad_parameter(name, text[:60], "Must be base64.") from None
    return text


def _in_order(branch: dict[str, Any]) -> list[Any]:
    return [branch[number] for number in sorted(branch, key=_as_number)]


def _as_number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


def answer(
    operation: str,
    result: dict[str, Any] | None,
    request_id: str,
    *,
    as_json: bool = False,
    wrapped: bool = False,
) -> HttpResponse:
    """Return the answer with a result, as XML or, where the client asks for it, as JSON.

    JSON has the members of the XML if it is `wrapped`, otherwise lists, as Amazon writes them.
    """
    if as_json:
        document: dict[str, Any] = {}
        if result is not None:
            members = _as_in_xml(operation, result) if wrapped else _with_lists(operation, result)
            document[f"{operation}Result"] = members or None
        document["ResponseMetadata"] = {"RequestId": request_id}
        return _json(200, {f"{operation}Response": document}, request_id)
    inner = ""
    if result is not None:
        content = "".join(_elements(operation, result.items()))
        # An empty result is one tag, as Amazon writes it: scripts search the text for it.
        name = f"{operation}Result"
        inner = f"<{name}>{content}</{name}>" if content else f"<{name}/>"
    text = (
        f'<{operation}Response xmlns="{NAMESPACE}">{inner}<ResponseMetadata><RequestId>{request_id}'
        f"</RequestId></ResponseMetadata></{operation}Response>"
    )
    return _xml(200, text, request_id)


def refusal(
    error: SqsError, request_id: str, *, as_json: bool = False, wrapped: bool = False
) -> HttpResponse:
    """Return the answer with an error; `wrapped` has the root of the XML in JSON too."""
    if error.type == "UnknownOperationException":
        return _xml(error.status, "<UnknownOperationException/>", request_id)
    message = error.message
    if error.type == "QueueDoesNotExist":
        message = message.removesuffix(".") + " for this wsdl version."
    fault = "Sender" if error.is_of_sender else "Receiver"
    if as_json:
        detail = {"Type": fault, "Code": error.code, "Message": message, "Detail": None}
        document: dict[str, Any] = {"Error": detail, "RequestId": request_id}
        if wrapped:
            document = {"ErrorResponse": document}
        return _json(error.status, document, request_id)
    text = (
        f'<ErrorResponse xmlns="{NAMESPACE}"><Error><Type>{fault}</Type><Code>{error.code}</Code>'
        f"<Message>{_text(message)}</Message><Detail/></Error><RequestId>{request_id}</RequestId>"
        "</ErrorResponse>"
    )
    return _xml(error.status, text, request_id)


def wants_json(request: HttpRequest) -> bool:
    """Return whether the client asks for JSON instead of XML."""
    return JSON in request.headers.get("accept", "")


def _xml(status: int, text: str, request_id: str) -> HttpResponse:
    headers = (("x-amzn-RequestId", request_id),)
    return HttpResponse(status, (_DECLARATION + text).encode(), "text/xml", headers)


def _elements(operation: str, members: Iterable[tuple[str, Any]]) -> Iterable[str]:
    for name, value in members:
        if value is None:
            continue
        wire = f"{operation}ResultEntry" if name == "Successful" else _MEMBERS.get(name, name)
        if name in _MAPS:
            key = "Key" if name == "Tags" else "Name"
            for inner, content in value.items():
                label = f"<{key}>{_text(inner)}</{key}>"
                yield f"<{wire}>{label}<Value>{_content(operation, content)}</Value></{wire}>"
        else:
            for each in value if isinstance(value, list) else [value]:
                yield f"<{wire}>{_content(operation, each)}</{wire}>"


def _content(operation: str, value: Any) -> str:
    if isinstance(value, dict):
        return "".join(_elements(operation, value.items()))
    if isinstance(value, bool):
        return "true" if value else "false"
    return _text(base64.b64encode(value).decode() if isinstance(value, bytes) else str(value))


def _text(value: str) -> str:
    return escape(_BEYOND_XML.sub("\ufffd", value), _ENTITIES)


def _with_lists(operation: str, members: dict[str, Any]) -> dict[str, Any]:
    """Return a result for JSON with the names of SQS, where maps are lists of pairs."""
    document: dict[str, Any] = {"messages": None} if operation == "ReceiveMessage" else {}
    for name, value in members.items():
        if name in _MAPS:
            key = "Key" if name == "Tags" else "Name"
            value = [{key: inner, "Value": content} for inner, content in value.items()]
        document["messages" if name == "Messages" else name] = _plain_deep(value)
    return document


def _plain_deep(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain_deep(each) for each in value]
    return _with_lists("", value) if isinstance(value, dict) else _plain(value)


def _as_in_xml(operation: str, members: dict[str, Any]) -> dict[str, Any]:
    """Return a result for JSON as a reader of the XML would have it: one member is no list."""
    document: dict[str, Any] = {}
    for name, value in members.items():
        wire = f"{operation}ResultEntry" if name == "Successful" else _MEMBERS.get(name, name)
        if name in _MAPS:
            key = "Key" if name == "Tags" else "Name"
            value = [{key: inner, "Value": content} for inner, content in value.items()]
        parts = [
            _as_in_xml(operation, each) if isinstance(each, dict) else _plain(each)
            for each in (value if isinstance(value, list) else [value])
            if each is not None
        ]
        if parts:
            document[wire] = parts if len(parts) > 1 else parts[0]
    return document


def _plain(value: Any) -> Any:
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value


def _json(status: int, document: dict[str, Any], request_id: str) -> HttpResponse:
    headers = (("x-amzn-RequestId", request_id),)
    return HttpResponse.of_json(document, status)._replace(headers=headers)
