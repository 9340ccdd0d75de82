"""Arguments of callers, encoded as the columns hold them; limits are checked here."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from itertools import repeat
from operator import add, attrgetter
from types import NoneType, UnionType
from typing import Any, NamedTuple, TypeVar

from store.model.errors import BadInput, BadRecord
from store.model.topics import (
    NO_PROPERTIES,
    Headers,
    HeaderValue,
    NewRecord,
    Properties,
    Seconds,
    Timestamp,
    in_seconds,
)

MOST_HEADERS = 64
LARGEST_HEADER = 1 << 20
LARGEST_PROPERTIES = 64 << 10
MOST_PARTITIONS = 10_000
# The value types of SQLite's columns.
_LARGEST_NUMBER = 2**63 - 1
DISTANT_FUTURE = 253_402_300_800_000  # the year 10000
_PARTS = [
    attrgetter(name) for name in ("value", "key", "headers", "properties", "timestamp", "partition")
]

Given = TypeVar("Given")


class Encoded(NamedTuple):
    """A record as its columns hold it; `size` is the bytes of all three together."""

    value: bytes | None
    key: bytes | None
    headers: str | None
    size: int

    @classmethod
    def stored(cls, value: bytes | None, key: bytes | None, headers: str | None) -> "Encoded":
        """Return a record from stored columns, to be stored anew."""
        return cls(value, key, headers, len(value or b"") + len(key or b"") + len(headers or ""))


class RecordColumns(NamedTuple):
    """Records or messages column by column; an empty column is `None`.

    `headers` are documents, see `encode_document`.
    A timestamp `None` means now. The last four are for messages: `delays` are in milliseconds, and
    `expires` is wall time. Work on a whole column is done in C, and so takes a fraction of the
    time.
    """

    values: Sequence[bytes | None]
    keys: Sequence[bytes | None] | None
    headers: Sequence[str | None] | None
    timestamps: Sequence[int | None] | None
    partitions: Sequence[int | None] | None
    sizes: Sequence[int]
    message_groups: Sequence[str | None] | None = None
    levels: Sequence[int] | None = None
    delays: Sequence[int] | None = None
    expires: Sequence[int | None] | None = None

    def chosen(self, indexes: Sequence[int]) -> "RecordColumns":
        """Return some of the records, or all of them, in this order."""
        if len(indexes) == len(self.values):
            return self
        return RecordColumns._make(
            column and [column[index] for index in indexes] for column in self
        )


def encode_batch(given: Sequence[NewRecord | bytes | str]) -> RecordColumns:
    """Encode records, or bare values, as `encode_columns` does."""
    if len(given) == 1:
        one = _as_record(given[0])
        return columns_of_one(
            one.value, one.key, one.headers, one.timestamp, one.partition, one.properties
        )
    kinds = set(map(type, given))
    if kinds <= {bytes, str}:
        return encode_columns(given)
    records = given if kinds == {NewRecord} else [_as_record(each) for each in given]
    values, *others = (list(map(part, records)) for part in _PARTS)
    keys, headers, properties, timestamps, partitions = present(others)
    return encode_columns(values, keys, headers, timestamps, partitions, properties)


def _as_record(given: object) -> NewRecord:
    if isinstance(given, NewRecord):
        return given
    if isinstance(given, bytes | str | bytearray | memoryview):
        return NewRecord(given)  # type: ignore[arg-type]
    raise BadInput(f"a record must be a NewRecord, bytes or str, not {type(given).__name__}")


def encode_columns(
    values: Sequence[Any],
    keys: Sequence[Any] | None = None,
    headers: Sequence[Any] | None = None,
    timestamps: Sequence[Any] | None = None,
    partitions: Sequence[Any] | None = None,
    properties: Sequence[Any] | None = None,
) -> RecordColumns:
    """Return records as their columns hold them; raises `BadInput` for ones that can't be
    stored.
    """
    values = _encode_column(values, "value")
    sizes = _lengths(values)
    if keys:
        keys = _encode_column(keys, "key")
        sizes = list(map(add, sizes, _lengths(keys)))
    if headers or properties:
        nothing = [None] * len(values)
        headers = list(map(encode_document, headers or nothing, properties or nothing))
        sizes = list(map(add, sizes, _lengths(headers)))
    if timestamps:
        timestamps = [encode_timestamp(each) for each in timestamps]
    return RecordColumns(values, keys, headers, timestamps, partitions, sizes)


def encode_one(
    value: bytes | str | None,
    key: bytes | str | None = None,
    headers: Headers | None = None,
    timestamp: Timestamp | None = None,
    properties: Properties | None = None,
) -> tuple[bytes | None, bytes | None, str | None, int | None, int]:
    """Return a single record as its columns hold it: value, key, headers, timestamp, and its size.

    Raises `BadInput` as `encode_columns` does.
    """
    if type(value) is bytes:
        data: bytes | None = value
        size = len(value)
    elif type(value) is str and value.isascii():
        data = value.encode()
        size = len(data)
    else:
        data = encode_bytes(value, "value")
        size = 0 if data is None else len(data)
    if key is None and headers is None and timestamp is None and properties is None:
        return data, None, None, None, size
    bytes_of_key = text = None
    if key is not None:
        bytes_of_key = encode_bytes(key, "key")
        size += len(bytes_of_key or b"")
    if headers or properties:
        text = encode_document(headers, properties)
        size += len(text or "")
    moment = None if timestamp is None else encode_timestamp(timestamp)
    return data, bytes_of_key, text, moment, size


def columns_of_one(
    value: bytes | str | None,
    key: bytes | str | None,
    headers: Headers | None,
    timestamp: Timestamp | None,
    partition: int | None = None,
    properties: Properties | None = None,
) -> RecordColumns:
    """Encode a single record as `encode_columns` does, where columns would save nothing."""
    data, bytes_of_key, text, moment, size = encode_one(value, key, headers, timestamp, properties)
    return RecordColumns(
        values=[data],
        keys=None if bytes_of_key is None else [bytes_of_key],
        headers=None if text is None else [text],
        timestamps=None if moment is None else [moment],
        partitions=None if partition is None else [partition],
        sizes=[size],
    )


def present(columns: Iterable[Sequence[Any]]) -> list[Any]:
    """Return the columns, `None` instead of an empty one."""
    return [None if column.count(None) == len(column) else column for column in columns]


def _encode_column(column: Sequence[Any], what: str) -> Sequence[bytes | None]:
    if set(map(type, column)) <= {bytes, NoneType}:
        return column
    return [encode_bytes(each, what) for each in column]


def _lengths(column: Sequence[bytes | str | None]) -> list[int]:
    try:
        return list(map(len, column))  # type: ignore[arg-type]
    except TypeError:  # None is among them
        return [len(each or b"") for each in column]


def first_bad(
    check: Callable[[Sequence[Given]], object], given: Sequence[Given], error: BadInput
) -> BadInput:
    """Return the error for a batch that `check` refused: that of its first bad item."""
    for index, each in enumerate(given):
        try:
            check([each])
        except BadInput as reason:
            return BadRecord(index, reason.message, reason.hint)
    return error


def encode_bytes(given: bytes | str | None, what: str) -> bytes | None:
    """Return bytes as they are, text as UTF-8; raises `BadInput` for anything else."""
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


def encode_document(headers: Headers | None, properties: Properties | None) -> str | None:
    """Return headers and properties as one JSON text: an object of the headers alone, or a list of
    both; raises `BadInput`.

    They are stored together, so that a message never parts from its properties.
    """
    text = encode_headers(headers)
    if not properties:
        return text
    about = _encode_values(properties, "properties", "property")
    if len(about) > LARGEST_PROPERTIES:
        raise BadInput("the properties of a message are longer than 64 KiB together")
    return f"[{text or '{}'},{about}]"


def encode_headers(headers: Headers | None) -> str | None:
    """Return headers as a JSON object in ASCII; raises `BadInput` past 64 headers or 1 MiB for
    one.
    """
    return _encode_values(headers, "headers", "header") if headers else None


def _encode_values(values: Headers, name: str, each: str) -> str:
    if not isinstance(values, Mapping):
        raise BadInput(f"{name} must be a mapping, not {type(values).__name__}")
    if len(values) > MOST_HEADERS:
        raise BadInput(f"{len(values)} {name}; a record takes at most {MOST_HEADERS}")
    plain: dict[str, Any] = {}
    for header, value in values.items():
        plain[header] = _plain_header(each, header, value)
    import json

    return json.dumps(plain, separators=(",", ":"))


def _plain_header(each: str, name: object, value: HeaderValue) -> Any:
    """Return a header's value as JSON has it."""
    if not isinstance(name, str):
        raise BadInput(f"a {each}'s name must be text, not {type(name).__name__}")
    what = f"{each} {name[:40]}"
    if not name.isascii():
        encode_bytes(name, what)
    if type(value) is str and value.isascii():
        size = len(value)
    else:
        from store.model import header_values

        plain = header_values.to_plain(what, value)
        size = header_values.bare_size({"": value})
        value = plain
    if len(name) + size > LARGEST_HEADER:
        raise BadInput(f"{what} is longer than 1 MiB")
    return value


