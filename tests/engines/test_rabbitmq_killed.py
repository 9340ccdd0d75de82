"""A server of RabbitMQ that is killed before it confirms: a server of this test alone."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from random import randrange
from typing import NamedTuple

import pytest

from store import open_place
from tests.support import rabbitmq_server
from tests.support.rabbitmq_server import PATIENCE, until

SCRIPT = Path(__file__).parents[2] / ".ci" / "rabbitmq"
TCP = Path("/proc/net/tcp")
# AMQP, management, streams, nodes, their names, and TLS: one after the other.
PORTS = 6


class Server(NamedTuple):
    """A server, its AMQP port and the process of its virtual machine."""

    place: str
    port: int
    process: int


def free_ports() -> int:
    """The first of as many free ports as a server takes."""
    while True:
        first = randrange(20_000, 30_000)
        with ExitStack() as stack:
            try:
                for port in range(first, first + PORTS):
                    taken = stack.enter_context(closing(socket.socket()))
                    taken.bind(("127.0.0.1", port))
            except OSError:
                continue
        return first


@pytest.fixture
def doomed(tmp_path: Path) -> Iterator[Server]:
    """A server that may be killed."""
    rabbitmq_server.server()
    if not (Path("/usr/lib/rabbitmq/bin").exists() and TCP.exists()):
        pytest.skip("no rabbitmq-server of Debian on this machine")
    port = free_ports()
    ports = os.environ | {"MQ_TEST_RABBITMQ_PORT": str(port)}
    started = subprocess.run(
        [str(SCRIPT), "start", str(tmp_path)], env=ports, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, text=True, timeout=PATIENCE * 3, check=True,
    )  # fmt: skip
    process = int((tmp_path / "pid").read_text())
    yield Server(started.stdout.strip(), port, process)
    if is_alive(process):
        os.kill(process, signal.SIGKILL)
    names = os.environ | {"ERL_EPMD_PORT": str(port + 4)}
    subprocess.run(["epmd", "-kill"], env=names, stdout=subprocess.DEVNULL, check=False)


def is_alive(process: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        return "State:\tZ" not in Path(f"/proc/{process}/status").read_text()
    except FileNotFoundError:
        return False


def unread(port: int) -> int:
    """The bytes that the kernel holds for the reader of a port."""
    rows = [line.split() for line in TCP.read_text().splitlines()[1:]]
    return sum(int(row[4].split(":")[1], 16) for row in rows if row[1].endswith(f":{port:04X}"))


def test_killed_before_the_confirm_produce_ends_with_6(doomed: Server) -> None:
    with open_place(doomed.place) as broker:
        broker.create_queue("emails")
    words = [sys.executable, "-m", "mq", "-s", doomed.place, "produce", "emails"]
    with subprocess.Popen(
        [*words, "--batch", "1", "-o", "ndjson"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as mq:  # fmt: skip
        assert mq.stdin
        assert mq.stdout
        assert mq.stderr
        mq.stdin.write("confirmed\n")
        mq.stdin.flush()
        assert '"queue":"emails"' in mq.stdout.readline()
        os.kill(doomed.process, signal.SIGSTOP)
        mq.stdin.write("never confirmed\n")
        mq.stdin.flush()
        until(lambda: unread(doomed.port) > 0)
        os.kill(doomed.process, signal.SIGKILL)
        errors = mq.stderr.read()
        assert mq.wait(PATIENCE) == 6
    assert "0 of 1 message confirmed" in errors
    assert "1 message before it is stored" in errors
