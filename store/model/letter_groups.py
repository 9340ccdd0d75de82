"""Dead letters grouped by a common property, so that a thousand failures read as three."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from enum import StrEnum
from functools import cache

from store.model.dead_letters import Dead, DeadLetterGroup
from store.model.messages import Message


class Field(StrEnum):
    """A property by which dead letters are grouped."""

    REASON = "reason"
    SOURCE = "source"
    ERROR = "error"


_LONGEST_READ = 4_000
_LONGEST_SHOWN = 500
_VARIABLE = "…"

_MONTH = r"(?:jan|feb|mar|apr|may|june?|july?|aug|sept?|oct|nov|dec)[a-z]*\.?"
_CLOCK = (
    r"\d{1,2}:\d\d(?::\d\d(?:[.,]\d+)?)?(?:\s?[ap]\.?m\b\.?)?"
    r"(?:\s?(?:z|utc|gmt|(?:[ecmp]|we|ce|ee)[sd]?t|[bij]st)\b|\s?[+-]\d\d:?(?:\d\d)?\b)?"
)
_DATE = (
    r"(?:\d{4}[-/.]\d{1,2}[-/.]\d{1,2}"
    rf"|(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*\.?,?\s+)?"
    rf"(?:\d{{1,2}}[\s/-]{_MONTH}(?:,?[\s/-]\d{{4}})?|{_MONTH}\s+\d{{1,2}}\b(?:,?\s\d{{4}})?))"
)
_UNIT = (
    r"(?:[num\u00b5]?s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?"
    r"|milliseconds?|microseconds?|nanoseconds?|weeks?|[kmgt]?i?b|bytes?)"
)
# The parts that differ between failures of the same kind; the first alternative wins. A repetition
# that may fail is bounded or possessive, so that no error takes long.
_VARIABLE_PARTS = [
    # An apostrophe inside a word neither opens nor closes a quotation.
    r"(?P<quoted>(?<![^\W_])[bru]{0,2}(?:'(?:\\.|[^'\\\n]|(?<=\w)'(?=\w))*'(?!\w)"
    r"|\"(?:\\.|[^\"\\\n])*\")|`[^`\n]*`|\u201c[^\u201d\n]*\u201d|\u2018[^\u2019\n]*\u2019"
    r"|\u00ab[^\u00bb\n]*\u00bb)",
    rf"\b{_DATE}(?![\da-su-z-])(?:(?:t|,?\s+|:){_CLOCK}(?:\s\d{{4}}\b)?)?",
    rf"\b{_CLOCK}",
    # UUIDs and other hexadecimal ids in groups.
    r"\b(?=[a-f-]{0,64}\d)[0-9a-f]{2,}(?:-[0-9a-f]{2,})+\b",
    # IPv6 and MAC addresses.
    r"\[(?:[0-9a-f]{0,4}:){3,7}[0-9a-f]{0,4}(?:%\w+)?\]",
    r"(?<![\w:])(?=[:.]{0,64}[0-9a-f])(?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{0,4}(?:%\w+)?(?![\w:])",
    # Durations and sizes, whose unit changes with the number.
    rf"\b\d++(?:[.,]\d++){{0,20}}+\s?{_UNIT}\b(?:,?\s?\d+(?:[.,]\d+)?\s?{_UNIT}\b)*",
    r"[\w.+-]{1,64}+@[a-z0-9-]++(?:\.[a-z0-9-]++)++",
    # Ids of random letters and digits, groups of them included.
    r"\b(?=[\w-]{0,99}[a-z]\d)(?=[\w-]{0,99}\d[a-z])(?=[\w-]{0,99}(?-i:[A-Z]))"
    r"(?=[\w-]{0,99}(?-i:[a-z]))"
    r"[\w-]{16,}",
    # Letters alone are a word, unless no word consists of them.
    r"(?<![^\W_])[a-f]{7,}(?![^\W_])",
    r"(?<![^\W\d_])[^\W\d_]*+\d[^\W_]*+",
]
_JOINED = r"(?<![\w)\]])[+-](?=…)|(?<=…)(?:[.:+-]|,\s?)(?=[+-]?…)"


@cache
def _variable_part() -> re.Pattern[str]:
    # Compiling it takes as long as all other work of a start in the store.
    return re.compile("|".join(_VARIABLE_PARTS), re.I)


def normalise_error(error: str) -> str:
    """Return an error with `…` for its variables: numbers, ids, times, sizes and quoted parts.

    A word that contains a digit is a variable, to its end: `30s` and `250ms`, `6f96` and `face12`
    are the same. A list of variables is one, however long.
    """
    text = _variable_part().sub(_stand_in, error[:_LONGEST_READ])
    text = re.sub("…{2,}", _VARIABLE, re.sub(_JOINED, "", text))
    return re.sub(r"\s+", " ", text).strip()[:_LONGEST_SHOWN]


def _stand_in(found: re.Match[str]) -> str:
    return _VARIABLE if found["quoted"] is None else f"'{_VARIABLE}'"


def group(letters: Iterable[Message], field: Field) -> list[DeadLetterGroup]:
    """Return the groups, largest first; those of one size in the order of their first death."""
    groups: dict[str | None, DeadLetterGroup] = {}
    for letter in letters:
        if letter.dead is not None:
            value, at = _value(letter.dead, field), letter.dead.at
            known = groups.get(value, DeadLetterGroup(value, 0, at, at))
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
