"""MD5 sums of bodies and attributes, which SDKs compare with their own."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import md5
from struct import pack
from typing import Any

_TEXT, _BYTES = b"\x01", b"\x02"


def of_body(body: bytes) -> str:
    """Return the MD5 of a body, in hexadecimal."""
    return md5(body, usedforsecurity=False).hexdigest()


def of_attributes(attributes: Mapping[str, Mapping[str, Any]]) -> str | None:
    """Return the MD5 of attributes; `None` for none.

    Sorted by name, each is its name, its type with the label, a byte for text or bytes, and its
    value, all but that byte with their length before them in 4 bytes.
    """
    if not attributes:
        return None
    digest = md5(usedforsecurity=False)
    for name in sorted(attributes):
        attribute = attributes[name]
        digest.update(_sized(name.encode()) + _sized(attribute["DataType"].encode()))
        if "BinaryValue" in attribute:
            digest.update(_BYTES + _sized(attribute["BinaryValue"]))
        else:
            digest.update(_TEXT + _sized(attribute["StringValue"].encode()))
    return digest.hexdigest()


def _sized(part: bytes) -> bytes:
    return pack(">I", len(part)) + part
