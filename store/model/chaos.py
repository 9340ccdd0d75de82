"""Chaos: a queue that misbehaves on request, as SQS may at any time.

A queue under chaos delivers some messages twice, out of order or late, and refuses some calls. Its
misbehaviour follows from its seed and the sequence of calls alone, so a failure can be repeated.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from store.model.errors import BadInput
from store.model.text import parse_duration

# SQS promises a standard queue's order to hold roughly; ten is the widest window.
WIDEST_WINDOW = 10
_HINT = "write it as duplicate=5%,reorder=10,delay=200ms,throttle=300/s,seed=7, or as none"


class Chaos(NamedTuple):
    """The misbehaviour of a queue: a share of 1, a number of messages, milliseconds, calls a
    second.
    """

    duplicate: float = 0.0
    reorder: int = 0
    delay: int = 0
    throttle: int | None = None
    seed: int = 0


@lru_cache
def parse(text: str) -> Chaos:
    """Read `duplicate=5%,reorder=10,delay=200ms,throttle=300/s,seed=N`; raises `BadInput`."""
    given: dict[str, float | int] = {}
    for part in text.split(","):
        name, equals, value = part.strip().partition("=")
        if name in given or name not in _READERS or not equals:
            raise BadInput(f"not a kind of chaos: {part!r}", hint=_HINT)
        given[name] = _READERS[name](value)
    return Chaos(**given)  # type: ignore[arg-type]


def check(text: str, *, fifo: bool, fair: bool) -> None:
    """Raise `BadInput` for values out of range, or not allowed for that type of queue."""
    found = parse(text)
    if fifo and (found.duplicate or found.reorder or found.delay):
        raise BadInput(
            "a FIFO queue keeps its order and delivers once: only throttle may happen to it",
            hint="throttle=300/s is what SQS does to a FIFO queue",
        )
    if fair and found.reorder:
        raise BadInput(
            "a fair queue has an order of its own, which reorder can't change",
            hint="leave out reorder",
        )


def _share(text: str) -> float:
    number = _number(text.removesuffix("%"))
    if not text.endswith("%") or number > 100:
        raise BadInput(f"not a percentage: {text!r}", hint=_HINT)
    return number / 100


def _rate(text: str) -> int:
    number = _number(text.removesuffix("/s"))
    if not text.endswith("/s") or number < 1:
        raise BadInput(f"not a rate: {text!r}", hint=_HINT)
    return number


def _window(text: str) -> int:
    number = _number(text)
    if number > WIDEST_WINDOW:
        raise BadInput(f"reorder is at most {WIDEST_WINDOW}, not {number}", hint=_HINT)
    return number


def _number(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 15):
        raise BadInput(f"not a number: {text!r}", hint=_HINT)
    return int(text)


_READERS = {
    "duplicate": _share,
    "reorder": _window,
    "delay": parse_duration,
    "throttle": _rate,
    "seed": _number,
}
