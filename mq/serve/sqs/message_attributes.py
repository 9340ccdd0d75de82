"""Attributes of messages: checked as SQS does, kept as headers, told back with their types."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from mq.serve.sqs.errors import bad_value

if TYPE_CHECKING:
    from store.model.topics import HeaderValue

Attribute = dict[str, Any]
Attributes = dict[str, Attribute]

MOST = 10
_LONGEST_NAME = 256
# Amazon accepts letters with accents too, without saying so.
_NAME = re.compile(r"[\u00c0-\u017fA-Za-z0-9_.\-]+")
_RESERVED = ("aws.", "amazon.")
_TYPE = re.compile(r"(String|Number|Binary)(\..+)?", re.DOTALL)
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
VALID_TEXT = re.compile("[\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]*")


def check(attributes: Attributes) -> None:
    """Raise `SqsError` for the first attribute that SQS would refuse."""
    if len(attributes) > MOST:
        raise bad_value(
            f"Number of message attributes [{len(attributes)}] exceeds the allowed maximum "
            f"[{MOST}]."
        )
    for name, attribute in attributes.items():
        _check_name(name)
        _check_type(name, attribute.get("DataType", ""))
        _check_value(name, attribute)


def _check_name(name: str) -> None:
    if not name:
        raise bad_value("Message (user) attribute names must not be empty.")
    if len(name) > _LONGEST_NAME:
        raise bad_value("Message (user) attribute names must be shorter than 256 Bytes")
    if not _NAME.fullmatch(name):
        raise bad_value(
            "Message (user) attributes name can only contain upper and lower score characters, "
            "digits, periods, hyphens and underscores. "
        )
    if name.lower().startswith(_RESERVED) or name.startswith(".") or name.endswith("."):
        raise bad_value(
            "You can't use message attribute names beginning with 'AWS.' or 'Amazon.'. These "
            "strings are reserved for internal use. Additionally, they cannot start or end with "
            "'.'."
        )
    if ".." in name:
        raise bad_value("Message (user) attribute names must not have successive periods.")


def _check_type(name: str, type: str) -> None:
    if not type:
        raise bad_value(f"The message attribute '{name}' must contain a non-empty data type.")
    if not _TYPE.fullmatch(type):
        raise bad_value(
            f"The message attribute '{name}' has an invalid message attribute type, the set of "
            "supported type prefixes is Binary, Number, and String."
        )
    if len(type) >= _LONGEST_NAME:
        raise bad_value("Message (user) attribute types must be shorter than 256 Bytes")


def _check_value(name: str, attribute: Attribute) -> None:
    type = attribute["DataType"]
    kind = type.partition(".")[0]
    field = "BinaryValue" if kind == "Binary" else "StringValue"
    if not attribute.get(field):
        raise bad_value(
            f"Message (user) attribute '{name}' must contain a non-empty value of type '{type}'."
        )
    given = {"StringValue", "BinaryValue"} & set(attribute)
    if given != {field} or attribute.get("StringListValues") or attribute.get("BinaryListValues"):
        raise bad_value(
            f"Message (user) attribute '{name}' must contain a value of its type '{type}' alone."
        )
    if kind != "Binary" and not VALID_TEXT.fullmatch(attribute[field]):
        raise bad_value(INVALID_CHARACTERS)
    if kind == "Number" and not _NUMBER.fullmatch(attribute[field]):
        raise bad_value(f"Can't cast the value of message (user) attribute '{name}' to a number.")


INVALID_CHARACTERS = (
    "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF | "
    "#xE000 to #xFFFD | #x10000 to #x10FFFF"
)


def size(attributes: Attributes) -> int:
    """Return the bytes that count for the limit of a message: names, types and values."""
    total = 0
    for name, attribute in attributes.items():
        total += len(attribute.get("BinaryValue", b""))
        for text in (name, attribute.get("DataType", ""), attribute.get("StringValue", "")):
            total += len(text.encode("utf-8", "surrogatepass"))
    return total


def as_headers(attributes: Attributes) -> dict[str, HeaderValue]:
    """Return attributes as the headers of a message."""
    return {name: _as_header(attribute) for name, attribute in attributes.items()}


def _as_header(attribute: Attribute) -> HeaderValue:
    text = attribute.get("StringValue")
    if text is None:
        return attribute["BinaryValue"]  # type: ignore[no-any-return]
    if attribute["DataType"].startswith("Number"):
        return _as_number(text)
    return str(text)


def _as_number(text: str) -> HeaderValue:
    """Return a number that is written back as the same text; other text stays as it is."""
    for kind in (int, float):
        try:
            number = kind(text)
        except (ValueError, OverflowError):
            continue
        if str(number) == text and -(1 << 63) <= number < 1 << 63:
            return number
    return text


def types_to_keep(attributes: Attributes) -> dict[str, HeaderValue]:
    """Return the types that headers alone don't tell: those with a label, and odd numbers."""
    return {
        name: attribute["DataType"]
        for name, attribute in attributes.items()
        if _type_of(_as_header(attribute)) != attribute["DataType"]
    }


def _type_of(value: object) -> str:
    if isinstance(value, bytes):
        return "Binary"
    is_number = isinstance(value, int | float | Decimal) and not isinstance(value, bool)
    return "Number" if is_number else "String"


def from_headers(headers: Mapping[str, HeaderValue], types: Mapping[str, str]) -> Attributes:
    """Return the headers of a message, sent by any client, as attributes."""
    attributes: Attributes = {}
    for name, value in headers.items():
        if value is None or value == "":
            # SQS has no attribute without a value.
            continue
        type = types.get(name) or _type_of(value)
        if isinstance(value, bytes):
            attributes[name] = {"BinaryValue": value, "DataType": type}
        else:
            text = value if isinstance(value, str) else _written(value)
            attributes[name] = {"StringValue": text, "DataType": type}
    return attributes


def _written(value: object) -> str:
    if isinstance(value, bool | list | Mapping):
        return json.dumps(value, separators=(",", ":"), default=str)
    return value.isoformat() if isinstance(value, datetime) else str(value)


def chosen(attributes: Attributes, names: Iterable[str]) -> Attributes:
    """Return the attributes with these names: whole, `All`, `.*` or `*`, or a beginning `Foo.*`."""
    wanted = set(names)
    if wanted & {"All", "*", ".*"}:
        return attributes
    beginnings = tuple(name[:-2] for name in wanted if name.endswith(".*") and len(name) > 2)
    return {
        name: attribute
        for name, attribute in attributes.items()
        if name in wanted or (beginnings and name.startswith(beginnings))
    }
