"""Connections of HTTP: one request after another, bounds, and clients that are gone."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from mq.serve.http.connection import Connections, HttpLimits
from mq.serve.http.messages import HttpRequest, HttpResponse
from store import Store
from tests.support.processes import PATIENCE
from tests.support.serving import Server

pytestmark = pytest.mark.xdist_group("serve-connections")


async def echo(request: HttpRequest) -> HttpResponse:
    return HttpResponse.text(f"{request.method} {request.target} {request.body.decode()}")


Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter, Connections], Awaitable[None]]


def talk(
    conversation: Talk,
    handle: Callable[[HttpRequest], Awaitable[HttpResponse]] = echo,
    limits: HttpLimits | None = None,
) -> list[Exception]:
    """Hold a conversation with a server in this process; the errors that it reported."""
    reported: list[Exception] = []

    async def hold() -> None:
        connections = Connections(handle, reported.append, limits)
        loop = asyncio.get_running_loop()
        server = await loop.create_server(connections.accept, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            await asyncio.wait_for(conversation(reader, writer, connections), PATIENCE)
        finally:
            writer.close()
            server.close()
            await connections.close(PATIENCE)

    asyncio.run(hold())
    return reported


async def answer(reader: asyncio.StreamReader) -> tuple[int, str]:
    """The status and the body of the next answer."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    length = int(head.lower().partition("content-length: ")[2].partition("\r\n")[0])
    return int(head.split(" ", 2)[1]), (await reader.readexactly(length)).decode()


def test_requests_in_one_packet_are_answered_in_their_order() -> None:
    async def conversation(reader: Any, writer: Any, connections: Connections) -> None:
        one, two = (f"GET /{n} HTTP/1.1\r\nHost: x\r\n\r\n".encode() for n in (1, 2))
        writer.write(one + two)
        assert [await answer(reader), await answer(reader)] == [(200, "GET /1 "), (200, "GET /2 ")]

    talk(conversation)


def test_a_body_may_come_in_chunks_and_after_100_continue() -> None:
    async def conversation(reader: Any, writer: Any, connections: Connections) -> None:
        writer.write(
            b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
            b"Expect: 100-continue\r\n\r\n"
        )
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 \r\n\r\n"
        writer.write(b"2\r\nab\r\n1\r\nc\r\n0\r\n\r\n")
        assert await answer(reader) == (200, "POST / abc")

    talk(conversation)


def test_a_client_that_asks_for_it_is_closed_after_the_answer() -> None:
    async def conversation(reader: Any, writer: Any, connections: Connections) -> None:
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        await answer(reader)
        assert await reader.read() == b""

    talk(conversation)


def test_half_a_request_is_ended_in_time_however_slowly_it_comes() -> None:
    async def conversation(reader: Any, writer: Any, connections: Connections) -> None:
        while not connections.open:
            await asyncio.sleep(0)
        (connection,) = connections.open
        idle = connection.deadline
        writer.write(b"GET / HTTP/1.1\r\n")
        while connection.deadline == idle:
            await asyncio.sleep(0)
        begun = connection.deadline
        writer.write(b"Host: x\r\n")
        for _ in range(20):
            await asyncio.sleep(0)
        assert (begun < idle, connection.deadline) == (True, begun)
        connections.end_overdue(begun)
        status, _ = await answer(reader)
        assert (status, await reader.read()) == (408, b"")

    talk(conversation)


def test_an_idle_connection_is_closed_without_a_word() -> None:
    async def conversation(reader: Any, writer: Any, connections: Connections) -> None:
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await answer(reader)
        connections.end_overdue(asyncio.get_running_loop().time() + 1_000)
        assert await reader.read() == b""

    talk(conversation)


def test_a_body_in_chunks_is_bounded() -> None:
    async def conversation(reader: Any, writer: Any, connections: Connections) -> None:
        writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        writer.write(b"20\r\n" + b"x" * 32 + b"\r\n")
        assert (await answer(reader))[0] == 413

    talk(conversation, limits=HttpLimits(body=31))


def test_connections_beyond_the_limit_are_refused() -> None:
    async def conversation(reader: Any, writer: Any, connections: Connections) -> None:
        host, port = writer.get_extra_info("peername")
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await answer(reader)
        more, writing = await asyncio.open_connection(host, port)
        assert (await answer(more))[0] == 503
        writing.close()

    talk(conversation, limits=HttpLimits(connections=1))


def test_an_error_inside_is_reported_and_the_connection_goes_on() -> None:
    async def fail(request: HttpRequest) -> HttpResponse:
        if request.target == "/bad":
            raise RuntimeError("broken")
        return await echo(request)

    async def conversation(reader: Any, writer: Any, connections: Connections) -> None:
        writer.write(b"GET /bad HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await answer(reader))[0] == 500
        assert (await answer(reader))[0] == 200

    (error,) = talk(conversation, fail)
    assert str(error) == "broken"


def test_a_client_that_does_not_read_gets_no_further_answers() -> None:
    asked: list[str] = []

    async def much(request: HttpRequest) -> HttpResponse:
        asked.append(request.target)
        return HttpResponse(200, b"x" * (4 << 20))

    async def conversation(reader: Any, writer: Any, connections: Connections) -> None:
        writer.transport.pause_reading()
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 3)
        while not asked:
            await asyncio.sleep(0)
        for _ in range(20):
            await asyncio.sleep(0)
        assert len(asked) == 1
        connections.end_overdue(asyncio.get_running_loop().time() + 1_000)
        while connections.open:
            await asyncio.sleep(0)

    talk(conversation, much)


def test_a_lost_connection_ends_its_receive_and_keeps_nothing_leased(
    sqs: Any, server: Server
) -> None:
    sqs.create_queue(QueueName="lost")
    body = json.dumps({"QueueUrl": "lost", "WaitTimeSeconds": 20}).encode()
    head = (
        "POST / HTTP/1.1\r\nHost: x\r\nX-Amz-Target: AmazonSQS.ReceiveMessage\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode()
    with socket.create_connection(("127.0.0.1", server.ports["sqs"]), PATIENCE) as gone:
        gone.sendall(head + body)
        sqs.get_queue_url(QueueName="lost")
    # The end of that connection is seen before this next request is read.
    sqs.get_queue_url(QueueName="lost")

    sqs.send_message(QueueUrl="lost", MessageBody="m")

    (message,) = sqs.receive_message(QueueUrl="lost", AttributeNames=["All"])["Messages"]
    assert message["Attributes"]["ApproximateReceiveCount"] == "1"
    with Store.open(server.path) as beside:
        assert [lease.deliveries for lease in beside.leases("lost")] == [1]
