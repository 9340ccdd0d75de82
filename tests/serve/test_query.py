"""The query protocol: fields of a form, and XML."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen
from xml.etree import ElementTree

import pytest

from mq.serve.http.messages import HttpRequest
from mq.serve.sqs import query_protocol
from mq.serve.sqs.errors import SqsError
from mq.serve.sqs.query_protocol import NAMESPACE
from tests.support.serving import Server

pytestmark = pytest.mark.xdist_group("serve-query")

FORM = "application/x-www-form-urlencoded"


def read(path: str = "/", **fields: str) -> dict[str, Any]:
    """The parameters of a form; a double underscore is a point."""
    body = urlencode({name.replace("__", "."): text for name, text in fields.items()}).encode()
    _, parameters = query_protocol.read(HttpRequest("POST", path, {"content-type": FORM}, body))
    return parameters


def call(server: Server, action: str, **fields: str) -> ElementTree.Element:
    """The result of an action."""
    named = {name.replace("__", "."): text for name, text in fields.items()}
    body = urlencode({"Action": action, "Version": "2012-11-05", **named}).encode()
    with urlopen(Request(server.url, body, {"Content-Type": FORM})) as answer:
        assert answer.headers["Content-Type"] == "text/xml"
        root = ElementTree.fromstring(answer.read())
    assert root.tag == f"{{{NAMESPACE}}}{action}Response"
    return root


def text(root: ElementTree.Element, path: str) -> list[str | None]:
    """The texts of the elements at a path."""
    steps = "/".join(f"{{{NAMESPACE}}}{step}" for step in path.split("/"))
    return [found.text for found in root.findall(f".//{steps}")]


def test_lists_maps_and_structures_are_numbered_fields() -> None:
    given = read(
        Action="SendMessageBatch",
        QueueUrl="jobs",
        SendMessageBatchRequestEntry__2__Id="b",
        SendMessageBatchRequestEntry__2__MessageBody="second",
        SendMessageBatchRequestEntry__1__Id="a",
        SendMessageBatchRequestEntry__1__MessageBody="first",
        SendMessageBatchRequestEntry__1__DelaySeconds="3",
        SendMessageBatchRequestEntry__1__MessageAttribute__1__Name="n",
        SendMessageBatchRequestEntry__1__MessageAttribute__1__Value__DataType="Binary",
        SendMessageBatchRequestEntry__1__MessageAttribute__1__Value__BinaryValue="AAE=",
    )

    attribute = {"DataType": "Binary", "BinaryValue": b"\0\1"}
    assert given == {
        "QueueUrl": "jobs",
        "Entries": [
            {
                "Id": "a",
                "MessageBody": "first",
                "DelaySeconds": 3,
                "MessageAttributes": {"n": attribute},
            },
            {"Id": "b", "MessageBody": "second"},
        ],
    }


def test_a_single_attribute_needs_no_number() -> None:
    given = read(
        Action="CreateQueue",
        QueueName="q",
        Attribute__Name="DelaySeconds",
        Attribute__Value="1",
        Tag__1__Key="k",
        Tag__1__Value="v",
    )

    assert given == {"QueueName": "q", "Attributes": {"DelaySeconds": "1"}, "tags": {"k": "v"}}


def test_the_path_names_the_queue_unless_a_field_does() -> None:
    assert read("/0/jobs", Action="PurgeQueue") == {"QueueUrl": "/0/jobs"}
    assert read("/0/jobs", Action="PurgeQueue", QueueUrl="other") == {"QueueUrl": "other"}


@pytest.mark.parametrize("action", ["CreateQueue", "ListQueues"])
def test_an_action_on_the_account_has_no_place_at_a_queue(action: str) -> None:
    with pytest.raises(SqsError) as caught:
        read("/0/jobs", Action=action, QueueName="q")

    assert caught.value.code == "InvalidAction"


def test_a_missing_parameter_is_named() -> None:
    with pytest.raises(SqsError, match="must contain the parameter MessageBody") as caught:
        read(Action="SendMessage", QueueUrl="jobs")

    assert caught.value.code == "MissingParameter"


def test_an_error_in_json_has_no_root_but_at_the_look_at_messages(server: Server) -> None:
    for path, root in (("/000000000000/q?Action=ListQueues", "Error"),
                       ("/_aws/sqs/messages", "ErrorResponse")):  # fmt: skip
        request = Request(server.url + path, headers={"Accept": "application/json"})
        with pytest.raises(HTTPError) as caught:
            urlopen(request)

        assert root in json.loads(caught.value.read())


@pytest.mark.parametrize(
    ("result", "messages"),
    [
        ({}, None),
        (
            {"Messages": [{"Body": "b", "Attributes": {"SenderId": "me"}}]},
            [{"Body": "b", "Attributes": [{"Name": "SenderId", "Value": "me"}]}],
        ),
    ],
)
def test_json_has_lists_also_for_a_single_member(result: dict[str, Any], messages: Any) -> None:
    answered = query_protocol.answer("ReceiveMessage", result, "id", as_json=True)

    document = json.loads(answered.body)["ReceiveMessageResponse"]
    assert document["ReceiveMessageResult"] == {"messages": messages}


def test_a_result_without_members_is_one_tag() -> None:
    xml = query_protocol.answer("ReceiveMessage", {}, "id").body

    assert b"<ReceiveMessageResult/>" in xml


def test_a_message_lives_in_xml(server: Server) -> None:
    created = call(server, "CreateQueue", QueueName="xml", Attribute__1__Name="DelaySeconds",
                   Attribute__1__Value="0")  # fmt: skip
    assert text(created, "QueueUrl") == [f"{server.url}/000000000000/xml"]
    body = "<a>&\r\n\"'é</a>"
    call(
        server, "SendMessage", QueueUrl="xml", MessageBody=body, MessageAttribute__1__Name="b",
        MessageAttribute__1__Value__DataType="Binary",
        MessageAttribute__1__Value__BinaryValue=base64.b64encode(b"\0").decode(),
    )  # fmt: skip

    got = call(server, "ReceiveMessage", QueueUrl="xml", AttributeName__1="All",
               MessageAttributeName__1="All")  # fmt: skip

    assert text(got, "Message/Body") == [body]
    assert "ApproximateReceiveCount" in text(got, "Message/Attribute/Name")
    assert text(got, "MessageAttribute/Value/BinaryValue") == ["AA=="]
    (receipt,) = text(got, "Message/ReceiptHandle")
    deleted = call(
        server, "DeleteMessageBatch", QueueUrl="xml",
        DeleteMessageBatchRequestEntry__1__Id="one",
        DeleteMessageBatchRequestEntry__1__ReceiptHandle=str(receipt),
        DeleteMessageBatchRequestEntry__2__Id="two",
        DeleteMessageBatchRequestEntry__2__ReceiptHandle="made up",
    )  # fmt: skip
    assert text(deleted, "DeleteMessageBatchResultEntry/Id") == ["one"]
    assert text(deleted, "BatchResultErrorEntry/Id") == ["two"]
    assert text(deleted, "BatchResultErrorEntry/SenderFault") == ["true"]
    assert text(call(server, "ListQueues"), "QueueUrl") == [f"{server.url}/000000000000/xml"]
