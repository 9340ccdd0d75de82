"""Receipt handles: a receipt of the store, with the queue and the time of the receive behind it."""

from __future__ import annotations

import re
from typing import NamedTuple
from zlib import crc32

from mq.serve.sqs.errors import bad_receipt

# SQS hides a message for at most twelve hours from a receive on, and forgets the receipt then.
LIFE = 43_200_000
_HANDLE = re.compile(r"(r[0-9a-f]{40})\.([0-9a-f]{8})([0-9a-f]{1,12})")


class ReceiptHandle(NamedTuple):
    """A receipt, and when it was received, in Unix milliseconds."""

    receipt: str
    received: int


def write(receipt: str, queue: str, received: int) -> str:
    """Return the handle of a receipt; what stands before the point is the receipt itself."""
    return f"{receipt}.{crc32(queue.encode()):08x}{received:x}"


def read(handle: str, queue: str) -> ReceiptHandle:
    """Return the receipt of a handle; raises `SqsError` for one that is not of this queue."""
    parts = _HANDLE.fullmatch(handle)
    if parts is None or int(parts[2], 16) != crc32(queue.encode()):
        raise bad_receipt(handle)
    return ReceiptHandle(parts[1], int(parts[3], 16))
