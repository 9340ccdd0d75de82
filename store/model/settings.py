"""A setting in one row: its notation, its bounds, its column.

A thing's settings are the fields of its config, each `Annotated` with its `Setting`. Columns,
options, keys of topology files, checks and documents come from these rows.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from functools import lru_cache
from typing import Any, NamedTuple, TypedDict, Unpack, get_origin

from store.model.errors import BadInput
from store.model.text import format_duration, format_size, parse_duration, parse_size

LONGEST_TIME = 10 * 365 * 86_400_000
LARGEST_NUMBER = 2**63 - 1
LARGEST_VALUE = 64 << 20
DURABILITIES = ("full", "normal")
# Records and messages that may go at once when a setting is lowered.
OLDER = "older records and messages may go at once"
BEYOND = "those beyond it may go at once, the oldest first"
EXHAUSTED = "those delivered as often may go at once"


class Notation(NamedTuple):
    """The notation of a setting: `read` gives the value for calls, `write` takes that of configs.

    `nothing` is the word for an absent setting, if it may be absent; `words` are the only allowed
    ones. `many` marks a list, whose text has commas, `whole` a number, `time` a duration, which
    calls take in seconds, `pairs` a mapping of texts; `metavar` is the form of its values.
    """

    read: Callable[[str], Any]
    write: Callable[[Any], str]
    nothing: str | None = None
    many: bool = False
    whole: bool = False
    time: bool = False
    metavar: str = ""
    words: Sequence[str] = ()
    pairs: bool = False


class Setting(NamedTuple):
    """One setting: its notation, its help, its bounds as configs hold them, and its column.

    `column` is that of its field's name by default; one of the reader's table begins with
    `mq_readers.`. `discards` says what may go at once where the setting is lowered.
    """

    notation: Notation
    help: str
    column: str | None = None
    least: int = 0
    most: int = LARGEST_NUMBER
    discards: str | None = None


class _Rest(TypedDict, total=False):
    column: str
    least: int
    most: int
    discards: str


@lru_cache
def settings_of(kind: type[NamedTuple]) -> Mapping[str, Setting]:
    """Return the settings of one kind of thing by name, from the annotations of its config."""
    return {name: field.__metadata__[0] for name, field in kind.__annotations__.items()}


def notations_of(kind: type[NamedTuple]) -> dict[str, Notation]:
    """Return the notation of each setting of one kind of thing, by name."""
    return {name: setting.notation for name, setting in settings_of(kind).items()}


def flag(help: str, **rest: Unpack[_Rest]) -> Setting:
    """Return a setting that is on or off."""
    return Setting(_FLAG, help, **rest)


def count(help: str, nothing: str | None = None, **rest: Unpack[_Rest]) -> Setting:
    """Return a setting that is a whole number."""
    notation = Notation(_read_count, str, nothing, whole=True, metavar=_or("N", nothing))
    return Setting(notation, help, **rest)


def size(help: str, nothing: str | None = None, **rest: Unpack[_Rest]) -> Setting:
    """Return a setting that is a number of bytes."""
    notation = Notation(parse_size, format_size, nothing, metavar=_or("SIZE", nothing))
    return Setting(notation, help, **rest)


def duration(help: str, nothing: str | None = None, **rest: Unpack[_Rest]) -> Setting:
    """Return a setting that is a length of time: seconds in calls, milliseconds in configs."""
    metavar = _or("DURATION", nothing)
    notation = Notation(_read_duration, format_duration, nothing, time=True, metavar=metavar)
    return Setting(notation, help, **rest)


def durations(help: str, **rest: Unpack[_Rest]) -> Setting:
    """Return a setting that is any number of lengths of time."""
    return Setting(_DURATIONS, help, **rest)


def word(help: str, words: Sequence[str], **rest: Unpack[_Rest]) -> Setting:
    """Return a setting that is one of some words."""
    return Setting(Notation(str, str, metavar="|".join(words), words=words), help, **rest)


def cleanup_policy(help: str, **rest: Unpack[_Rest]) -> Setting:
    """Return the setting that says which records leave a topic."""
    words = ("delete", "compact", "compact,delete")
    return Setting(_CLEANUP._replace(metavar="|".join(words), words=words), help, **rest)


def text(
    help: str,
    metavar: str,
    nothing: str | None = None,
    *,
    many: bool = False,
    **rest: Unpack[_Rest],
) -> Setting:
    """Return a setting that is text with rules of its own."""
    return Setting(Notation(str, str, nothing, many, metavar=_or(metavar, nothing)), help, **rest)


def pairs(help: str) -> Setting:
    """Return a setting of names and values: a mapping in calls, pairs in configs."""
    return Setting(LABELS, help)


def _or(metavar: str, nothing: str | None) -> str:
    return metavar if nothing is None else f"{metavar}|{nothing}"


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


_FLAG = Notation(_read_flag, _write_flag)
_DURATIONS = Notation(
    _read_durations, _write_durations, "none", many=True, time=True, metavar="DURATION,…|none"
)
_CLEANUP = Notation(_read_cleanup, str, many=True)


def _read_labels(text: str) -> dict[str, str]:
    from store.model.labels import read

    return read(text)


def _write_labels(labels: tuple[tuple[str, str], ...]) -> str:
    if not labels:
        return "none"
    from store.model.labels import write

    return write(labels)


LABELS = Notation(
    _read_labels, _write_labels, "none", many=True, metavar="NAME=VALUE,…|none", pairs=True
)


def read_settings(kind: type[NamedTuple], given: Mapping[str, str | bool | None]) -> dict[str, Any]:
    """Return the settings that are not `None`, as the calls that create and alter take them.

    Raises `BadInput` naming the setting.
    """
    notations = notations_of(kind)
    return {
        name: value if isinstance(value, bool) else _read(name, notations[name], value)
        for name, value in given.items()
        if value is not None
    }


def config_value(notation: Notation, text: str) -> Any:
    """Return one setting as configs hold it: lengths of time in milliseconds; raises `BadInput`."""
    if text == notation.nothing:
        return () if notation.many else None
    return _as_held(notation.read(text))


def _as_held(given: Any) -> Any:
    if isinstance(given, timedelta):
        return given // timedelta(milliseconds=1)
    if isinstance(given, dict):
        return tuple(sorted(given.items()))
    return tuple(map(_as_held, given)) if isinstance(given, list) else given


def _read(name: str, notation: Notation, text: str) -> Any:
    if text == notation.nothing:
        return None
    try:
        return notation.read(text)
    except BadInput as error:
        raise BadInput(f"{name}: {error.message}", hint=error.hint) from None


def check_settings(config: NamedTuple) -> None:
    """Raise `BadInput` for a setting of the wrong type, an unknown word or a value out of range."""
    kind = type(config)
    for name, setting in settings_of(kind).items():
        value = getattr(config, name)
        _check_type(name, value, kind.__annotations__[name].__origin__)
        words = setting.notation.words
        if words and value not in words:
            raise BadInput(f"{name} can't be {value!r}", hint="one of " + ", ".join(words))
        if isinstance(value, int) and not setting.least <= value <= setting.most:
            raise BadInput(f"{name} is out of range", hint=_range_of(setting))


def _check_type(name: str, value: object, type_: Any) -> None:
    is_flag = type_ is bool and value in (0, 1)
    is_type = isinstance(value, tuple if get_origin(type_) is tuple else type_)
    is_too_large = isinstance(value, int) and value > LARGEST_NUMBER
    if is_too_large or not (is_type or is_flag):
        raise BadInput(f"{name} can't be {value!r}")


def _range_of(setting: Setting) -> str:
    _, write, nothing, *_ = setting.notation
    least, most = write(setting.least), write(setting.most)
    bounds = f"at least {least}" if setting.most == LARGEST_NUMBER else f"from {least} to {most}"
    return bounds if nothing is None else f"{bounds}, or {nothing}"


def first_difference(present: NamedTuple, wanted: NamedTuple) -> tuple[str, str, str] | None:
    """Return the first setting in which two things of one kind differ, and both as text."""
    wanted_texts = write_settings(wanted)
    for name, text in write_settings(present).items():
        if text != wanted_texts[name]:
            return name, text, wanted_texts[name]
    return None


def write_settings(config: NamedTuple) -> dict[str, str]:
    """Return every setting of a thing as text, absent ones as the word for nothing."""
    return {
        name: write_setting(notation, getattr(config, name))
        for name, notation in notations_of(type(config)).items()
    }


def shown_settings(config: NamedTuple) -> dict[str, str]:
    """Return every setting of a thing as text for people; labels only where there are some."""
    notations = notations_of(type(config))
    return {
        name: text
        for name, text in write_settings(config).items()
        if not (notations[name].pairs and text == notations[name].nothing)
    }


def write_setting(notation: Notation, value: Any) -> str:
    """Return one setting as text."""
    return notation.nothing or "" if value is None else notation.write(value)
