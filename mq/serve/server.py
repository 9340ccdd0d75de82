"""The process of `mq serve`: one event loop, the store's threads, and what listens."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import NamedTuple

from mq.serve.figures import Figures
from mq.serve.http.connection import Connections, Handle
from mq.serve.metrics import MetricsPage
from mq.serve.sqs.gateway import SqsGateway, SqsOptions
from store.aio import AsyncStore
from store.aio.store import Opening
from store.api.store import Store
from store.model.errors import BadInput

# Seconds between two looks for connections whose time is over.
_LOOK = 2.0
# Seconds for which open requests are waited for at the end.
PATIENCE = 10.0
_BACKLOG = 1_024
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class ServeOptions(NamedTuple):
    """The gateways to serve, and where: a port 0 takes a free one, `None` is not served."""

    sqs: int | None = None
    metrics: int | None = None
    host: str = "127.0.0.1"
    port_file: Path | None = None
    sqs_options: SqsOptions | None = None


class Listener(NamedTuple):
    """A gateway that listens."""

    name: str
    server: asyncio.Server
    connections: Connections

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self.server.sockets[0].getsockname()[1])


class Reports(NamedTuple):
    """Where a server tells what happens."""

    announce: Callable[[dict[str, int]], None]
    """Gets the ports by gateway once all listen."""
    problem: Callable[[Exception], None]
    """Gets errors inside the server, which a client gets no answer about."""


def serve(open_store: Callable[[], Store], options: ServeOptions, reports: Reports) -> int:
    """Serve a store until SIGTERM, SIGINT or SIGHUP; open requests are answered first.

    Return how many requests were answered.
    """
    return asyncio.run(_serve(open_store, options, reports))


async def _serve(open_store: Callable[[], Store], options: ServeOptions, reports: Reports) -> int:
    loop = asyncio.get_running_loop()
    _allow_many_files()
    stop = asyncio.Event()
    for number in _SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            loop.add_signal_handler(number, stop.set)
    async with Opening(open_store) as store, Serving(store, options, reports.problem) as serving:
        if options.port_file is not None:
            _write_ports(options.port_file, serving.ports)
        reports.announce(serving.ports)
        await stop.wait()
    return serving.figures.requests


def _allow_many_files() -> None:
    """Raise the limit of open files as far as it goes: each connection is one."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


class Serving:
    """A block in which gateways of a store listen; at its end they finish in order."""

    def __init__(
        self,
        store: AsyncStore,
        options: ServeOptions,
        problem: Callable[[Exception], None],
    ) -> None:
        self.figures = Figures()
        self._store = store
        self._options = options
        self._problem = problem
        self._listeners: list[Listener] = []
        self._look: asyncio.TimerHandle | None = None
        self._sqs: SqsGateway | None = None

    @property
    def ports(self) -> dict[str, int]:
        """The ports by gateway."""
        return {listener.name: listener.port for listener in self._listeners}

    async def __aenter__(self) -> Serving:
        async with AsyncExitStack() as undo:
            undo.push_async_callback(self._close)
            options = self._options
            if options.sqs is not None:
                self._sqs = SqsGateway(self._store, self.figures, options.sqs_options)
                await self._sqs.begin()
                await self._listen("sqs", self._sqs.handle, options.sqs)
            if options.metrics is not None:
                page = MetricsPage(self._store, self.figures, self._open_connections)
                await self._listen("metrics", page.handle, options.metrics)
            self._look_at_connections()
            undo.pop_all()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._close()

    async def _close(self) -> None:
        if self._look is not None:
            self._look.cancel()
        for listener in self._listeners:
            listener.server.close()
        if self._sqs is not None:
            await self._sqs.close()
        await asyncio.gather(*(each.connections.close(PATIENCE) for each in self._listeners))

    async def _listen(self, name: str, handle: Handle, port: int) -> None:
        connections = Connections(handle, self._problem)
        host = self._options.host
        try:
            server = await asyncio.get_running_loop().create_server(
                connections.accept, host, port, backlog=_BACKLOG, reuse_address=True
            )
        except (OSError, OverflowError) as error:
            number = getattr(error, "errno", None)
            reason = os.strerror(number) if number and number > 0 else str(error)
            raise BadInput(f"can't listen on {host}:{port}: {reason}") from None
        self._listeners.append(Listener(name, server, connections))

    def _open_connections(self) -> list[tuple[str, int]]:
        return [(each.name, len(each.connections.open)) for each in self._listeners]

    def _look_at_connections(self) -> None:
        loop = asyncio.get_running_loop()
        for listener in self._listeners:
            listener.connections.end_overdue(loop.time())
        self._look = loop.call_later(_LOOK, self._look_at_connections)


def _write_ports(path: Path, ports: dict[str, int]) -> None:
    """Write a line for each port; a reader sees all of them or none."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        draft.write_text("".join(f"{name} {port}\n" for name, port in ports.items()))
        os.replace(draft, path)
    except OSError as error:
        raise BadInput(f"can't write {path}: {error.strerror}") from None
