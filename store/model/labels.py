"""Labels: names and values of a user's own on a thing (SQS: tags).

As text they are `team=payments,env=prod`; a comma, `=`, `%` or what is not printable is quoted as
in a URL.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from urllib.parse import unquote

from store.model.errors import BadInput

Labels = tuple[tuple[str, str], ...]
# As many as SQS has tags and attributes of a queue, and more.
MOST = 128
LONGEST_NAME = 256
# Characters of all names and values of a thing.
LARGEST = 64 << 10


def checked(given: object) -> Labels:
    """Return labels as configs hold them, by name; raises `BadInput`."""
    if given is None:
        return ()
    if not isinstance(given, Mapping):
        raise BadInput(f"labels are a mapping, not {type(given).__name__}")
    if len(given) > MOST:
        raise BadInput(f"{len(given)} labels; a thing has at most {MOST}")
    for name, value in given.items():
        if not (isinstance(name, str) and isinstance(value, str)):
            raise BadInput("names and values of labels are text")
        if not 1 <= len(name) <= LONGEST_NAME:
            raise BadInput(f"the name of a label has 1 to {LONGEST_NAME} characters")
        _check_text(name + value)
    if sum(len(name) + len(value) for name, value in given.items()) > LARGEST:
        raise BadInput("the labels of a thing have at most 64 KiB together")
    return tuple(sorted(given.items()))


def _check_text(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise BadInput(f"a label is not valid text: {error.reason}") from None


def read(text: str) -> dict[str, str]:
    """Read labels; raises `BadInput`."""
    labels: dict[str, str] = {}
    for part in text.split(","):
        name, equals, value = part.partition("=")
        if not equals:
            raise BadInput(f"{part!r} is not a label", hint="write it as name=value")
        labels[_unquoted(name)] = _unquoted(value)
    checked(labels)
    return labels


def _unquoted(text: str) -> str:
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise BadInput(f"{text!r} is not UTF-8", hint="%25 is a percent sign") from None


def write(labels: Labels) -> str:
    """Write labels as text."""
    return ",".join(f"{_quoted(name, '=,%')}={_quoted(value, ',%')}" for name, value in labels)


def _quoted(text: str, special: str) -> str:
    return "".join(
        char
        if char.isprintable() and char not in special and not char.isspace()
        else "".join(f"%{byte:02X}" for byte in char.encode())
        for char in text
    )


def to_json(labels: Labels) -> str | None:
    """Return labels as they are stored; none are null."""
    return json.dumps(dict(labels), separators=(",", ":")) if labels else None


def from_json(text: str | None) -> Labels:
    """Return stored labels."""
    return () if text is None else tuple(sorted(json.loads(text).items()))
