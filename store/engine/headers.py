"""Typed headers where an engine has text alone: text as it is, other values as JSON.

One more header, `mq-types`, names the types of the others: `n:int ratio:float raw:json`. The last
are bytes, times, decimals, lists and tables in the JSON of `store/model/header_values.py`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from urllib.parse import quote, unquote

from store.model.errors import BadInput
from store.model.header_values import from_plain, to_plain
from store.model.topics import Headers, HeaderValue

TYPES = "mq-types"
_SIMPLE = (int, float, bool)
_STRUCTURED = "json"


def to_texts(headers: Headers) -> dict[str, str | None]:
    """Return headers as text, `None` where the value is null; raises `BadInput` for `mq-types`."""
    if TYPES in headers:
        raise BadInput(f"header {TYPES} is written by mq", hint="name it otherwise")
    texts = {
        name: value if value is None or isinstance(value, str) else _json(name, value)
        for name, value in headers.items()
    }
    types = " ".join(
        f"{quote(name, safe='')}:{type(value).__name__ if type(value) in _SIMPLE else _STRUCTURED}"
        for name, value in headers.items()
        if value is not None and not isinstance(value, str)
    )
    return texts if not types else {**texts, TYPES: types}


def from_texts(texts: Iterable[tuple[str, str | None]]) -> dict[str, HeaderValue]:
    """Return headers from their texts; one that does not have its type stays text."""
    headers: dict[str, HeaderValue] = dict(texts)
    types = headers.pop(TYPES, None)
    for entry in str(types or "").split():
        name, _, kind = entry.partition(":")
        name = unquote(name)
        text = headers.get(name)
        if isinstance(text, str):
            headers[name] = _typed(text, kind)
    return headers


def _json(name: str, value: HeaderValue) -> str:
    return json.dumps(value if type(value) in _SIMPLE else to_plain(f"header {name}", value))


def _typed(text: str, kind: str) -> HeaderValue:
    try:
        value: HeaderValue = json.loads(text)
        if kind == _STRUCTURED:
            return from_plain(value)
    except (ValueError, BadInput):
        return text
    return value if type(value) in _SIMPLE and type(value).__name__ == kind else text
