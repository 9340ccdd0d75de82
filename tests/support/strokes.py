"""What may be done at a dashboard: keys, words, the mouse, sizes, and what is no input at all."""

from __future__ import annotations

import random

from tests.support.terminals import END_OF_PASTE, ESCAPE

Stroke = bytes | tuple[int, int]
"""Bytes to type, or a size of the terminal: columns and rows."""

NAMES = (
    "emails", "emails.dlq", "invoices", "orders", "orders/0", "orders/0@0", "orders/7", "packers",
    "billing", "news", "fleeting", "passing", "emails@1", "invoices@0", "nothing", "over", "adv",
    "orders/99999999999999999999@1", "emails@99999999999999999999", "\u00e9", "[/x]", "a b", "@",
)  # fmt: skip
KEYS = (
    b"1", b"2", b"3", b"4", b"5", b"6", b"\r", b"\r", b"\r", b"\x1b", b"\x1b", b"\x1b", b"\t", b" ",
    b"j", b"n", b"z", b"p", b"b", b"w", b"P", b"r", b"R", b"d", b"k", b"o", b"c", b"e", b"x", b"X",
    b"y", b".", b"+", b"-", b"t", b"?", b"g", b"G", b"\x10", b"\x13", b"\x7f", b"\x03", b"\x1a",
    b"\x1b[A", b"\x1b[B", b"\x1b[B", b"\x1b[5~", b"\x1b[6~", b"\x1b[H", b"\x1b[F", b"\x1b[Z",
)  # fmt: skip
SIZES = ((80, 24), (120, 40), (200, 60), (20, 5), (3, 2), (1, 1), (1, 40), (140, 1))
JUNK = (
    b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\x00", b"\x9b", b"\xc2\x9b2J",
    b"\x1b[55296;1u", b"\x1b[9999999;1u", b"\x1b[1;2:3u", b"\x1b[97:65;;u", b"\x1b[1;1R", b"\x1b[",
    b"\x1b[48;0;0;0;0t", b"\x1b[48;60000;60000;1;1t", b"\x1b[?2048;2$y", b"\x1b[?2026;2$y",
    b"\x1bO", b"\x1b]0;owned\x07", b"\x1bP", b"\x1b\\", b"\x1b\x1b\x1b", b"\x1b[I", b"\x1b[O",
    b"\x1b[" + b"9" * 40, b"\x1b[M\x20\xff\xff", b"\x1b[<999;999;999M", b"\x1b[<-1;0;0M",
    b"\x1b[200~\x00\xff\x1b[31m\nmore\x1b[201~", b"\x1b[200~", b"\x1b[201~", b"\x1b[200~\x1b[201~",
)  # fmt: skip


def stroke(chance: random.Random) -> list[Stroke]:
    """One thing that somebody does, as what arrives one after the other."""
    kinds = [_keys, _leave, _go, _mouse, _size, _junk, _ask]
    return chance.choices(kinds, [10, 3, 6, 3, 1, 2, 2])[0](chance)


def _keys(chance: random.Random) -> list[Stroke]:
    return [*chance.choices(KEYS, k=chance.randint(1, 4))]


def _leave(chance: random.Random) -> list[Stroke]:
    return [ESCAPE] * chance.randint(1, 4)


def _go(chance: random.Random) -> list[Stroke]:
    word = chance.choice(NAMES).encode()
    goes = chance.choice([b":", b":", b":", b"/"]) + word + chance.choices([b"\r", b""], [5, 1])[0]
    return [*_leave(chance), goes] if chance.random() < 0.8 else [goes]


def _ask(chance: random.Random) -> list[Stroke]:
    """A form or a dialog, filled in with what may be right."""
    word = chance.choice(NAMES).encode()
    opens = chance.choice([b"P", b"R", b"x", b"e", b"w", b"r"])
    answer = chance.choice(
        [b"\r", b"\x1b", word + b"\r", b"\t" + word + b"\t\r\r", b"earliest\r\r"]
    )
    return [opens, answer]


def _mouse(chance: random.Random) -> list[Stroke]:
    column, row = chance.randint(0, 130), chance.randint(0, 45)
    button = chance.choice([0, 0, 0, 2, 32, 35, 64, 65])
    at = f"{button};{column};{row}".encode()
    return [b"\x1b[<" + at + b"M" + b"\x1b[<" + at + b"m"] * chance.randint(1, 2)


def _size(chance: random.Random) -> list[Stroke]:
    return [chance.choice(SIZES), *([] if chance.random() < 0.1 else [SIZES[0]])]


def _junk(chance: random.Random) -> list[Stroke]:
    # Not ctrl+q and q, which end it.
    noise = chance.randbytes(chance.randint(1, 300)).translate(None, b"q\x11")
    # Some of it begins a paste, which would take in all that follows.
    return [chance.choice([noise, *JUNK]), END_OF_PASTE]
