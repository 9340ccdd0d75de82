"""Dead letters grouped by what they have in common, so that a thousand failures read as three."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from enum import StrEnum

from store.messages import Dead, LetterGroup, Message


class Field(StrEnum):
    """What dead letters are grouped by."""

    REASON = "reason"
    SOURCE = "source"
    ERROR = "error"


_LONGEST_ERROR = 500
# What differs from one failure to the next of the same kind; the order matters.
_VARIABLE_PARTS = [
    (re.compile(r"'[^'\n]*'(?![A-Za-z])|\"[^\"\n]*\"|`[^`\n]*`"), "'…'"),
    (re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", re.I), "ID"),
    (re.compile(r"\b0x[0-9a-f]+\b", re.I), "HEX"),
    (re.compile(r"\b(?=[0-9a-f]*[0-9])(?=[0-9a-f]*[a-f])[0-9a-f]{6,}\b", re.I), "HEX"),
    (re.compile(r"\b(?=\w*[0-9])(?=\w*[A-Za-z])\w{12,}\b"), "ID"),
    (re.compile(r"[0-9]+(?:[.,:][0-9]+)*"), "N"),
    (re.compile(r"\s+"), " "),
]


def normalise_error(error: str) -> str:
    """An error without what differs each time: numbers, ids, hexadecimal and quoted parts."""
    text = error[:_LONGEST_ERROR]
    for pattern, stands_for in _VARIABLE_PARTS:
        text = pattern.sub(stands_for, text)
    return text.strip()


def group(letters: Iterable[Message], field: Field) -> list[LetterGroup]:
    """The groups, largest first; those of one size in the order of their first death."""
    groups: dict[str | None, LetterGroup] = {}
    for letter in letters:
        if letter.dead is not None:
            value, at = _value(letter.dead, field), letter.dead.at
            known = groups.get(value, LetterGroup(value, 0, at, at))
            groups[value] = replace(
                known, count=known.count + 1, first=min(known.first, at), last=max(known.last, at)
            )
    return sorted(groups.values(), key=lambda found: (-found.count, found.first))


def _value(dead: Dead, field: Field) -> str | None:
    match field:
        case Field.REASON:
            return dead.reason
        case Field.SOURCE:
            return dead.source_name
        case Field.ERROR:
            return None if dead.error is None else normalise_error(dead.error)
