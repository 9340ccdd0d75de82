"""One run of a command on one record or message."""

from __future__ import annotations

import math
import os
import re
import signal
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from tempfile import TemporaryFile
from threading import Thread
from time import monotonic
from typing import IO

from mq.cli.context import STORE_VARIABLE
from mq.text.headers import header_json
from mq.work.processes import LAST_WORDS, describe_end, signal_group, start
from store.model.messages import Message
from store.model.shares import SharedRecord
from store.model.text import format_duration
from store.model.topics import HeaderValue, Record

LONGEST_ERROR = 1000
_LONGEST_LINE = 1 << 16
# Seconds for which the stderr of an ended command is still read. A process that it left running may
# keep it open.
_LAST_LINES = 0.5
_HEADER_PREFIX = "MQ_HEADER_"
_OURS = (
    "MQ_ADDRESS", "MQ_TOPIC", "MQ_QUEUE", "MQ_PARTITION", "MQ_OFFSET", "MQ_ID", "MQ_KEY",
    "MQ_DELIVERIES", "MQ_RECEIPT",
)  # fmt: skip


class Job:
    """A command that runs on a value; `is_over` must be called often, and ends a late one.

    `timeout` is in seconds. The lines of its stderr go to `relay` as they come, from another
    thread; its stdout is ours. With `holds_last` the last one stays back, in `held`: it is told as
    the error where the command fails.
    """

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str | bytes], value: bytes | None,
        timeout: float, relay: Callable[[str], None], *, holds_last: bool = False,
    ) -> None:  # fmt: skip
        # A pipe that the command does not read would fill up, and a file needs no feeding.
        with TemporaryFile() as stdin:
            stdin.write(value or b"")
            stdin.seek(0)
            self._process = start(command, environment, stdin, None)
        self._timeout = timeout
        self.deadline = monotonic() + timeout
        self._has_timed_out = False
        self._kill_at: float | None = None
        self._over_at = math.inf
        self._last_line = ""
        self._holds_last = holds_last
        self.held: str | None = None
        assert self._process.stderr is not None
        self._reader = Thread(target=self._read, args=(self._process.stderr, relay), daemon=True)
        self._reader.start()

    def is_over(self) -> bool:
        """Return whether the command has ended, with all its processes if it had to be ended."""
        now = monotonic()
        status = self._process.poll()
        if status is None and self._kill_at is None and now >= self.deadline:
            self._has_timed_out = True
            self.terminate()
        if self._kill_at is not None:
            if now < self._kill_at and signal_group(self._process, 0):
                return False
            signal_group(self._process, signal.SIGKILL)
        if status is None:
            return False
        self._over_at = min(self._over_at, now + _LAST_LINES)
        return not self._reader.is_alive() or now >= self._over_at

    def terminate(self) -> None:
        """Tell the command and its processes to end; those that do not within 2 s are killed."""
        if self._kill_at is None:
            self._kill_at = monotonic() + LAST_WORDS
            self.deadline = self._kill_at
            signal_group(self._process, signal.SIGTERM)

    @property
    def error(self) -> str | None:
        """The failure of a finished command: its last line of stderr or how it ended."""
        if self._has_timed_out:
            return f"timed out after {format_duration(round(self._timeout * 1000))}"
        if not self._process.returncode:
            return None
        return self._last_line or describe_end(self._process.returncode)

    def _read(self, stream: IO[bytes], relay: Callable[[str], None]) -> None:
        with stream:
            for line in iter(partial(stream.readline, _LONGEST_LINE), b""):
                text = line.decode(errors="replace").rstrip("\r\n")
                self._relay(text, relay)
                self._last_line = text.strip()[:LONGEST_ERROR] or self._last_line

    def _relay(self, text: str, relay: Callable[[str], None]) -> None:
        if self._holds_last:
            text, self.held = self.held or "", text
            if not text:
                return
        relay(text)


def environment(store: str) -> dict[str, str]:
    """Return the environment of every command, without the variables of an outer `mq work`."""
    kept = {
        name: text
        for name, text in os.environ.items()
        if name not in _OURS and not name.startswith(_HEADER_PREFIX)
    }
    return kept | {STORE_VARIABLE: store}


def variables(item: Record | SharedRecord | Message, deliveries: int) -> dict[str, str | bytes]:
    """Return the variables that describe a record or message; a NUL can't be in there."""
    variables: dict[str, str | bytes | None] = {
        "MQ_ADDRESS": item.address,
        "MQ_KEY": item.key,
        "MQ_DELIVERIES": str(deliveries),
    }
    if isinstance(item, Record | SharedRecord):
        variables |= {
            "MQ_TOPIC": item.topic,
            "MQ_PARTITION": str(item.partition),
            "MQ_OFFSET": str(item.offset),
        }
    else:
        variables |= {"MQ_QUEUE": item.queue, "MQ_ID": item.id}
    if not isinstance(item, Record):
        variables["MQ_RECEIPT"] = item.receipt
    for name, value in item.headers.items():
        variables[_HEADER_PREFIX + re.sub("[^A-Z0-9]", "_", name.upper())] = _header_text(value)
    return {
        name: text for name, text in variables.items() if text is not None and not _has_nul(text)
    }


def _header_text(value: HeaderValue) -> str | bytes:
    if value is None:
        return ""
    return value if isinstance(value, str | bytes) else header_json(value)


def _has_nul(text: str | bytes) -> bool:
    return b"\0" in text if isinstance(text, bytes) else "\0" in text
