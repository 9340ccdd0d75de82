"""AMQP 0-9-1 to one server: a connection that opens when it is first needed, and its channels."""

from __future__ import annotations

import logging
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import amqp

from store.engine.places import Place
from store.model.errors import BadInput, Denied, MqError, NotFound
from store.rabbitmq.errors import ConnectionLost, raise_ours, translated

PORT, TLS_PORT = 5672, 5671
HEARTBEAT = 30
RECEIVING = ("fetch", "consume")
# A channel that closes with prefetched messages would log a line for each of them.
logging.getLogger("amqp").addHandler(logging.NullHandler())
logging.getLogger("amqp").propagate = False


class Connection:
    """A connection, and a channel for each purpose: an error of one leaves the others open."""

    def __init__(self, place: Place, password: str | None, timeout: float) -> None:
        self.place = place
        self.timeout = timeout
        self.blocked = ""
        self._password = password
        self._amqp: amqp.Connection | None = None
        self._channels: dict[str, amqp.Channel] = {}

    @property
    def version(self) -> str:
        """The server's version."""
        return str(self._open().server_properties.get("version", "0"))

    def open(self) -> None:
        """Connect, unless it is connected; raises the error of the place itself."""
        self._open()

    @contextmanager
    def channel(self, purpose: str, subject: str) -> Iterator[amqp.Channel]:
        """Lend the channel of a purpose, with the errors of its calls about the subject as ours.

        Each call may take as long as the timeout of the place.
        """
        connection = self._open()
        with translated(self.place, subject), connection.transport.having_timeout(self.timeout):
            channel = self._channels.get(purpose)
            if channel is None or not channel.is_open:
                channel = self._channels[purpose] = connection.channel()
            yield channel

    def read(self, seconds: float, subject: str = "connection") -> bool:
        """Handle what the server sends within so many seconds; return whether something came."""
        connection = self._open()
        with translated(self.place, subject):
            try:
                connection.drain_events(timeout=max(seconds, 0.001))
            except TimeoutError:
                return False
        return True

    def beat(self) -> None:
        """Keep the connection alive; call it every few seconds while nothing else is sent."""
        connection = self._open()
        with translated(self.place, "connection"):
            connection.heartbeat_tick()

    def close(self) -> None:
        """Close the connection; deliveries that are not settled return to their queues."""
        connection, self._amqp = self._amqp, None
        self._channels = {}
        if connection is None:
            return
        if connection.connected:
            with suppress(amqp.AMQPError, OSError), connection.transport.having_timeout(2.0):
                connection.close()
        # After an error its socket would stay open.
        connection.collect()

    def _open(self) -> amqp.Connection:
        if self._amqp is None:
            self._amqp = self._connected()
        elif not self._amqp.connected:
            if any(map(holds_deliveries, self._channels)):
                raise ConnectionLost(f"the connection to {self.place.name} ended")
            self.close()
            self._amqp = self._connected()
        return self._amqp

    def _connected(self) -> amqp.Connection:
        """Connect to the first host that answers; raises the error of the last one."""
        failure: MqError | None = None
        for host, port in self.place.hosts:
            connection = self._connection_to(host, port)
            try:
                connection.connect()
            except (amqp.AMQPError, OSError) as error:
                connection.collect()
                failure = _as_ours(error, self.place)
                if isinstance(failure, Denied | NotFound):
                    raise failure from None
            else:
                return connection
        assert failure is not None
        raise failure

    def _connection_to(self, host: str, port: int | None) -> amqp.Connection:
        place = self.place
        is_known = place.cert is not None and self._password is None
        default = TLS_PORT if place.tls else PORT
        return amqp.Connection(
            host=f"{host}:{port or default}",
            userid=place.user or "guest",
            password=self._password or "",
            login_method="EXTERNAL" if is_known else "PLAIN",
            virtual_host=place.path or "/",
            ssl=_tls(place, host.strip("[]")) if place.tls else False,
            connect_timeout=self.timeout,
            heartbeat=HEARTBEAT,
            on_blocked=self._note_blocked,
            on_unblocked=self._note_unblocked,
            client_properties={"connection_name": connection_name(), "product": "mq"},
        )

    def _note_blocked(self, reason: str) -> None:
        self.blocked = "the server takes no messages: an alarm of its memory or disk"

    def _note_unblocked(self) -> None:
        self.blocked = ""


def holds_deliveries(purpose: str) -> bool:
    """Return whether the channel of a purpose receives messages, which end with it."""
    return purpose.startswith(RECEIVING)


def connection_name() -> str:
    """Return what the server calls this process in its lists."""
    program = os.path.basename(sys.argv[0] or "python")
    return f"{program} on {socket.gethostname()}, process {os.getpid()}"


def _tls(place: Place, host: str) -> dict[str, Any]:
    import ssl

    if place.option("verify", "yes") == "no":
        return {"cert_reqs": ssl.CERT_NONE, "certfile": place.cert, "keyfile": place.key}
    return {
        "cert_reqs": ssl.CERT_REQUIRED,
        "server_hostname": host,
        "ca_certs": place.ca,
        "certfile": place.cert,
        "keyfile": place.key,
    }


def _as_ours(error: Exception, place: Place) -> MqError:
    if isinstance(error, FileNotFoundError):
        return BadInput(f"{place.name}: its ca, cert or key is not there")
    try:
        raise_ours(error, place, "connection")
    except MqError as ours:
        return ours
