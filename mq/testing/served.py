"""`mq serve` as a process beside the tests, and its ports."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import Request, urlopen

from store.model.errors import MqError, TimedOut

# Seconds for which a server may take until it listens, and until it has ended.
_PATIENCE = 60.0
_LOOK = 0.01


class ServedPorts(dict[str, int]):
    """The ports of a running server by gateway, also as attributes: `ports["sqs"]`, `ports.sqs`."""

    @property
    def sqs(self) -> int:
        """The port of SQS."""
        return self["sqs"]

    @property
    def sqs_url(self) -> str:
        """The endpoint URL for clients of SQS."""
        return f"http://127.0.0.1:{self.sqs}"

    def reset(self) -> None:
        """Delete everything in the server's store, where that is one of its own."""
        with urlopen(Request(f"{self.sqs_url}/_mq/reset", b"")):
            pass

    def environment(self) -> dict[str, str]:
        """Return the environment variables by which SDKs of Amazon find the server."""
        return {
            "AWS_ENDPOINT_URL_SQS": self.sqs_url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_REGION": "us-east-1",
        }


@contextmanager
def serve(
    *,
    sqs: bool | int = True,
    store: str | os.PathLike[str] | None = None,
    topology: Iterable[str | os.PathLike[str]] = (),
    credentials: str | os.PathLike[str] | None = None,
    chaos: bool = False,
) -> Iterator[ServedPorts]:
    """Run `mq serve` for as long as the block lasts.

    `sqs` is a port, or True for a free one. Without `store` it has a store of its own, gone at the
    end. Topology files are applied first. Raises `MqError` with what the server said if it does not
    start.
    """
    with tempfile.TemporaryDirectory(prefix="mq-testing-") as folder:
        ports = Path(folder, "ports")
        words = [sys.executable, "-m", "mq"]
        words += [] if store is None else ["-s", os.fspath(store)]
        words += ["serve", "--sqs", str(0 if sqs is True else int(sqs)), "--port-file", str(ports)]
        words += ["--memory"] if store is None else []
        words += [] if credentials is None else ["--credentials", os.fspath(credentials)]
        words += ["--chaos"] if chaos else []
        words += [os.fspath(file) for file in topology]
        said = Path(folder, "said")
        with said.open("wb") as output:
            process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stderr=output)
        try:
            yield _wait_for(process, ports, said)
        finally:
            _end(process)


def _wait_for(process: subprocess.Popen[bytes], file: Path, said: Path) -> ServedPorts:
    deadline = time.monotonic() + _PATIENCE
    while not file.exists():
        try:
            process.wait(_LOOK)
        except subprocess.TimeoutExpired:
            if time.monotonic() > deadline:
                raise TimedOut(f"mq serve did not listen within {_PATIENCE:.0f} s") from None
        else:
            raise MqError(f"mq serve ended: {said.read_text(errors='replace').strip()}")
    lines = (line.split() for line in file.read_text().splitlines())
    return ServedPorts({name: int(port) for name, port in lines})


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