def decode_headers(text: str | None) -> dict[str, HeaderValue]:
    """Return the headers of a stored record."""
    return decode_document(text)[0]


def decode_document(text: str | None) -> tuple[dict[str, HeaderValue], Properties]:
    """Return the headers and the properties of a stored record."""
    if text is None:
        return {}, NO_PROPERTIES
    import json

    document = json.loads(text)
    headers, properties = (document, None) if isinstance(document, dict) else document
    if ":{" in text or ":[" in text:
        # Inside a text such a pair may stand too; then nothing changes.
        from store.model import header_values

        headers = header_values.all_from_plain(headers)
        properties = properties and header_values.all_from_plain(properties)
    return headers, NO_PROPERTIES if properties is None else properties


def decode_documents(
    texts: Sequence[str | None],
) -> tuple[Iterable[dict[str, HeaderValue]], Iterable[Properties]]:
    """Return the headers and the properties of stored records."""
    if texts.count(None) == len(texts):
        return map(dict, repeat((), len(texts))), repeat(NO_PROPERTIES, len(texts))
    headers, properties = zip(*map(decode_document, texts), strict=True)
    return headers, properties


def content_sizes(batch: RecordColumns) -> Sequence[int]:
    """Return what counts as the size of each record: key, value, and its headers without what JSON
    puts around them. Properties are free (SQS: system attributes).
    """
    if batch.headers is None:
        return batch.sizes
    from store.model import header_values

    return [
        size if text is None else size - len(text) + header_values.bare_size(decode_headers(text))
        for size, text in zip(batch.sizes, batch.headers, strict=True)
    ]


