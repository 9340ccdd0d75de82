"""Text for people and for files: durations, sizes, times, and making outside text harmless."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from store.model.errors import BadInput

Value = TypeVar("Value")

_EPOCH = datetime(1970, 1, 1)
_AWARE_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST = 253_402_300_799_999
# Times keep so many digits below a millisecond until they are rounded.
_FINE = 10**7
_DURATION_UNITS = {"d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1000, "ms": 1}
_ISO_UNITS = (604_800_000, 86_400_000, 3_600_000, 60_000, 1000)
_LONGEST_DURATION = 100_000 * _DURATION_UNITS["d"]
_LARGEST_SIZE = 2**63 - 1
_SIZE_UNITS = {
    "TiB": 1 << 40,
    "GiB": 1 << 30,
    "MiB": 1 << 20,
    "KiB": 1 << 10,
    "TB": 10**12,
    "GB": 10**9,
    "MB": 10**6,
    "KB": 10**3,
    "B": 1,
}
_SIZES_BY_LOWER_CASE = {name.lower(): size for name, size in _SIZE_UNITS.items()} | {"": 1}
_ISO_DURATION = (
    r"P(?=[0-9T])(?:([0-9]+)W)?(?:([0-9]+)D)?"
    r"(?:T(?=[0-9])(?:([0-9]+)H)?(?:([0-9]+)M)?(?:([0-9]+)(?:[.,]([0-9]+))?S)?)?"
)
_DURATION_HINT = "write it as 250ms, 30s, 5m, 12h, 7d, or in ISO-8601 as PT30S or P1DT2H"
_SIZE_HINT = "write it as 512, 64KiB, 1MiB or 10GB"
_TIME_FORM = r"[0-9]{4}-|@|[0-9]+(ms|s|m|h|d)$|P[0-9T]"
_FRACTION = r"(.+[Tt ][0-9]{2}:?[0-9]{2}:?[0-9]{2})[.,]([0-9]+)(.*)"
_TIME_HINT = (
    "write it as 2026-01-02T03:04:05Z, 2026-01-02, 15m (15 minutes ago), "
    "yesterday, 09:00, last tuesday 14:00, "
    "or @N with N in Unix seconds (10 digits) or milliseconds (13 digits)"
)


def parse_duration(text: str) -> int:
    """Read `250ms`, `30s`, `5m`, `12h`, `7d` or an ISO-8601 duration of weeks, days and time.

    Returns milliseconds; raises BadInput for every other form, and for finer durations.
    """
    duration, finer = divmod(_parse_duration(text), _FINE)
    if finer:
        raise BadInput(f"the duration {text!r} is finer than a millisecond", hint=_DURATION_HINT)
    return duration


def _parse_duration(text: str) -> int:
    word = text.strip()
    fraction = 0
    if found := re.fullmatch(r"([0-9]+)(ms|s|m|h|d)", word):
        duration = _whole_number(found[1]) * _DURATION_UNITS[found[2]]
    elif found := re.fullmatch(_ISO_DURATION, word):
        counts = (_whole_number(count or "0") for count in found.groups()[:5])
        duration = sum(count * size for count, size in zip(counts, _ISO_UNITS, strict=True))
        fraction = _fraction(found[6], 1000)
    elif word == "0":
        duration = 0
    else:
        raise BadInput(f"{text!r} is not a duration", hint=_DURATION_HINT)
    if duration > _LONGEST_DURATION:
        raise BadInput(f"the duration {text!r} is longer than 100000d")
    return duration * _FINE + fraction


def _fraction(digits: str | None, unit: int) -> int:
    """Return the digits behind the point of a number of units, each `unit` milliseconds long."""
    if not digits:
        return 0
    places = len(str(unit * _FINE)) - 1
    # Finer digits only say that something follows.
    follows = bool(digits[places - 1 :].strip("0"))
    return int(digits[: places - 1].ljust(places - 1, "0")) * 10 + follows


def format_duration(duration: int) -> str:
    """Write milliseconds exactly, in the largest unit that divides them: `7d`, `90s`, `250ms`."""
    if duration == 0:
        return "0s"
    unit = next(unit for unit, size in _DURATION_UNITS.items() if duration % size == 0)
    return f"{duration // _DURATION_UNITS[unit]}{unit}"


def if_known(value: Value | None, describe: Callable[[Value], str]) -> str:
    """Write a value for people: `-` for `None`, which an engine does not know."""
    return "-" if value is None else describe(value)


def describe_count(number: int) -> str:
    """Write a number for people: `12,345`."""
    return f"{number:,}"


def describe_duration(seconds: float) -> str:
    """Write a length of time for people: `250ms`, `12s`, `14m02s`, `5h07m`, `3d 2h`."""
    if seconds < 0:
        return "-" + describe_duration(-seconds)
    if seconds < 1:
        return f"{int(seconds * 1000)}ms" if seconds else "0s"
    minutes, rest = divmod(int(seconds), 60)
    if minutes < 1:
        return f"{rest}s"
    if minutes < 60:
        return f"{minutes}m{rest:02}s"
    if minutes < 1440:
        return f"{minutes // 60}h{minutes % 60:02}m"
    return f"{minutes // 1440}d {minutes % 1440 // 60}h"


def describe_ago(time: int, now: int) -> str:
    """Write a time for people by its distance from `now`, both in Unix milliseconds.

    The distance has one unit: `4m ago`, `in 2h`, `now`.
    """
    seconds = abs(now - time) // 1000
    units = {"d": 86_400, "h": 3600, "m": 60, "s": 1}
    for unit, size in units.items():
        if seconds >= size:
            distance = f"{seconds // size}{unit}"
            return f"in {distance}" if time > now else f"{distance} ago"
    return "now"


def parse_size(text: str) -> int:
    """Read `512`, `512B`, `64KiB`, `1MiB` or `10GB` as bytes; units count in any letter case."""
    found = re.fullmatch(r"([0-9]+) ?([A-Za-z]*)", text.strip())
    unit = _SIZES_BY_LOWER_CASE.get(found[2].lower()) if found else None
    if found is None or unit is None:
        raise BadInput(f"{text!r} is not a size", hint=_SIZE_HINT)
    size = _whole_number(found[1]) * unit
    if size > _LARGEST_SIZE:
        raise BadInput(f"the size {text!r} is larger than 8 EiB")
    return size


def format_size(size: int) -> str:
    """Write bytes exactly and as short as the units allow: `1MiB`, `10GB`, `1537B`."""
    if size == 0:
        return "0B"
    exact = [f"{size // unit}{name}" for name, unit in _SIZE_UNITS.items() if size % unit == 0]
    return min(exact, key=len)


def describe_size(size: int) -> str:
    """Write bytes for people, with one decimal: `512 B`, `2.1 KiB`, `1.0 GiB`."""
    if abs(size) < 1024:
        return f"{size} B"
    number, unit = size / 1024, "KiB"
    for larger in ("MiB", "GiB", "TiB"):
        # From here on one decimal would round up to 1024.0.
        if abs(number) >= 1023.95:
            number, unit = number / 1024, larger
    return f"{number:.1f} {unit}"


def counted(number: int, noun: str) -> str:
    """Write a count for people: `1 key`, `1,204 messages`, `2 deliveries`."""
    if number == 1:
        return f"1 {noun}"
    ends_in_ies = noun[-1] == "y" and noun[-2] not in "aeiou"
    return f"{number:,} {noun[:-1]}ies" if ends_in_ies else f"{number:,} {noun}s"


def is_like_a_time(word: str) -> bool:
    """Return whether a word is meant as a time, right or wrong, and not as anything else."""
    return re.match(_TIME_FORM, word.strip()) is not None or _is_everyday(word)


def is_absolute(word: str) -> bool:
    """Return whether a time is a point in time, and not a duration ago."""
    return re.match(r"[0-9]{4}-|@", word.strip()) is not None or _is_everyday(word)


def _is_everyday(word: str) -> bool:
    from store.model.everyday_times import is_everyday_time

    return is_everyday_time(word)


def parse_time(text: str, now: int, *, up: bool = False) -> int:
    """Read a time as Unix milliseconds; `now`, also milliseconds, is what `15m` ago counts from.

    A time is ISO-8601 (local zone by default, a date alone is its midnight), a duration ago, `@N`
    with N in Unix seconds (10 digits) or milliseconds (13), or one of `everyday_times`. Parts finer
    than a millisecond are cut off as the clock does it or, with `up`, rounded up. Raises BadInput.
    """
    word = text.strip()
    if re.match(r"[0-9]{4}-", word):
        time = _parse_iso_time(word)
    elif found := re.fullmatch(r"@(?:([0-9]{10})|([0-9]{13}))(?:[.,]([0-9]+))?", word):
        unit = 1000 if found[1] else 1
        time = int(found[1] or found[2]) * unit * _FINE + _fraction(found[3], unit)
    elif _is_everyday(word):
        from store.model.everyday_times import parse_everyday_time

        time = parse_everyday_time(word, now) * _FINE
    elif re.match(r"[0-9]|P", word):
        time = now * _FINE - _parse_duration(word)
    else:
        raise BadInput(f"{text!r} is not a time", hint=_TIME_HINT)
    rounded = -(-time // _FINE) if up else time // _FINE
    if rounded < 0:
        raise _out_of_range(word, f"before 1970: in UTC it is {format_time(rounded)}")
    if rounded > _LATEST:
        raise _out_of_range(word, "after the year 9999")
    return rounded


def _out_of_range(word: str, where: str) -> BadInput:
    hint = "times go from 1970-01-01T00:00:00Z to the year 9999; one without a zone is local"
    return BadInput(f"the time {word!r} lies {where}", hint=hint)


def format_time(time: int) -> str:
    """Write Unix milliseconds as ISO-8601 in UTC: `2026-01-02T03:04:05.678Z`."""
    return (_EPOCH + timedelta(milliseconds=time)).isoformat(timespec="milliseconds") + "Z"


def without_mark(text: bytes) -> bytes:
    """Return UTF-8 text without the byte order mark that some editors write."""
    return text.removeprefix(b"\xef\xbb\xbf")


def printable(text: str, *, block: bool = False) -> str:
    r"""Make text from outside harmless on a terminal.

    Control, format (bidi and zero-width), surrogate and line-separating characters become
    `\xNN`, `\uNNNN` or `\UNNNNNNNN`. With `block`, newline and tab stay as they are.
    """
    if text.isprintable() or (block and text.translate(_LAYOUT).isprintable()):
        return text
    kept = "\n\t" if block else ""
    return "".join(
        char if char.isprintable() or char in kept else _escape_unseen(char) for char in text
    )


def printable_bytes(data: bytes, *, block: bool = False) -> str:
    r"""Like `printable`, for bytes that should be UTF-8; those that are not become `\xNN`."""
    return printable(data.decode("utf-8", "backslashreplace"), block=block)


_LAYOUT = {ord("\n"): None, ord("\t"): None}


def _escape_unseen(char: str) -> str:
    from unicodedata import category

    if category(char) not in {"Cc", "Cf", "Cs", "Zl", "Zp"}:
        return char
    number = ord(char)
    if number < 0x100:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def _whole_number(digits: str) -> int:
    # A longer run of digits is out of every range here, and int() refuses 4,300 of them.
    return int(digits[:40]) if len(digits) <= 40 else _LARGEST_SIZE * 2


def _parse_iso_time(word: str) -> int:
    fraction = re.fullmatch(_FRACTION, word)
    try:
        moment = datetime.fromisoformat(fraction[1] + fraction[3] if fraction else word)
    except ValueError as error:
        reason = "" if "isoformat" in str(error) else f": {error}"
        raise BadInput(f"{word!r} is not a time{reason}", hint=_TIME_HINT) from None
    try:
        aware = moment if moment.tzinfo else moment.astimezone()
        whole = (aware - _AWARE_EPOCH) // timedelta(microseconds=1)
    except (ValueError, OverflowError, OSError):
        # A local time near the first or the last year has no place in the zone's history.
        where = "before 1970" if moment.year < 1970 else "after the year 9999"
        raise _out_of_range(word, where) from None
    return whole * (_FINE // 1000) + (_fraction(fraction[2], 1000) if fraction else 0)


def describe_growth(growth: float, lag: int) -> str:
    """Return in a few words where a lag leads that changes by so many messages per second."""
    if growth >= 0.05:
        return f"growing {growth:.3g}/s"
    if growth <= -0.05 and lag:
        return f"caught up in {describe_duration(lag / -growth)}"
    return "steady"
