"""Headers as Kafka carries them: bytes, any number of them with one name.

Text and bytes go as they are, bytes named in `mq-types`, and a list of texts as one header that is
repeated; other values are written as `store.engine.headers` writes them.
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import quote, unquote

from store.engine.headers import TYPES, from_texts, to_texts
from store.model.topics import Headers, HeaderValue

Pairs = list[tuple[str, bytes | None]]
_BYTES = "bytes"


def to_pairs(headers: Headers) -> Pairs:
    """Return headers as Kafka takes them; raises `BadInput` for one that can't be written."""
    values: dict[str, list[bytes | None]] = {}
    others: dict[str, HeaderValue] = {}
    types = []
    for name, value in headers.items():
        if isinstance(value, bytes):
            values[name] = [value]
            types.append(f"{quote(name, safe='')}:{_BYTES}")
        elif isinstance(value, list) and (texts := _texts_of(value)):
            values[name] = texts
        else:
            others[name] = value
    for name, text in to_texts(others).items():
        values[name] = [None if text is None else text.encode()]
    if TYPES in values:
        types.insert(0, (values.pop(TYPES)[0] or b"").decode())
    pairs: Pairs = [(name, one) for name in headers for one in values[name]]
    if types:
        pairs.append((TYPES, " ".join(types).encode()))
    return pairs


def from_pairs(pairs: Iterable[tuple[str, bytes | None]]) -> dict[str, HeaderValue]:
    """Return headers of a record: one that is no text as bytes, one that is repeated as a list."""
    found: dict[str, list[bytes | None]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    raw = _named_bytes(found.get(TYPES, [None])[-1])
    texts: dict[str, str | None] = {}
    others: dict[str, HeaderValue] = {}
    for name, values in found.items():
        decoded = [value if name in raw else _decoded(value) for value in values]
        if len(values) > 1 or isinstance(decoded[0], bytes):
            others[name] = decoded[0] if len(values) == 1 else list(decoded)
        else:
            texts[name] = decoded[0]
    headers = {**from_texts(texts.items()), **others}
    return {name: headers[name] for name in found if name in headers}


def _texts_of(value: list[HeaderValue]) -> list[bytes | None]:
    """Return the texts of a list that is one header repeated; none for any other list."""
    texts = [part.encode() if isinstance(part, str) else None for part in value]
    is_text = all(part is None or isinstance(part, str) for part in value)
    return texts if is_text and len(value) > 1 else []


def _decoded(value: bytes | None) -> str | bytes | None:
    try:
        return None if value is None else value.decode()
    except UnicodeDecodeError:
        return value


def _named_bytes(types: bytes | None) -> set[str]:
    entries = (types or b"").decode(errors="replace").split()
    return {
        unquote(name)
        for name, _, kind in (entry.partition(":") for entry in entries)
        if kind == _BYTES
    }
