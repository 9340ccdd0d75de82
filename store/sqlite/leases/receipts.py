"""Receipts: the result of a receive, and the argument of settling."""

from collections.abc import Sequence
from struct import Struct, error as StructError
from typing import NamedTuple
from zlib import crc32

from store import model
from store.model.errors import BadInput, Hint
from store.sqlite.file.database import Snapshot

TOKEN_BITS = 62
_BODY = Struct(">qq")
_TOKEN = Struct(">q")
_BLOCK = 256
_NOTHING = crc32(_BODY.pack(0, 0))
# CRC-32 is linear: a change of the lowest byte of a lease's id has the same effect in all receipts.
_LOWEST = [(f"{byte:02x}", crc32(_BODY.pack(byte, 0)) ^ _NOTHING) for byte in range(_BLOCK)]


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


def write_run(seal: int, leases: Sequence[int], token: int | None) -> Sequence[str | None]:
    """Return `write` of each lease of one receive; nothing without a token."""
    if token is None:
        return (None,) * len(leases)
    if not isinstance(leases, range):
        return [write(seal, lease, token) for lease in leases]
    texts: list[str] = []
    end = _TOKEN.pack(token).hex()
    for first in range(leases.start & -_BLOCK, leases.stop, _BLOCK):
        body = _BODY.pack(first, token)
        start, crc = f"r{body.hex()[:14]}", crc32(body, seal)
        block = slice(max(leases.start - first, 0), leases.stop - first)
        texts += [f"{start}{last}{end}{crc ^ low:08x}" for last, low in _LOWEST[block]]
    return texts


def write(seal: int, lease: int, token: int) -> str:
    """Return a receipt as text; it begins with a letter."""
    body = _BODY.pack(lease, token)
    return f"r{body.hex()}{crc32(body, seal):08x}"


def read_or_none(seal: int, text: str) -> Receipt | None:
    """Read a receipt; `None` for one that this store never issued."""
    try:
        body, check = bytes.fromhex(text[1:-8]), int(text[-8:], 16)
        if text[0] == "r" and crc32(body, seal) == check:
            return Receipt(*_BODY.unpack(body))
    except (ValueError, IndexError, StructError):
        pass
    return None


def read(seal: int, text: str) -> Receipt:
    """Read a receipt; raises `BadInput` for one that this store never issued."""
    receipt = read_or_none(seal, text)
    if receipt is not None:
        return receipt
    raise BadInput(
        f"not a receipt of this store: {text[:60]!r}",
        hint=Hint("receipts come from {}", model.looks.Receive()),
    )
