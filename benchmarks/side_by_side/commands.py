"""Brokers as a shell script uses them: a whole command for each message."""

from __future__ import annotations

import subprocess
import sys
from abc import abstractmethod
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from .contenders import DELETED, Contender, Unavailable


class _Commands(Contender):
    """Commands of a Python module, as this interpreter runs them."""

    promise = DELETED

    def open(self, folder: Path, durability: str) -> None:
        self._folder = folder
        for words in self._beginning(durability):
            self._run(words)

    def send(self, value: bytes) -> None:
        self._run(self._sending(value.decode()))

    def take(self) -> None:
        assert self._run(self._receiving())

    def close(self) -> None:
        """A command leaves nothing open."""

    def _run(self, words: Sequence[str]) -> bytes:
        return subprocess.run(
            [sys.executable, "-m", *words], cwd=self._folder, check=True, stdout=subprocess.PIPE
        ).stdout

    def _beginning(self, durability: str) -> Sequence[Sequence[str]]:
        return []

    @abstractmethod
    def _sending(self, value: str) -> Sequence[str]:
        """The words that send a message."""

    @abstractmethod
    def _receiving(self) -> Sequence[str]:
        """The words that receive a message for good."""


class MqCommands(_Commands):
    """`mq produce` and `mq receive --auto-ack`."""

    name = "mq"

    def _beginning(self, durability: str) -> Sequence[Sequence[str]]:
        return [
            ("mq", "-s", "mq.db", "init", "--durability", durability),
            ("mq", "-s", "mq.db", "queue", "create", "q"),
        ]

    def _sending(self, value: str) -> Sequence[str]:
        return ("mq", "-s", "mq.db", "produce", "q", value)

    def _receiving(self) -> Sequence[str]:
        return ("mq", "-s", "mq.db", "receive", "q", "--auto-ack")


class SimpleBrokerCommands(_Commands):
    """`broker write` and `broker read`."""

    name = "simplebroker"

    def prepare(self, folder: Path) -> None:
        if find_spec("simplebroker") is None:
            raise Unavailable("simplebroker is not installed")

    def _sending(self, value: str) -> Sequence[str]:
        return ("simplebroker", "write", "q", value)

    def _receiving(self) -> Sequence[str]:
        return ("simplebroker", "read", "q")