def given_list(given: Iterable[Given], what: str) -> list[Given]:
    """Return the argument as a list; raises `BadInput` for one thing instead of several."""
    if isinstance(given, Iterable) and not isinstance(given, bytes | str):
        return list(given)
    raise BadInput(f"{what} are given as a list, not as {type(given).__name__}")


def check_column(column: Sequence[object], kinds: type | UnionType, what: str) -> None:
    """Raise `BadInput` unless all values are of these kinds."""
    for kind in set(map(type, column)):
        if not issubclass(kind, kinds):
            raise BadInput(f"{what}, not {kind.__name__}")


def check_text(given: object, what: str) -> None:
    """Raise `BadInput` unless the value is text or `None`."""
    if given is not None and not isinstance(given, str):
        raise BadInput(f"{what} is text, not {type(given).__name__}")


def check_whole(given: object, what: str, least: int = 0) -> None:
    """Raise `BadInput` unless the value is a whole number of at least `least`."""
    if not isinstance(given, int) or given < least:
        raise BadInput(f"{what} must be a whole number from {least} up, not {given!r}")


def check_partitions(partitions: int) -> None:
    """Raise `BadInput` for a number of partitions that a topic can't have."""
    check_whole(partitions, "a number of partitions", -1)
    if not 1 <= partitions <= MOST_PARTITIONS:
        raise BadInput(
            f"a topic has 1 to {MOST_PARTITIONS} partitions, not {partitions}",
            hint="partitions bound how many members of a group can work at once",
        )


def milliseconds(given: Seconds, what: str) -> int:
    """Return a duration in whole milliseconds, rounded up; raises `BadInput`."""
    seconds = in_seconds(given, what)
    if not 0 <= seconds * 1000 <= DISTANT_FUTURE:
        raise BadInput(f"{what} can't be {seconds} seconds")
    return -(-round(seconds * 1_000_000) // 1000)


def encode_timestamp(given: Timestamp | None) -> int | None:
    """Return Unix milliseconds of a datetime, an int of milliseconds or a float of seconds."""
    if given is None or type(given) is int:
        moment = given
    elif isinstance(given, datetime):
        moment = _unix_milliseconds(given)
    elif isinstance(given, float) and math.isfinite(given):
        moment = _cut_off(given)
    else:
        raise BadInput(f"not a timestamp: {given!r}", hint="a datetime, or Unix milliseconds")
    if moment is None or 0 <= moment < DISTANT_FUTURE:
        return moment
    raise _unusable_timestamp(given)


def _cut_off(seconds: float) -> int:
    # Rounds as the clock does, except below the precision of a float of seconds.
    return round(seconds * 1_000_000) // 1000


def _unix_milliseconds(given: datetime) -> int:
    try:
        return _cut_off(given.timestamp())
    except (ValueError, OverflowError, OSError) as error:
        # A local time near the first or the last year has no place in the zone's history.
        raise _unusable_timestamp(given) from error


def _unusable_timestamp(given: Timestamp | None) -> BadInput:
    return BadInput(f"not a usable timestamp: {given!r}", hint="from 1970 to the year 9999")
