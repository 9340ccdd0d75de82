"""The process of `mq serve`: one event loop, the store's threads, and the gateways' listeners."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import NamedTuple

from mq.serve.http.connection import Connections
from mq.serve.sqs.gateway import SqsGateway
from store.aio import AsyncStore
from store.aio.store import Opening
from store.api.store import Store
from store.model.errors import BadInput

# Seconds between two looks for connections whose time is over.
_LOOK = 5.0
# Seconds for which open requests are waited for at the end.
PATIENCE = 10.0
_BACKLOG = 1_024


class ServeOptions(NamedTuple):
    """The gateways to serve, and where: a port 0 takes a free one, `None` is not served."""

    sqs: int | None = None
    host: str = "127.0.0.1"
    port_file: Path | None = None


class Listener(NamedTuple):
    """A gateway that listens."""

    name: str
    server: asyncio.Server
    connections: Connections

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self.server.sockets[0].getsockname()[1])


def serve(
    open_store: Callable[[], Store],
    options: ServeOptions,
    announce: Callable[[dict[str, int]], None],
    tell: Callable[[str], None] | None = None,
) -> None:
    """Serve a store until SIGTERM, SIGINT or SIGHUP; open requests are answered first.

    `announce` gets the ports by gateway when all listen, and `tell` a line per request.
    """
    asyncio.run(_serve(open_store, options, announce, tell))


async def _serve(
    open_store: Callable[[], Store],
    options: ServeOptions,
    announce: Callable[[dict[str, int]], None],
    tell: Callable[[str], None] | None,
) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            loop.add_signal_handler(number, stop.set)
    async with Opening(open_store) as store, serving(store, options, tell) as listeners:
        ports = {listener.name: listener.port for listener in listeners}
        if options.port_file is not None:
            _write_ports(options.port_file, ports)
        announce(ports)
        await stop.wait()


class serving:
    """A block in which gateways of a store listen; at its end they finish in order."""

    def __init__(
        self, store: AsyncStore, options: ServeOptions, tell: Callable[[str], None] | None = None
    ) -> None:
        self._store = store
        self._options = options
        self._tell = tell
        self._listeners: list[Listener] = []
        self._look: asyncio.TimerHandle | None = None

    async def __aenter__(self) -> list[Listener]:
        async with AsyncExitStack() as undo:
            undo.push_async_callback(self._close)
            if self._options.sqs is not None:
                connections = Connections(SqsGateway(self._store, self._tell).handle)
                self._listeners.append(
                    await _listen("sqs", connections, self._options.host, self._options.sqs)
                )
            self._look_at_connections()
            undo.pop_all()
        return self._listeners

    async def __aexit__(self, *error: object) -> None:
        await self._close()

    async def _close(self) -> None:
        if self._look is not None:
            self._look.cancel()
        for listener in self._listeners:
            listener.server.close()
        await asyncio.gather(*(each.connections.close(PATIENCE) for each in self._listeners))

    def _look_at_connections(self) -> None:
        loop = asyncio.get_running_loop()
        for listener in self._listeners:
            listener.connections.end_overdue(loop.time())
        self._look = loop.call_later(_LOOK, self._look_at_connections)


async def _listen(name: str, connections: Connections, host: str, port: int) -> Listener:
    loop = asyncio.get_running_loop()
    try:
        server = await loop.create_server(
            connections.accept, host, port, backlog=_BACKLOG, reuse_address=True
        )
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
        raise BadInput(f"can't listen on {host}:{port}: {reason}") from None
    return Listener(name, server, connections)


def _write_ports(path: Path, ports: dict[str, int]) -> None:
    """Write a line for each port; a reader sees all of them or none."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        draft.write_text("".join(f"{name} {port}\n" for name, port in ports.items()))
        os.replace(draft, path)
    except OSError as error:
        raise BadInput(f"can't write {path}: {error.strerror}") from None
