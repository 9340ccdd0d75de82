"""Places in a log by word: `earliest`, `latest`, `last`, `committed`, a number, a time, `-N`."""

from typing import Literal, NamedTuple

from store.model.errors import BadInput
from store.model.text import is_absolute, is_like_a_time, parse_time
from store.sqlite.file.database import Snapshot
from store.sqlite.log.read import last_offset, offset_for_arrival, offset_for_time
from store.sqlite.log.topics import Partition

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
    """A place in a partition. `number` is an offset, Unix milliseconds, or how many from the end.

    A `time` is one of timestamps. `came` is when records came: the same, unless their timestamps
    were ahead of the clock.

    `latest` is after the newest record, `last` the newest record itself (RabbitMQ Streams: next
    and last).
    """

    kind: Kind
    number: int = 0


def parse_position(word: str, now: int, *, up: bool = False) -> Position:
    """Read an offset word; `now` is Unix milliseconds. Raises `BadInput`.

    A time finer than a millisecond is cut off, with `up` rounded up: so that what lies at the
    bound is not left out, whether reading begins or ends there.
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
        hint="earliest, latest, last, committed, an offset, -N, 15m, @1700000000, 2026-01-31",
    )


def check(position: object) -> None:
    """Raise `BadInput` for what is no position."""
    if not isinstance(position, Position):
        raise BadInput(
            f"a position can't be {position!r}", hint='make one: parse_position("earliest", now)'
        )


def resolve(
    tx: Snapshot, partition: Partition, position: Position, committed: int | None = None
) -> int:
    """The offset a position stands for, not yet clamped to the log.

    A time after every record is the log's end (Kafka's reset by datetime). Raises `BadInput` for
    `committed` where nothing is.
    """
    check(position)
    match position.kind:
        case "earliest":
            return partition.start
        case "latest":
            return partition.next
        case "last":
            newest = last_offset(tx, partition)
            return partition.next if newest is None else newest
        case "offset":
            return position.number
        case "back":
            return partition.next - position.number
        case "time":
            found = offset_for_time(tx, partition, position.number)
            return partition.next if found is None else found
        case "came":
            found = offset_for_arrival(tx, partition, position.number)
            return partition.next if found is None else found
        case "committed" if committed is not None:
            return committed
    raise BadInput(
        f"nothing is committed in partition {partition.number}",
        hint="name another place: earliest, latest, an offset or a time",
    )


def clamp(partition: Partition, offset: int) -> int:
    """The offset, moved into the log where it is outside."""
    return min(max(offset, partition.start), partition.next)
