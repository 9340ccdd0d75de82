"""A binding in listings: as a row, as JSON, and as an arrow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mq.cli.output import Column, row_document
from mq.text.headers import format_header
from store.model.exchanges import Binding
from store.model.topics import Headers

BINDINGS: Sequence[Column[Binding]] = [
    Column("exchange", lambda binding: binding.exchange, weight=2),
    Column("destination", lambda binding: binding.destination, weight=2),
    Column("kind", lambda binding: binding.kind),
    Column("key", lambda binding: binding.key),
    Column("headers", lambda binding: binding.headers, text=lambda binding: _headers(binding)),
    Column("match", lambda binding: binding.match),
]


def _headers(binding: Binding) -> str:
    return " ".join(format_header(name, value) for name, value in binding.headers.items())


def binding_document(binding: Binding) -> dict[str, Any]:
    """Return a binding as JSON; a step to an alternate says so in place of key and headers."""
    if binding.alternate:
        return {
            "exchange": binding.exchange,
            "destination": binding.destination,
            "kind": binding.kind,
            "alternate": True,
        }
    return row_document(BINDINGS, binding)


def given_document(
    exchange: str, destination: str, key: str, headers: Headers, match: str
) -> dict[str, Any]:
    """Return the identity of a binding as JSON."""
    return {
        "exchange": exchange,
        "destination": destination,
        "key": key,
        "headers": headers,
        "match": match,
    }


def arrow(binding: Binding) -> str:
    """Return a binding for people: `events -[order.#]-> emails`."""
    told = [binding.key] if binding.key else []
    if binding.headers:
        told.append(f"{binding.match}: {_headers(binding)}")
    if binding.alternate:
        told = ["alternate"]
    middle = f"-[{' '.join(told)}]->" if told else "->"
    return f"{binding.exchange} {middle} {binding.destination}"
