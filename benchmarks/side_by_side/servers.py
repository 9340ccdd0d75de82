"""Brokers that are servers of their own, started for the run on this machine's loopback."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from threading import Event
from time import monotonic
from typing import Any

from .contenders import Contender, Unavailable

_LONGEST_START = 60.0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _until(attempt: Callable[[], Any], server: subprocess.Popen[bytes], what: str) -> Any:
    """What the attempt gives, once the server answers."""
    deadline = monotonic() + _LONGEST_START
    while True:
        try:
            return attempt()
        except Exception as error:
            if server.poll() is not None or monotonic() > deadline:
                raise Unavailable(f"{what} did not start: {error}") from error
            Event().wait(0.1)


class _Server:
    def __init__(self, program: str, module: str) -> None:
        # Debian's rabbitmq-server in PATH is a wrapper that runs as another user.
        places = ["/usr/lib/rabbitmq/bin", os.environ.get("PATH", os.defpath)]
        found = shutil.which(program, path=os.pathsep.join(places))
        if found is None:
            raise Unavailable(f"{program} is not installed")
        self.program = found
        try:
            self.module = import_module(module)
        except ImportError:
            raise Unavailable(f"the Python package {module} is not installed") from None
        self.port = _free_port()

    def start(self, words: Sequence[str], folder: Path, **variables: str) -> None:
        self.process = subprocess.Popen(
            [self.program, *words],
            cwd=folder,
            env=os.environ | variables,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(_LONGEST_START)


class RedisStream(Contender):
    """A Redis stream with a consumer group, its file synced every second (or at each write)."""

    name = "redis stream"

    def prepare(self, folder: Path) -> None:
        self._server = _Server("redis-server", "redis")
        words = ["--port", str(self._server.port), "--bind", "127.0.0.1", "--save", ""]
        words += ["--appendonly", "yes", "--appendfsync", "everysec", "--dir", str(folder)]
        self._server.start(words, folder)
        self._client = self._server.module.Redis("127.0.0.1", self._server.port)
        _until(self._client.ping, self._server.process, "redis-server")

    def open(self, folder: Path, durability: str) -> None:
        sync = {"normal": "everysec", "full": "always"}[durability]
        self._client.config_set("appendfsync", sync)
        self._client.flushall()
        self._client.xgroup_create("q", "workers", mkstream=True)

    def send(self, value: bytes) -> None:
        self._client.xadd("q", {"v": value})

    def take(self) -> None:
        self.take_batch(1)

    def send_batch(self, values: Sequence[bytes]) -> None:
        pipeline = self._client.pipeline(transaction=False)
        for value in values:
            pipeline.xadd("q", {"v": value})
        pipeline.execute()

    def take_batch(self, number: int) -> None:
        [(_, entries)] = self._client.xreadgroup("workers", "one", {"q": ">"}, count=number)
        assert len(entries) == number
        self._client.xack("q", "workers", *(id for id, _ in entries))

    def close(self) -> None:
        self._client.flushall()

    def finish(self) -> None:
        self._client.close()
        self._server.stop()


class RabbitQueue(Contender):
    """A durable RabbitMQ queue and persistent messages; each publish waits for its confirm."""

    name = "rabbitmq"
    durabilities = ("normal",)

    def prepare(self, folder: Path) -> None:
        self._server = _Server("rabbitmq-server", "pika")
        port = self._server.port
        (folder / "rabbit").mkdir()
        (folder / "plugins").write_text("[].\n")
        self._server.start(
            [],
            folder,
            HOME=str(folder / "rabbit"),
            RABBITMQ_NODENAME=f"bench{port}@localhost",
            RABBITMQ_NODE_IP_ADDRESS="127.0.0.1",
            RABBITMQ_NODE_PORT=str(port),
            RABBITMQ_DIST_PORT=str(_free_port()),
            RABBITMQ_MNESIA_BASE=str(folder / "rabbit"),
            RABBITMQ_LOG_BASE=str(folder / "rabbit"),
            RABBITMQ_ENABLED_PLUGINS_FILE=str(folder / "plugins"),
            RABBITMQ_PID_FILE=str(folder / "rabbit.pid"),
        )
        self._connection = _until(self._connect, self._server.process, "rabbitmq-server")

    def _connect(self) -> Any:
        pika = self._server.module
        return pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", self._server.port))

    def open(self, folder: Path, durability: str) -> None:
        pika = self._server.module
        self._channel = self._connection.channel()
        self._channel.queue_delete("q")
        self._channel.queue_declare("q", durable=True)
        self._channel.basic_qos(prefetch_count=100)
        self._channel.confirm_delivery()
        self._properties = pika.BasicProperties(delivery_mode=2)
        self._incoming: Any = None

    def send(self, value: bytes) -> None:
        self._channel.basic_publish("", "q", value, self._properties)

    def take(self) -> None:
        self._channel.basic_ack(self._next())

    def take_batch(self, number: int) -> None:
        tags = [self._next() for _ in range(number)]
        self._channel.basic_ack(tags[-1], multiple=True)

    def _next(self) -> int:
        if self._incoming is None:
            self._incoming = self._channel.consume("q", inactivity_timeout=_LONGEST_START)
        method, _, _ = next(self._incoming)
        tag: int = method.delivery_tag
        return tag

    def close(self) -> None:
        self._channel.close()

    def finish(self) -> None:
        self._connection.close()
        self._server.stop()
