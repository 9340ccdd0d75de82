"""Positions in a log by word: `earliest`, `latest`, `last`, `committed`, a number, a time, `-N`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

from store.model.errors import BadInput
from store.model.text import is_absolute, is_like_a_time, parse_time

Kind = Literal["earliest", "latest", "last", "committed", "offset", "time", "came", "back"]
_WORDS: dict[str, Kind] = {
    "earliest": "earliest",
    "first": "earliest",
    "latest": "latest",
    "next": "latest",
    "last": "last",
    "committed": "committed",
}


class Position(NamedTuple):
    """A position in a partition. `number` is an offset, Unix milliseconds, or how many from the
    end.

    A `time` is one of timestamps. `came` is the arrival of records: the same, unless their
    timestamps were ahead of the clock.

    `latest` is after the newest record, `last` the newest record itself (RabbitMQ Streams: next and
    last).
    """

    kind: Kind
    number: int = 0


def parse_position(word: str, now: int, *, up: bool = False) -> Position:
    """Read an offset word; `now` is Unix milliseconds. Raises `BadInput`.

    A time finer than a millisecond is cut off, with `up` rounded up: so records at the bound are
    included, whether reading begins or ends there.
    """
    if word in _WORDS:
        return Position(_WORDS[word])
    digits = word.removeprefix("-")
    if digits.isascii() and digits.isdecimal() and len(digits) <= 13:
        return Position("back" if word.startswith("-") else "offset", int(digits))
    if is_like_a_time(word):
        kind: Kind = "time" if is_absolute(word) else "came"
        return Position(kind, parse_time(word, now, up=up))
    raise BadInput(
        f"not a place in a log: {word!r}",
        hint="earliest, latest, last, committed, an offset, -N, 15m, 2026-01-31, yesterday 09:00",
    )


def check_position(position: object) -> None:
    """Raise `BadInput` for an invalid position."""
    if not isinstance(position, Position):
        raise BadInput(
            f"a position can't be {position!r}", hint='make one: parse_position("earliest", now)'
        )


class Shift(NamedTuple):
    """A number of offsets forward, or back when negative, from the committed one."""

    by: int


Target = Position | Shift | Mapping[tuple[str, int], int | None]
"""The target of a reset: one position for all, a shift for all, or for each partition an offset or,
with `None`, no commit.
"""
Scope = list[tuple[str, int | None]]
"""Topics, or single partitions of them."""
