"""MD5 sums of bodies and attributes, which SDKs compare with their own."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from hashlib import md5, sha256
from struct import pack
from typing import Any

from mq.serve.http.messages import HttpRequest
from mq.serve.sqs.errors import SqsError

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


def check_declared(request: HttpRequest) -> None:
    """Raise `SqsError` for a body that is not the one that its headers have a checksum of."""
    declared = request.headers.get("content-md5")
    if declared is not None:
        digest = md5(request.body, usedforsecurity=False).digest()
        if declared.strip() != base64.b64encode(digest).decode():
            message = "The Content-MD5 you specified did not match what we received."
            raise SqsError("BadDigest", message)
    declared = request.headers.get("x-amz-content-sha256", "").strip().lower()
    if len(declared) == 64 and declared != sha256(request.body).hexdigest():
        raise SqsError(
            "XAmzContentSHA256Mismatch",
            "The provided 'x-amz-content-sha256' header does not match what was computed.",
        )


def _sized(part: bytes) -> bytes:
    return pack(">I", len(part)) + part
