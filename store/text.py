"""Text for people and for files: durations, sizes, times, and making outside text harmless."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from store.errors import BadInput

_EPOCH = datetime(1970, 1, 1)
_AWARE_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
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
    r"(?:T(?=[0-9])(?:([0-9]+)H)?(?:([0-9]+)M)?(?:([0-9]+)(?:[.,]([0-9]{1,3}))?S)?)?"
)
_DURATION_HINT = "write it as 250ms, 30s, 5m, 12h, 7d, or in ISO-8601 as PT30S or P1DT2H"
_SIZE_HINT = "write it as 512, 64KiB, 1MiB or 10GB"
_TIME_HINT = (
    "write it as 2026-01-02T03:04:05Z, 2026-01-02, 15m (15 minutes ago), "
    "or @N with N in Unix seconds (10 digits) or milliseconds (13 digits)"
)


def parse_duration(text: str) -> int:
    """Read `250ms`, `30s`, `5m`, `12h`, `7d` or an ISO-8601 duration of weeks, days and time.

    Returns milliseconds; raises BadInput for every other form.
    """
    word = text.strip()
    if found := re.fullmatch(r"([0-9]+)(ms|s|m|h|d)", word):
        duration = _whole_number(found[1]) * _DURATION_UNITS[found[2]]
    elif found := re.fullmatch(_ISO_DURATION, word):
        counts = (_whole_number(count or "0") for count in found.groups()[:5])
        duration = sum(count * size for count, size in zip(counts, _ISO_UNITS, strict=True))
        duration += int((found[6] or "").ljust(3, "0"))
    elif word == "0":
        duration = 0
    else:
        raise BadInput(f"{text!r} is not a duration", hint=_DURATION_HINT)
    if duration > _LONGEST_DURATION:
        raise BadInput(f"the duration {text!r} is longer than 100000d")
    return duration


def format_duration(duration: int) -> str:
    """Write milliseconds exactly, in the largest unit that divides them: `7d`, `90s`, `250ms`."""
    if duration == 0:
        return "0s"
    unit = next(unit for unit, size in _DURATION_UNITS.items() if duration % size == 0)
    return f"{duration // _DURATION_UNITS[unit]}{unit}"


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
    """So many of a thing, for people: `1 key`, `1,204 messages`, `2 deliveries`."""
    if number == 1:
        return f"1 {noun}"
    ends_in_ies = noun[-1] == "y" and noun[-2] not in "aeiou"
    return f"{number:,} {noun[:-1]}ies" if ends_in_ies else f"{number:,} {noun}s"


def parse_time(text: str, now: int) -> int:
    """Read a time as Unix milliseconds; `now`, also milliseconds, is what `15m` ago counts from.

    A time is ISO-8601 (local zone if none is given, a date alone is its midnight), a duration
    ago, or `@N` with N in Unix seconds (10 digits) or milliseconds (13). Raises BadInput.
    """
    word = text.strip()
    if re.match(r"[0-9]{4}-", word):
        time = _parse_iso_time(word)
    elif re.fullmatch(r"@([0-9]{10}|[0-9]{13})", word):
        time = int(word[1:]) * (1000 if len(word) == 11 else 1)
    elif re.match(r"[0-9]|P", word):
        time = now - parse_duration(word)
    else:
        raise BadInput(f"{text!r} is not a time", hint=_TIME_HINT)
    if time < 0:
        raise BadInput(f"the time {text!r} lies before 1970")
    return time


def format_time(time: int) -> str:
    """Write Unix milliseconds as ISO-8601 in UTC: `2026-01-02T03:04:05.678Z`."""
    return (_EPOCH + timedelta(milliseconds=time)).isoformat(timespec="milliseconds") + "Z"


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
    # A run of digits beyond this is out of every range here, and int() refuses 4,300 of them.
    return int(digits[:40]) if len(digits) <= 40 else _LARGEST_SIZE * 2


def _parse_iso_time(word: str) -> int:
    try:
        moment = datetime.fromisoformat(word)
        aware = moment if moment.tzinfo else moment.astimezone()
        return (aware - _AWARE_EPOCH) // timedelta(milliseconds=1)
    except (ValueError, OverflowError, OSError):
        raise BadInput(f"{word!r} is not a time", hint=_TIME_HINT) from None
