"""Parameters of an operation, checked against the shapes that it declares."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from mq.serve.sqs.errors import SqsError, missing
from mq.serve.sqs.operations import ListOf, MapOf, Shape, Structure

Parameters = dict[str, Any]

_INTEGERS = range(-(1 << 63), 1 << 63)


def check_types(shape: Shape, value: Any) -> Any:
    """Return a value of a JSON document as its shape has it: blobs as bytes, unknown members left
    out.

    Raises `SqsError` for another type, as the SDKs of Amazon would not have sent it.
    """
    if isinstance(shape, Structure):
        _require(isinstance(value, dict), "Start of structure or map expected")
        return {
            name: check_types(shape.members[name], member)
            for name, member in value.items()
            if member is not None and name in shape.members
        }
    if isinstance(shape, ListOf):
        _require(isinstance(value, list), "Expected list or null")
        return [check_types(shape.member, member) for member in value]
    if isinstance(shape, MapOf):
        _require(isinstance(value, dict), "Start of structure or map expected")
        members = ((name, member) for name, member in value.items() if member is not None)
        return {name: check_types(shape.value, member) for name, member in members}
    return _CHECKS[shape](value)


def require_members(shape: Structure, given: Parameters) -> None:
    """Raise `SqsError` for a required member that is missing, also in the entries of a batch."""
    for name in shape.required:
        if name not in given:
            raise missing(name)
    entries = shape.members.get("Entries")
    if isinstance(entries, ListOf) and isinstance(entries.member, Structure):
        for entry in given["Entries"]:
            require_members(entries.member, entry)


def bad_document(reason: str) -> SqsError:
    """Return the error for a request that can't be read."""
    return SqsError("SerializationException", reason)


def _require(condition: bool, reason: str) -> None:
    if not condition:
        raise bad_document(reason)


def _kind_of(value: object) -> str:
    if isinstance(value, bool):
        return "TRUE_VALUE" if value else "FALSE_VALUE"
    if isinstance(value, int):
        return "NUMBER_VALUE"
    if isinstance(value, float):
        return "DECIMAL_VALUE"
    if isinstance(value, str):
        return "STRING_VALUE"
    return "START_ARRAY" if isinstance(value, list) else "START_OBJECT"


def _string(value: Any) -> str:
    _require(isinstance(value, str), f"{_kind_of(value)} can not be converted to a String")
    return str(value)


def _integer(value: Any) -> int:
    is_number = isinstance(value, int) and not isinstance(value, bool)
    _require(is_number, f"{_kind_of(value)} can not be converted to an Integer")
    _require(value in _INTEGERS, "the number is beyond 64 bits")
    return int(value)


def _blob(value: Any) -> bytes:
    try:
        return base64.b64decode(_string(value), validate=True)
    except (binascii.Error, ValueError):
        raise bad_document("a blob is not valid base64") from None


_CHECKS = {"string": _string, "integer": _integer, "blob": _blob}
