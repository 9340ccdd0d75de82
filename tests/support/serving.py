"""`mq serve` as a process of its own, and clients of it."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Any

from tests.support.processes import PATIENCE, ROOT

REGION = "eu-west-1"


class Server:
    """A server that listens."""

    def __init__(self, process: subprocess.Popen[str], ports: dict[str, int], path: Path) -> None:
        self.process = process
        self.ports = ports
        self.path = path
        self.url = f"http://127.0.0.1:{ports['sqs']}"
        self._clients: list[Any] = []

    def client(self, **options: Any) -> Any:
        """A boto3 client of it, which gives up rather than repeat a call that failed."""
        self._clients.append(sqs_client(self.url, **options))
        return self._clients[-1]

    def end(self) -> tuple[int, str]:
        """End it as a supervisor does; return its exit code and what it said."""
        for client in self._clients:
            client.close()
        self.process.send_signal(signal.SIGTERM)
        _, said = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, said


def start_server(path: Path, *words: str, port: int = 0) -> Server:
    """Start a server of the store at the path, and wait until it listens."""
    ports = path.with_name(f"{path.name}.ports")
    ports.unlink(missing_ok=True)
    where = ["--sqs", str(port), "--port-file", str(ports)]
    process = subprocess.Popen(
        [sys.executable, "-m", "mq", "-s", str(path), "serve", *where, *words],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
    )
    return Server(process, wait_for_ports(process, ports), path)


def wait_for_ports(process: subprocess.Popen[Any], file: Path) -> dict[str, int]:
    """The ports that a server wrote; its errors if it ended without."""
    deadline = monotonic() + PATIENCE
    while not file.exists():
        try:
            process.wait(0.02)
        except subprocess.TimeoutExpired:
            assert monotonic() < deadline, "the server does not listen"
        else:
            raise AssertionError(process.communicate()[1])
    lines = (line.split() for line in file.read_text().splitlines())
    return {name: int(port) for name, port in lines}


@contextmanager
def running_server(path: Path, *words: str) -> Iterator[Server]:
    """A server that is ended with the block."""
    server = start_server(path, *words)
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.end()


def sqs_client(url: str, user: str = "test", secret: str = "test", **options: Any) -> Any:
    """A boto3 client of SQS at a URL."""
    import boto3
    from botocore.config import Config

    known: dict[str, Any] = {"retries": {"total_max_attempts": 1}, "read_timeout": PATIENCE}
    return boto3.client(
        "sqs",
        endpoint_url=url,
        region_name=REGION,
        aws_access_key_id=user,
        aws_secret_access_key=secret,
        config=Config(**known | options),
    )
