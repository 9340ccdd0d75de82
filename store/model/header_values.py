"""Values of headers and properties that JSON does not have: bytes, times, decimals, and tables.

In JSON each is an object of one member: `{"base64": "…"}`, `{"time": "2026-01-02T03:04:05.678Z"}`,
`{"decimal": "1.5"}`. A table is an object as it is, or `{"table": {…}}` where it would be taken for
one of those.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from store.model.errors import BadInput

if TYPE_CHECKING:
    from store.model.topics import HeaderValue

_TABLE = "table"
# Values in values; the JSON of Python goes no deeper than its stack.
DEEPEST = 32
_LARGEST_NUMBER = 2**63 - 1
_KINDS = "text, numbers, true, false, null, bytes, times, decimals, lists or tables of these"


def to_plain(what: str, value: HeaderValue, depth: int = 0) -> Any:
    """Return a value as JSON has it; raises `BadInput` for one that no header can have."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _text(what, value)
    if isinstance(value, int | float):
        return _number(what, value)
    if depth > DEEPEST:
        raise BadInput(f"{what} has more than {DEEPEST} values in each other")
    if isinstance(value, list | tuple):
        return [to_plain(what, each, depth + 1) for each in value]
    if isinstance(value, Mapping):
        plain = {_name(what, name): to_plain(what, each, depth + 1) for name, each in value.items()}
        return {_TABLE: plain} if _is_mistakable(plain) else plain
    return _tagged(what, value)


def _tagged(what: str, value: object) -> dict[str, str]:
    if isinstance(value, bytes | bytearray | memoryview):
        from base64 import b64encode

        return {"base64": b64encode(value).decode()}
    if isinstance(value, datetime):
        return {"time": _time_text(what, value)}
    if isinstance(value, Decimal) and value.is_finite():
        return {"decimal": str(value)}
    raise BadInput(f"{what} has a {type(value).__name__}", hint=f"header values are {_KINDS}")


def _time_text(what: str, moment: datetime) -> str:
    if moment.tzinfo is None:
        raise BadInput(f"{what} has a time without a zone", hint="datetime.now(UTC) has one")
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _text(what: str, text: str) -> str:
    if not text.isascii():
        try:
            # JSON would accept half of a surrogate pair, and write it unreadably.
            text.encode()
        except UnicodeEncodeError as error:
            raise BadInput(f"the {what} is not valid text: {error.reason}") from error
    return text


def _number(what: str, number: float) -> float:
    if isinstance(number, float) and not math.isfinite(number):
        raise BadInput(f"{what} is not a finite number")
    if isinstance(number, int) and not -_LARGEST_NUMBER - 1 <= number <= _LARGEST_NUMBER:
        raise BadInput(f"{what} is a number of too many digits, beyond 64 bits")
    return number


def _name(what: str, name: object) -> str:
    if not isinstance(name, str):
        raise BadInput(f"{what} has a name that is no text, but {type(name).__name__}")
    return _text(what, name)


def _is_mistakable(plain: Mapping[str, Any]) -> bool:
    return len(plain) == 1 and next(iter(plain)) in {*_READERS, _TABLE}


def from_plain(value: Any) -> HeaderValue:
    """Return the value of what `to_plain` returned, or a person wrote; raises `BadInput`."""
    if isinstance(value, list):
        return [from_plain(each) for each in value]
    if not isinstance(value, dict):
        return value  # type: ignore[no-any-return]
    if len(value) == 1:
        ((tag, content),) = value.items()
        if isinstance(content, str) and (read := _READERS.get(tag)):
            return read(content)
        if tag == _TABLE and isinstance(content, dict):
            value = content
    return {name: from_plain(each) for name, each in value.items()}


def all_from_plain(values: Mapping[str, Any]) -> dict[str, HeaderValue]:
    """Return `from_plain` of each value of an object, which is no table itself."""
    return {name: from_plain(value) for name, value in values.items()}


def _bytes(text: str) -> bytes:
    from base64 import b64decode

    try:
        return b64decode(text, validate=True)
    except ValueError:
        raise BadInput(f"{text[:40]!r} is not Base64") from None


def _time(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise BadInput(f"{text[:40]!r} is not a time in ISO-8601") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _decimal(text: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        raise BadInput(f"{text[:40]!r} is not a decimal number")
    return number


_READERS: dict[str, Callable[[str], HeaderValue]] = {
    "base64": _bytes,
    "time": _time,
    "decimal": _decimal,
}


def bare_size(values: Mapping[str, HeaderValue]) -> int:
    """Return the bytes of names and values, without what JSON puts around them."""
    return sum(len(name.encode()) + _bare_size(value) for name, value in values.items())


def _bare_size(value: HeaderValue) -> int:
    if isinstance(value, bytes):
        return len(value)
    if isinstance(value, Mapping):
        return bare_size(value)
    if isinstance(value, list):
        return sum(map(_bare_size, value))
    return 0 if value is None else len(str(value).encode())
