"""Requests that no client sends: each gets an error, and the server stays."""

from __future__ import annotations

import json
import random
import socket
from contextlib import closing
from http.client import HTTPConnection
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from mq.serve.http.messages import HttpRequest
from mq.serve.sqs import json_protocol, query_protocol
from mq.serve.sqs.errors import SqsError
from mq.serve.sqs.operations import OPERATIONS
from tests.support.processes import PATIENCE
from tests.support.serving import Server

pytestmark = pytest.mark.xdist_group("serve-fuzz")

BODIES = [
    {"QueueUrl": "jobs", "MessageBody": "m", "DelaySeconds": 3},
    {"QueueUrl": "jobs", "Entries": [{"Id": "a", "MessageBody": "m"}]},
    {"QueueName": "q", "Attributes": {"VisibilityTimeout": "3"}, "tags": {"a": "b"}},
    {
        "QueueUrl": "jobs",
        "MessageBody": "é",
        "MessageAttributes": {"n": {"DataType": "Binary", "BinaryValue": "AAEC"}},
    },
]
ODD: list[Any] = [None, True, -1, 1 << 62, 1 << 70, 1.5, "", "\ud800", "é\0", [], {}, [[[]]]]
ODD += [
    {"": {}},
    "x" * 5000,
    "arn:aws:sqs:::",
    "../..",
    "http://[",
    "%2e",
    "@",
    '{"Statement":[1]}',
]


def _mutated(chance: random.Random, value: Any) -> Any:
    """The value with one part of it replaced, removed or repeated."""
    if isinstance(value, dict) and value and chance.random() < 0.8:
        name = chance.choice(list(value))
        changed = dict(value)
        if chance.random() < 0.2:
            del changed[name]
        else:
            changed[name] = _mutated(chance, changed[name])
        return changed
    if isinstance(value, list) and value and chance.random() < 0.5:
        return [_mutated(chance, value[0]), *value]
    return chance.choice(ODD)


def _torn(chance: random.Random, body: bytes) -> bytes:
    """The bytes with a few of them flipped, or cut off."""
    torn = bytearray(body)
    for _ in range(chance.randrange(1, 4)):
        torn[chance.randrange(len(torn))] = chance.randrange(256)
    return bytes(torn[: chance.randrange(1, len(torn) + 1)])


def test_10_000_bodies_are_read_or_refused() -> None:
    chance, statuses = random.Random(21), {400}
    for number in range(10_000):
        body = json.dumps(_mutated(chance, chance.choice(BODIES))).encode()
        if number % 3 == 0:
            body = _torn(chance, body)
        operation = chance.choice(list(OPERATIONS))
        headers = {"x-amz-target": f"AmazonSQS.{operation}"}
        try:
            json_protocol.read(HttpRequest("POST", "/", headers, body))
        except SqsError as error:
            statuses.add(error.status)
    assert statuses <= {400, 404}


def test_2_000_forms_are_read_or_refused() -> None:
    chance, statuses = random.Random(22), {400}
    names = [
        "Entries",
        "Attribute",
        "MessageAttribute",
        "Tag",
        "QueueUrl",
        "AttributeName",
        "",
        "1",
    ]
    for _ in range(2_000):
        fields = [("Action", chance.choice(list(OPERATIONS)))]
        for _ in range(chance.randrange(8)):
            parts = [chance.choice([*names, "Name", "Value", "x" * 9, "-1", "99999999999"])]
            parts += [chance.choice(["1", "2", "Name", "Value", ""]) for _ in range(4)]
            name = ".".join(parts[: chance.randrange(1, 6)])
            fields.append((name, chance.choice(["", "1", "é", "\0", "x" * 99])))
        body = _torn(chance, urlencode(fields).encode())
        headers = {"content-type": "application/x-www-form-urlencoded"}
        try:
            query_protocol.read(HttpRequest("POST", "/", headers, body))
        except SqsError as error:
            statuses.add(error.status)
    assert statuses <= {400, 404}


