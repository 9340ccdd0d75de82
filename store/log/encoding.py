"""What callers give, turned into what the columns hold; limits are checked here."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from operator import add, attrgetter
from types import NoneType
from typing import Any, NamedTuple

from store.errors import BadInput
from store.models import Headers, HeaderValue, NewRecord, Seconds, Timestamp, in_seconds

MOST_HEADERS = 64
LARGEST_HEADER = 8 << 10
_DISTANT_FUTURE = 253_402_300_800_000  # the year 10000
_PARTS = [attrgetter(name) for name in ("value", "key", "headers", "timestamp", "partition")]


class Encoded(NamedTuple):
    """A record in the form of its columns; `timestamp` `None` means now.

    `size` is the bytes of key, headers and value together.
    """

    value: bytes | None
    key: bytes | None
    headers: str | None
    timestamp: int | None
    size: int

    @classmethod
    def stored(cls, value: bytes | None, key: bytes | None, headers: str | None) -> Encoded:
        """A record from the columns of another one, to be stored anew at the present time."""
        size = len(value or b"") + len(key or b"") + len(headers or "")
        return cls(value, key, headers, None, size)


def encode(
    value: bytes | str | None,
    key: bytes | str | None,
    headers: Headers | None,
    timestamp: Timestamp | None,
) -> Encoded:
    """A record as its columns hold it; raises `BadInput` for what they can't."""
    if type(value) is not bytes:
        value = encode_bytes(value, "value")
    size = 0 if value is None else len(value)
    if key is not None:
        key = encode_bytes(key, "key")
        size += len(key or b"")
    text = None
    if headers:
        text = encode_headers(headers)
        size += len(text or "")
    if timestamp is not None:
        timestamp = encode_timestamp(timestamp)
    return Encoded(value, key, text, timestamp, size)


class Batch(NamedTuple):
    """Records column by column; a column in which no record has anything is `None`.

    What is done to a whole column is done in C, and so takes a fraction of the time.
    """

    values: Sequence[bytes | None]
    keys: Sequence[bytes | None] | None
    headers: Sequence[str | None] | None
    timestamps: Sequence[int | None] | None
    partitions: Sequence[int | None] | None
    sizes: Sequence[int]

    def chosen(self, indexes: Sequence[int]) -> Batch:
        """Some of the records, or all of them, in this order."""
        if len(indexes) == len(self.values):
            return self
        return Batch._make(column and [column[index] for index in indexes] for column in self)


def encode_batch(given: Sequence[NewRecord | bytes | str]) -> Batch:
    """Records, or values that are records without anything else, as `encode` does it for one."""
    if len(given) == 1:
        return _batch_of_one(_as_record(given[0]))
    kinds = set(map(type, given))
    if kinds <= {bytes, str}:
        return _batch(given)
    records = given if kinds == {NewRecord} else [_as_record(each) for each in given]
    return _batch(*(list(map(part, records)) for part in _PARTS))


def _batch_of_one(record: NewRecord) -> Batch:
    # What columns save with many records they cost with one.
    value, key, headers, timestamp, size = encode(
        record.value, record.key, record.headers, record.timestamp
    )
    return Batch(
        values=[value],
        keys=None if key is None else [key],
        headers=None if headers is None else [headers],
        timestamps=None if timestamp is None else [timestamp],
        partitions=None if record.partition is None else [record.partition],
        sizes=[size],
    )


def _as_record(given: object) -> NewRecord:
    if isinstance(given, NewRecord):
        return given
    if isinstance(given, bytes | str | bytearray | memoryview):
        return NewRecord(given)  # type: ignore[arg-type]
    raise BadInput(f"a record must be a NewRecord, bytes or str, not {type(given).__name__}")


def _batch(
    values: Sequence[Any],
    keys: Sequence[Any] | None = None,
    headers: Sequence[Any] | None = None,
    timestamps: Sequence[Any] | None = None,
    partitions: Sequence[Any] | None = None,
) -> Batch:
    values = _encode_column(values, "value")
    sizes = _lengths(values)
    if keys := _present(keys):
        keys = _encode_column(keys, "key")
        sizes = list(map(add, sizes, _lengths(keys)))
    if headers := _present(headers):
        headers = [encode_headers(each) for each in headers]
        sizes = list(map(add, sizes, _lengths(headers)))
    if timestamps := _present(timestamps):
        timestamps = [encode_timestamp(each) for each in timestamps]
    return Batch(values, keys, headers, timestamps, _present(partitions), sizes)


