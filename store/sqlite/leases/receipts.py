"""Receipts: the result of a receive, and the argument of settling."""

from struct import Struct, error as StructError
from typing import NamedTuple
from zlib import crc32

from store import model
from store.model.errors import BadInput, Hint
from store.sqlite.file.database import Snapshot

TOKEN_BITS = 62
_BODY = Struct(">qq")


class Receipt(NamedTuple):
    """One delivery of one message: its lease row and the token of that delivery."""

    lease: int
    token: int


def new_token() -> int:
    """Return a token for one delivery."""
    # Only a receive waits for this.
    import random

    return random.getrandbits(TOKEN_BITS)


def seal(tx: Snapshot) -> int:
    """Return the mark of a store's receipts."""
    return crc32(tx.database.uuid)


def write(seal: int, lease: int, token: int) -> str:
    """Return a receipt as text; it begins with a letter."""
    body = _BODY.pack(lease, token)
    return f"r{body.hex()}{crc32(body, seal):08x}"


def read(seal: int, text: str) -> Receipt:
    """Read a receipt; raises `BadInput` for one that this store never issued."""
    try:
        body, check = bytes.fromhex(text[1:-8]), int(text[-8:], 16)
        if text[0] == "r" and crc32(body, seal) == check:
            return Receipt(*_BODY.unpack(body))
    except (ValueError, StructError):
        pass
    raise BadInput(
        f"not a receipt of this store: {text[:60]!r}",
        hint=Hint("receipts come from {}", model.looks.Receive()),
    )
