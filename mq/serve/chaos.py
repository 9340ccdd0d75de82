"""Misbehaviour on purpose: lost answers, closed connections and throttling, to test clients."""

from __future__ import annotations

import random
from typing import Literal

Mischief = Literal["close", "throttle", "lose"]

# The share of requests that each befalls.
SHARE = 0.05
_KINDS: tuple[Mischief, ...] = ("close", "throttle", "lose")


class ServerChaos:
    """Decides, by chance, which requests go wrong.

    `close` ends the connection before anything is done, `throttle` refuses, and `lose` does the
    work and ends the connection without the answer: the client does not know that it was done.
    """

    def __init__(self, seed: int | None = None) -> None:
        self._random = random.Random(seed)

    def next(self) -> Mischief | None:
        """Return what befalls the next request; mostly nothing."""
        number = int(self._random.random() / SHARE)
        return _KINDS[number] if number < len(_KINDS) else None
