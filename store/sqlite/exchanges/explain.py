"""The bindings that a message does not take, with the reasons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from store.model.exchanges import Binding, Unmatched
from store.model.topics import HeaderValue
from store.routing.reasons import why_not
from store.sqlite import exchanges
from store.sqlite.exchanges import bindings
from store.sqlite.file.database import Snapshot

Headers = Mapping[str, HeaderValue]


def unmatched(
    tx: Snapshot, start: str, steps: Sequence[Binding], key: str, headers: Headers
) -> list[Unmatched]:
    """Return the bindings of the exchanges on a message's way that it does not take."""
    passed = dict.fromkeys([start, *(step.name for step in steps if step.kind == "exchange")])
    found = []
    for name in passed:
        type = exchanges.catalog.find(tx, name).type
        for binding in bindings.every(tx, name):
            if not any(_is_step(binding, step) for step in steps):
                found.append(Unmatched(binding, why_not(binding, type, key, headers)))
    return found


def _is_step(binding: Binding, step: Binding) -> bool:
    return binding == step and binding.is_same(step.key, step.headers, step.match)