CALLS: dict[str, dict[str, Any]] = {
    "AddPermission": {"Label": "l", "AWSAccountIds": ["1"], "Actions": ["*"]},
    "CancelMessageMoveTask": {"TaskHandle": "x"},
    "ChangeMessageVisibility": {"ReceiptHandle": "r", "VisibilityTimeout": 1},
    "CreateQueue": {
        "QueueName": "q",
        "Attributes": {"RedrivePolicy": "[]", "Policy": '{"Statement":[{}]}'},
        "tags": {"a": "b"},
    },
    "DeleteMessageBatch": {"Entries": [{"Id": "a", "ReceiptHandle": "r"}]},
    "GetQueueAttributes": {"AttributeNames": ["All"]},
    "ListDeadLetterSourceQueues": {"MaxResults": 1, "NextToken": "YQ=="},
    "ListMessageMoveTasks": {"SourceArn": "arn:aws:sqs:x:0:odd", "MaxResults": 1},
    "ReceiveMessage": {"MaxNumberOfMessages": 1, "MessageAttributeNames": ["All"]},
    "RemovePermission": {"Label": "l"},
    "SendMessage": {
        "MessageBody": "m",
        "MessageAttributes": {"a": {"DataType": "Number", "StringValue": "1e400"}},
        "MessageGroupId": "g",
    },
    "SendMessageBatch": {
        "Entries": [
            {
                "Id": "a",
                "MessageBody": "m",
                "MessageAttributes": {"b": {"DataType": "Binary", "BinaryValue": "AA=="}},
            }
        ]
    },
    "SetQueueAttributes": {"Attributes": {"Policy": '{"Statement":5}', "VisibilityTimeout": "5"}},
    "StartMessageMoveTask": {"SourceArn": "arn:aws:sqs:x:0:odd"},
    "TagQueue": {"Tags": {"k": "v"}},
    "UntagQueue": {"TagKeys": ["k"]},
}


def test_odd_calls_are_refused_and_are_no_errors_inside(server: Server, sqs: Any) -> None:
    sqs.create_queue(QueueName="odd")
    chance = random.Random(24)
    inside = []
    with closing(HTTPConnection("127.0.0.1", server.ports["sqs"], timeout=PATIENCE)) as client:
        for _ in range(600):
            operation = chance.choice(list(CALLS))
            document = _mutated(chance, {"QueueUrl": "odd", **CALLS[operation]})
            headers = {"X-Amz-Target": f"AmazonSQS.{operation}"}
            client.request("POST", "/", json.dumps(document).encode(), headers)
            with client.getresponse() as answer:
                answer.read()
            if answer.status >= 500:
                inside.append((operation, document))

    assert inside == []


NO_REQUESTS = {
    "tls": (b"\x16\x03\x01\x02\x00\x01\r\n\r\n", 400),
    "no host": (b"GET / HTTP/1.1\r\n\r\n", 400),
    "version": (b"GET / HTTP/9.9\r\nHost: x\r\n\r\n", 505),
    "length": (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: nine\r\n\r\n", 400),
    "body": (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999\r\n\r\n", 413),
    "head": (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 70_000, 431),
    "chunk": (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
}


@pytest.mark.parametrize("fault", NO_REQUESTS)
def test_bytes_that_are_no_request_are_refused_and_the_connection_closed(
    server: Server, fault: str
) -> None:
    request, status = NO_REQUESTS[fault]
    with socket.create_connection(("127.0.0.1", server.ports["sqs"]), PATIENCE) as connection:
        connection.sendall(request)
        answer = b""
        while part := connection.recv(65536):
            answer += part

    assert answer.startswith(f"HTTP/1.1 {status} ".encode())
    assert b"Connection: close" in answer


def test_torn_requests_do_not_end_the_server_and_store_nothing(server: Server, sqs: Any) -> None:
    sqs.create_queue(QueueName="fuzzed")
    before = sqs.list_queues()["QueueUrls"]
    chance = random.Random(23)
    body = json.dumps({"QueueUrl": "fuzzed", "MessageBody": "m", "DelaySeconds": 900}).encode()
    head = (
        "POST /0/fuzzed HTTP/1.1\r\nHost: x\r\nX-Amz-Target: AmazonSQS.SendMessage\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    ).encode()
    for _ in range(150):
        torn = _torn(chance, head + body)
        with socket.create_connection(("127.0.0.1", server.ports["sqs"]), PATIENCE) as connection:
            connection.sendall(torn)
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(65536):
                pass

    assert server.process.poll() is None
    assert sqs.list_queues()["QueueUrls"] == before
    sqs.send_message(QueueUrl="fuzzed", MessageBody=quote("still there"))


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Origin": "http://localhost:3000"}, 200),
        ({}, 200),
    ],
)
def test_a_page_of_another_site_has_no_access(
    server: Server, headers: dict[str, str], status: int
) -> None:
    with closing(HTTPConnection("127.0.0.1", server.ports["sqs"], timeout=PATIENCE)) as client:
        client.request("GET", "/?Action=ListQueues", headers=headers)
        with client.getresponse() as answer:
            assert answer.status == status


def test_a_connection_goes_on_after_an_error(server: Server) -> None:
    bad = b"{"
    request = (
        "POST / HTTP/1.1\r\nHost: x\r\nX-Amz-Target: AmazonSQS.SendMessage\r\n"
        f"Content-Length: {len(bad)}\r\n\r\n"
    ).encode() + bad
    with socket.create_connection(("127.0.0.1", server.ports["sqs"]), PATIENCE) as connection:
        for _ in range(2):
            connection.sendall(request)
            answer = connection.recv(65536)
            assert answer.startswith(b"HTTP/1.1 400 ")
            assert b"SerializationException" in answer
