"""One connection of a client: requests one after another, each answered in one write."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from time import time
from typing import NamedTuple
from wsgiref.handlers import format_date_time

import h11

from mq.serve.http.messages import HttpRequest, HttpResponse

Handle = Callable[[HttpRequest], Awaitable[HttpResponse]]

_AGENT = "mq"
_VERSIONS = {b"1.0", b"1.1"}
# Seconds for which a refused client may go on sending: closed at once, it would lose the answer.
_LINGER = 2.0
# Bytes that a client may send ahead of the answer to its last request.
_MOST_AHEAD = 64 << 10


class HttpLimits(NamedTuple):
    """Bounds of what a client may use; times are in seconds."""

    head: int = 64 << 10
    body: int = 8 << 20
    connections: int = 1_000
    request_time: float = 30.0
    """Until a request that was begun has to be there."""
    idle_time: float = 300.0
    write_time: float = 60.0
    """Until a client has to take an answer."""


class Connections:
    """The open connections of a server, and what they are given: a handler and bounds.

    `report` gets the errors of the handler that are no answers: bugs.
    """

    def __init__(
        self,
        handle: Handle,
        report: Callable[[Exception], object],
        limits: HttpLimits | None = None,
    ) -> None:
        self.handle = handle
        self.report = report
        self.limits = limits or HttpLimits()
        self.open: set[HttpConnection] = set()
        self.is_closing = False
        self._all_closed: asyncio.Event | None = None

    def accept(self) -> HttpConnection:
        """Return the protocol of a new connection."""
        return HttpConnection(self)

    def end_overdue(self, now: float) -> None:
        """End connections whose time for a request, an answer or idleness is over."""
        for connection in list(self.open):
            if connection.deadline <= now:
                connection.end_overdue()

    async def close(self, patience: float) -> None:
        """Answer open requests, close idle connections at once, and all after `patience`."""
        self.is_closing = True
        for connection in list(self.open):
            connection.close_when_idle()
        if self.open:
            self._all_closed = asyncio.Event()
            try:
                await asyncio.wait_for(self._all_closed.wait(), patience)
            except TimeoutError:
                for connection in list(self.open):
                    connection.abort()

    def forget(self, connection: HttpConnection) -> None:
        """Note that a connection has ended."""
        self.open.discard(connection)
        if not self.open and self._all_closed is not None:
            self._all_closed.set()


class HttpConnection(asyncio.Protocol):
    """A connection that speaks HTTP/1.1: keep-alive, chunked bodies, 100-continue, and bounds."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._limits = connections.limits
        self._loop = asyncio.get_running_loop()
        # One for each request: it reads, and answers are written without it.
        self._parser = self._new_parser()
        self._transport: asyncio.Transport | None = None
        self._head: h11.Request | None = None
        self._body: list[bytes] = []
        self._size = 0
        self._ahead = 0
        self._task: asyncio.Task[None] | None = None
        self._peer = ""
        self._may_write = True
        # Whether the client was told that it can't be understood; what else it sends is dropped.
        self._is_refused = False
        # Whether bytes of the next request are there.
        self._has_begun = False
        # The loop's time at which the connection is ended.
        self.deadline = self._loop.time() + self._limits.idle_time

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to listen, unless there are too many connections."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        address = transport.get_extra_info("peername")
        self._peer = f"{address[0]}:{address[1]}" if isinstance(address, tuple) else ""
        self._connections.open.add(self)
        if len(self._connections.open) > self._limits.connections or self._connections.is_closing:
            self._refuse(503, "too many connections")

    def connection_lost(self, error: Exception | None) -> None:
        """End the work on an open request, whose answer has no reader any more."""
        self._transport = None
        if self._task is not None:
            self._task.cancel()
        self._connections.forget(self)

    def eof_received(self) -> bool:
        """Close: a client that has shut its side down reads no answer."""
        return False

    def pause_writing(self) -> None:
        """Take no further request while the client does not read its answers."""
        self._may_write = False
        self.deadline = self._loop.time() + self._limits.write_time

    def resume_writing(self) -> None:
        """Go on with the next request."""
        self._may_write = True
        self._begin_next()

    def data_received(self, data: bytes) -> None:
        """Take bytes of a request; the time for it begins with the first of them."""
        if self._transport is None or self._transport.is_closing() or self._is_refused:
            return
        is_ahead = self._task is not None or not self._may_write
        if is_ahead:
            self._ahead += len(data)
            if self._ahead > _MOST_AHEAD:
                self._transport.pause_reading()
        elif not self._has_begun:
            self._has_begun = True
            self.deadline = self._loop.time() + self._limits.request_time
        try:
            self._parser.receive_data(data)
            if not is_ahead:
                self._read()
        except h11.RemoteProtocolError as error:
            self._refuse(error.error_status_hint, str(error))

    def _new_parser(self) -> h11.Connection:
        return h11.Connection(h11.SERVER, self._limits.head)

    def close_when_idle(self) -> None:
        """Close at once where no request is under way, otherwise after its answer."""
        if self._task is None:
            self._close()

    def abort(self) -> None:
        """Close without waiting for anything."""
        if self._transport is not None:
            self._transport.abort()

    def end_overdue(self) -> None:
        """Close for want of a request, or of a reader; half a request is answered by 408."""
        is_closing = self._transport is None or self._transport.is_closing()
        if not self._may_write or is_closing or self._is_refused:
            self.abort()
        elif self._task is None:
            if self._has_begun:
                self._refuse(408, "the request was not complete in time")
            else:
                self._close()

    def _read(self) -> None:
        """Take events of the parser until a request is complete, or bytes are missing."""
        while True:
            event = self._parser.next_event()
            if event is h11.NEED_DATA:
                self._ask_for_body()
                return
            if isinstance(event, h11.Request):
                self._head, self._body, self._size = event, [], 0
                if event.http_version not in _VERSIONS:
                    self._refuse(505, "HTTP/1.1 is spoken here")
                    return
                if self._declared_length(event) > self._limits.body:
                    self._refuse(413, f"a body has at most {self._limits.body} bytes")
                    return
            elif isinstance(event, h11.Data):
                self._size += len(event.data)
                if self._size > self._limits.body:
                    self._refuse(413, f"a body has at most {self._limits.body} bytes")
                    return
                self._body.append(bytes(event.data))
            elif isinstance(event, h11.EndOfMessage):
                self._start()
                return
            else:
                # The client closed, or wants another protocol.
                return

    def _declared_length(self, head: h11.Request) -> int:
        return next((int(value) for name, value in head.headers if name == b"content-length"), 0)

    def _ask_for_body(self) -> None:
        if self._parser.they_are_waiting_for_100_continue and self._transport is not None:
            go_on = h11.InformationalResponse(status_code=100, headers=[])
            self._transport.write(self._parser.send(go_on) or b"")

    def _start(self) -> None:
        assert self._head is not None
        headers: dict[str, str] = {}
        for raw_name, raw_value in self._head.headers:
            name, value = raw_name.decode("ascii"), raw_value.decode("latin-1")
            headers[name] = f"{headers[name]},{value}" if name in headers else value
        request = HttpRequest(
            self._head.method.decode("ascii"),
            self._head.target.decode("latin-1"),
            headers,
            b"".join(self._body),
            self._peer,
        )
        self._body = []
        self.deadline = float("inf")
        self._task = self._loop.create_task(self._answer(request))

    async def _answer(self, request: HttpRequest) -> None:
        try:
            response = await self._connections.handle(request)
        except Exception as error:
            self._connections.report(error)
            response = HttpResponse.text("an error inside the server\n", 500)
        # No await from here on: what the answer holds was not received otherwise.
        self._task = None
        if self._transport is None or self._transport.is_closing():
            return
        if response.is_dropped:
            self.abort()
            return
        self._write(response)
        if self._is_last():
            self._close()
        else:
            self._begin_next()

    def _is_last(self) -> bool:
        """Return whether the connection ends with the answer to this request."""
        if self._connections.is_closing:
            return True
        # The parser knows what the version and the headers of the request say.
        return self._parser.their_state is h11.MUST_CLOSE

    def _begin_next(self) -> None:
        if self._transport is None or self._transport.is_closing() or self._is_refused:
            return
        if self._task is not None or not self._may_write:
            return
        self.deadline = self._loop.time() + self._limits.idle_time
        self._head, self._size, self._has_begun = None, 0, False
        ahead, is_closed = self._parser.trailing_data
        self._parser = self._new_parser()
        try:
            if self._ahead > _MOST_AHEAD:
                self._transport.resume_reading()
            self._ahead = 0
            if ahead and not is_closed:
                self._parser.receive_data(ahead)
                self._has_begun = True
                self.deadline = self._loop.time() + self._limits.request_time
                self._read()
        except h11.RemoteProtocolError as error:
            self._refuse(error.error_status_hint, str(error))

    def _write(self, response: HttpResponse) -> None:
        assert self._transport is not None
        status = response.status
        lines = [f"HTTP/1.1 {status} {_reason(status)}", f"Server: {_AGENT}", f"Date: {_date()}"]
        lines += [f"{name}: {value}" for name, value in response.headers]
        if response.content_type:
            lines.append(f"Content-Type: {response.content_type}")
        lines.append(f"Content-Length: {len(response.body)}")
        if self._is_last():
            lines.append("Connection: close")
        head = "\r\n".join(lines) + "\r\n\r\n"
        is_head = self._head is not None and self._head.method == b"HEAD"
        # In one write: a head and a body of their own cost a delayed acknowledgement between them.
        self._transport.write(head.encode("latin-1") + (b"" if is_head else response.body))

    def _refuse(self, status: int, reason: str) -> None:
        """Answer a request that can't be read, and close: the next one can't be found."""
        if self._transport is None or self._transport.is_closing() or self._is_refused:
            return
        if self._task is not None:
            self._task.cancel()
            self._task = None
        body = f"{reason}\n".encode()
        head = (
            f"HTTP/1.1 {status} {_reason(status)}\r\n"
            "Content-Type: text/plain; charset=utf-8\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        )
        self._is_refused = True
        self.deadline = self._loop.time() + _LINGER
        self._transport.write(head.encode() + body)
        self._transport.write_eof()

    def _close(self) -> None:
        if self._transport is not None:
            self.deadline = self._loop.time() + self._limits.write_time
            self._transport.close()


def _reason(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


_last_date = (0, "")


def _date() -> str:
    """Return the time for a head; it is written once a second."""
    global _last_date
    now = int(time())
    if _last_date[0] != now:
        _last_date = now, format_date_time(now)
    return _last_date[1]
