"""Settings of all things as text: one notation for options, files and output."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, NamedTuple

from store.model.errors import BadInput
from store.model.groups import GroupConfig
from store.model.messages import QueueConfig
from store.model.shares import ShareConfig
from store.model.text import format_duration, format_size, parse_duration, parse_size
from store.model.topics import TopicConfig

Config = TopicConfig | GroupConfig | QueueConfig | ShareConfig


class Notation(NamedTuple):
    """How a setting is written: `read` gives what calls take, `write` takes what configs hold.

    `nothing` is the word for a setting that is absent, where it may be; `many` says that it is a
    list, whose text has commas, `whole` that it is a number.
    """

    read: Callable[[str], Any]
    write: Callable[[Any], str]
    nothing: str | None = None
    many: bool = False
    whole: bool = False


def _read_duration(text: str) -> timedelta:
    return timedelta(milliseconds=parse_duration(text))


def _read_count(text: str) -> int:
    if text.isascii() and text.isdecimal() and len(text) <= 15:
        return int(text)
    raise BadInput(f"{text!r} is not a number", hint="write it as a whole number, such as 1000")


def _read_cleanup(text: str) -> str:
    # Kafka takes the two policies in either order.
    return "compact,delete" if text == "delete,compact" else text


def _read_flag(text: str) -> bool:
    if text in ("true", "false"):
        return text == "true"
    raise BadInput(f"{text!r} is neither true nor false")


def _write_flag(value: bool) -> str:
    return "true" if value else "false"


def _read_durations(text: str) -> list[timedelta]:
    return [_read_duration(part) for part in text.split(",")]


def _write_durations(durations: Sequence[int]) -> str:
    return ",".join(map(format_duration, durations)) or "none"


def _duration(nothing: str | None = None) -> Notation:
    return Notation(_read_duration, format_duration, nothing)


def _size(nothing: str | None = None) -> Notation:
    return Notation(parse_size, format_size, nothing)


_COUNT = Notation(_read_count, str, "none", whole=True)
_WORD = Notation(str, str)
_FLAG = Notation(_read_flag, _write_flag)

TOPIC: Mapping[str, Notation] = {
    "retention": _duration("forever"),
    "retention_bytes": _size("none"),
    "cleanup": Notation(_read_cleanup, str, many=True),
    "tombstone_delay": _duration(),
    "compaction_lag": _duration(),
    "max_message": _size(),
}
GROUP: Mapping[str, Notation] = {
    "assignor": _WORD,
    "below_start": _WORD,
    "retention": _duration(),
    "max_lag": _COUNT,
    "max_lag_time": _duration("none"),
    "max_deliveries": _COUNT,
    "dlq": Notation(str, str, "none"),
}
QUEUE: Mapping[str, Notation] = {
    "fifo": _FLAG,
    "lease": _duration(),
    "delay": _duration(),
    "retention": _duration(),
    "max_deliveries": _COUNT,
    "dlq": Notation(str, str, "none"),
    "dlq_key": Notation(str, str, "none"),
    "drop_exhausted": _FLAG,
    "retry_delays": Notation(_read_durations, _write_durations, "none", many=True),
    "dedup": _duration("none"),
    "content_dedup": _FLAG,
    "dedup_scope": _WORD,
    "priorities": Notation(_read_count, str, whole=True),
    "ttl": _duration("none"),
    "max_length": _COUNT,
    "max_bytes": _size("none"),
    "overflow": _WORD,
    "single_active": _FLAG,
    "fair": _FLAG,
    "redrive_allow": Notation(str, str, many=True),
    "chaos": Notation(str, str, "none"),
    "wait": _duration(),
    "max_message": _size(),
}
SHARE: Mapping[str, Notation] = {
    "lease": _duration(),
    "max_deliveries": _COUNT,
    "max_in_flight": Notation(_read_count, str, whole=True),
    "dlq": Notation(str, str, "none"),
}
_NOTATIONS = {TopicConfig: TOPIC, GroupConfig: GROUP, QueueConfig: QUEUE, ShareConfig: SHARE}


def read_settings(
    notations: Mapping[str, Notation], texts: Mapping[str, str | None]
) -> dict[str, Any]:
    """The settings that are not `None`, as the calls that create and alter take them.

    Raises `BadInput` naming the setting.
    """
    return {
        name: _read(name, notations[name], text) for name, text in texts.items() if text is not None
    }


def config_value(notation: Notation, text: str) -> Any:
    """One setting as configs hold it: lengths of time in milliseconds; raises `BadInput`."""
    if text == notation.nothing:
        return () if notation.many else None
    return _as_held(notation.read(text))


def _as_held(given: Any) -> Any:
    if isinstance(given, timedelta):
        return given // timedelta(milliseconds=1)
    return tuple(map(_as_held, given)) if isinstance(given, list) else given


def _read(name: str, notation: Notation, text: str) -> Any:
    if text == notation.nothing:
        return None
    try:
        return notation.read(text)
    except BadInput as error:
        raise BadInput(f"{name}: {error.message}", hint=error.hint) from None


def first_difference(present: Config, wanted: Config) -> tuple[str, str, str] | None:
    """The first setting in which two things of one kind differ, and both as text."""
    notations = _NOTATIONS[type(present)]
    for name, theirs, ours in zip(present._fields, present, wanted, strict=True):
        if name in notations:
            theirs, ours = (write_setting(notations[name], value) for value in (theirs, ours))
        if theirs != ours:
            return name, str(theirs), str(ours)
    return None


def write_settings(config: Config) -> dict[str, str]:
    """Every setting of a thing as text, absent ones as the word for nothing."""
    notations = _NOTATIONS[type(config)]
    return {
        name: write_setting(notation, getattr(config, name)) for name, notation in notations.items()
    }


def write_setting(notation: Notation, value: Any) -> str:
    """One setting as text."""
    return notation.nothing or "" if value is None else notation.write(value)