def _present(column: Sequence[Any] | None) -> Sequence[Any] | None:
    return None if column is None or column.count(None) == len(column) else column


def _encode_column(column: Sequence[Any], what: str) -> Sequence[bytes | None]:
    if set(map(type, column)) <= {bytes, NoneType}:
        return column
    return [encode_bytes(each, what) for each in column]


def _lengths(column: Sequence[bytes | str | None]) -> list[int]:
    try:
        return list(map(len, column))  # type: ignore[arg-type]
    except TypeError:  # None is among them
        return [len(each or b"") for each in column]


def encode_bytes(given: bytes | str | None, what: str) -> bytes | None:
    """Bytes as they are, text as UTF-8; raises `BadInput` for anything else."""
    if given is None or type(given) is bytes:
        return given
    if isinstance(given, str):
        try:
            return given.encode()
        except UnicodeEncodeError as error:
            raise BadInput(f"the {what} is not valid text: {error.reason}") from error
    if isinstance(given, bytes | bytearray | memoryview):
        return bytes(given)
    raise BadInput(f"the {what} must be bytes or str, not {type(given).__name__}")


def encode_headers(headers: Headers | None) -> str | None:
    """Headers as a JSON object in ASCII; raises `BadInput` past 64 headers or 8 KiB for one."""
    if not headers:
        return None
    if not isinstance(headers, Mapping):
        raise BadInput(f"headers must be a mapping, not {type(headers).__name__}")
    if len(headers) > MOST_HEADERS:
        raise BadInput(f"{len(headers)} headers; a record takes at most {MOST_HEADERS}")
    for name, value in headers.items():
        _check_header(name, value)
    import json

    return json.dumps(dict(headers), separators=(",", ":"))


def _check_header(name: object, value: HeaderValue) -> None:
    if not isinstance(name, str):
        raise BadInput(f"a header's name must be text, not {type(name).__name__}")
    if value is not None and not isinstance(value, str | int | float):
        raise BadInput(
            f"header {name} has a {type(value).__name__}",
            hint="header values are text, numbers, true, false or null",
        )
    if isinstance(value, float) and not math.isfinite(value):
        raise BadInput(f"header {name} is not a finite number")
    if len(name) + (len(value) if isinstance(value, str) else 0) > LARGEST_HEADER:
        raise BadInput(f"header {name[:40]} is longer than 8 KiB")


def decode_headers(text: str | None) -> dict[str, HeaderValue]:
    """The headers of a stored record."""
    if text is None:
        return {}
    import json

    headers: dict[str, HeaderValue] = json.loads(text)
    return headers


def milliseconds(given: Seconds, what: str) -> int:
    """A length of time in whole milliseconds; raises `BadInput`."""
    seconds = in_seconds(given)
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise BadInput(f"{what} must be seconds or a timedelta, not {type(given).__name__}")
    if not math.isfinite(seconds) or seconds < 0 or seconds * 1000 > _DISTANT_FUTURE:
        raise BadInput(f"{what} can't be {seconds} seconds")
    return round(seconds * 1000)


def encode_timestamp(given: Timestamp | None) -> int | None:
    """Unix milliseconds from a datetime, an int of milliseconds or a float of seconds."""
    if given is None or type(given) is int:
        moment = given
    elif isinstance(given, datetime):
        moment = round(given.timestamp() * 1000)
    elif isinstance(given, float) and math.isfinite(given):
        moment = round(given * 1000)
    else:
        raise BadInput(f"not a timestamp: {given!r}", hint="a datetime, or Unix milliseconds")
    if moment is not None and not 0 <= moment < _DISTANT_FUTURE:
        raise BadInput(f"not a usable timestamp: {given!r}", hint="from 1970 to the year 9999")
    return moment
