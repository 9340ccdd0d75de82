"""Receipts: what a receive hands out, and what settling asks for."""

import random
from typing import NamedTuple
from zlib import crc32

from store.db import Snapshot
from store.errors import BadInput

TOKEN_BITS = 62


class Receipt(NamedTuple):
    """One delivery of one message: its lease row and the token of that delivery."""

    lease: int
    token: int


def new_token() -> int:
    """A token for one delivery."""
    return random.getrandbits(TOKEN_BITS)


def seal(tx: Snapshot) -> int:
    """What marks a store's receipts as its own."""
    return crc32(tx.database.uuid)


def write(seal: int, lease: int, token: int) -> str:
    """A receipt as text; it begins with a letter."""
    body = f"r{lease:x}.{token:x}"
    return f"{body}.{crc32(body.encode(), seal):08x}"


def read(seal: int, text: str) -> Receipt:
    """Read a receipt; raises `BadInput` for one that this store never issued."""
    body, _, check = text.rpartition(".")
    plain = text.isascii() and body.startswith("r")
    if not plain or f"{crc32(body.encode(), seal):08x}" != check:
        raise BadInput(
            f"not a receipt of this store: {text[:60]!r}",
            hint="receipts come from mq receive",
        )
    lease, _, token = body[1:].partition(".")
    return Receipt(int(lease, 16), int(token, 16))
