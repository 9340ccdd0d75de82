"""Strict reading of JSON, and paths into it."""

from __future__ import annotations

import json
import re
from typing import Any, Final, NoReturn

from store.model.errors import BadInput

_WHITESPACE = re.compile(r"[ \t\r\n]*")
_STRING_OR_WHITESPACE = re.compile(r'("[^"\\]*(?:\\.[^"\\]*)*")|[ \t\r\n]+')

_MOST_DIGITS = 18


class _Missing:
    """The result of a path that leads nowhere."""


MISSING: Final = _Missing()


def parse_json(text: str | bytes) -> Any:
    """Read one JSON text; raises BadInput also for errors that other readers accept.

    Refused are fields that stand twice, NaN and Infinity, numbers of thousands of digits, and
    nesting deeper than the reader can follow.
    """
    try:
        return _DECODER.decode(text if isinstance(text, str) else text.decode())
    except UnicodeDecodeError as error:
        raise BadInput(f"not valid UTF-8 at byte {error.start}") from None
    except json.JSONDecodeError as error:
        raise BadInput(f"not JSON: {error.msg} at character {error.pos + 1}") from None
    except RecursionError:
        raise BadInput("the JSON is nested too deeply") from None
    except ValueError:
        raise BadInput("the JSON has a number of too many digits") from None


def object_or_array(text: str) -> Any:
    """Return the object or array that a text is in JSON, or the text where it is neither."""
    if text.lstrip()[:1] not in {"{", "["}:
        return text
    try:
        return parse_json(text)
    except BadInput:
        return text


def member_source(text: str, name: str) -> str:
    """Return the compact source of a member of a JSON object, its numbers digit by digit.

    The text must be an object that `parse_json` accepts, with that member in it.
    """
    position = text.index("{") + 1
    while True:
        member, position = _DECODER.raw_decode(text, _after_whitespace(text, position))
        start = _after_whitespace(text, text.index(":", position) + 1)
        _, position = _DECODER.raw_decode(text, start)
        if member == name:
            return _STRING_OR_WHITESPACE.sub(r"\1", text[start:position])
        position = text.index(",", position) + 1


class ValuePath:
    """A path into a JSON value, written `value.user.id` or `value.items.0`."""

    def __init__(self, text: str) -> None:
        root, *self._steps = text.split(".")
        if root != "value" or not all(self._steps) or not self._steps:
            raise BadInput(
                f"{text!r} is not a path into a value", hint="write it as value.FIELD or value.A.B"
            )
        self.text = text

    def find(self, document: Any) -> Any:
        """Return the value at the path in a parsed JSON value, or `MISSING`."""
        for step in self._steps:
            if isinstance(document, dict) and step in document:
                document = document[step]
            elif isinstance(document, list) and 0 <= (index := _index(step)) < len(document):
                document = document[index]
            else:
                return MISSING
        return document


def _index(step: str) -> int:
    # Python refuses to read thousands of digits, which no list is long enough for.
    return int(step) if step.isdecimal() and len(step) <= _MOST_DIGITS else -1


def _after_whitespace(text: str, position: int) -> int:
    match = _WHITESPACE.match(text, position)
    return match.end() if match else position


def _unique_members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise BadInput(f"the field {twice!r} stands twice")
    return members


def _refuse_constant(name: str) -> NoReturn:
    raise BadInput(f"{name} is not JSON")


_DECODER = json.JSONDecoder(object_pairs_hook=_unique_members, parse_constant=_refuse_constant)
