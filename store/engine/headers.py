"""Typed headers where an engine has text alone: text as it is, other values as JSON.

One more header, `mq-types`, names the types of the others: `n:int ratio:float`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from urllib.parse import quote, unquote

from store.model.errors import BadInput
from store.model.topics import Headers, HeaderValue

TYPES = "mq-types"
_TYPED: dict[str, type] = {"int": int, "float": float, "bool": bool}


def to_texts(headers: Headers) -> dict[str, str | None]:
    """Return headers as text, `None` where the value is null; raises `BadInput` for `mq-types`."""
    if TYPES in headers:
        raise BadInput(f"header {TYPES} is written by mq", hint="name it otherwise")
    texts = {
        name: value if value is None or isinstance(value, str) else json.dumps(value)
        for name, value in headers.items()
    }
    types = " ".join(
        f"{quote(name, safe='')}:{type(value).__name__}"
        for name, value in headers.items()
        if isinstance(value, bool | int | float)
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
            headers[name] = _typed(text, _TYPED.get(kind))
    return headers


def _typed(text: str, kind: type | None) -> HeaderValue:
    try:
        value: HeaderValue = json.loads(text)
    except ValueError:
        return text
    return value if kind is not None and type(value) is kind else text
