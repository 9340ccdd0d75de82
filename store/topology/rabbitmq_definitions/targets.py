"""The destinations of a dead-letter exchange, as far as they are known beforehand."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from store.routing.match import PatternTrie
from store.topology.kinds import Settings
from store.topology.model import Resource


class Targets:
    """Finds where exchanges lead; `queues` are the names of possible DLQs."""

    def __init__(self, bindings: Iterable[Resource], queues: Collection[str]) -> None:
        self._queues = queues
        self._ways: dict[str, list[Settings]] = {}
        for binding in bindings:
            self._ways.setdefault(binding.settings["from"], []).append(binding.settings)

    def sole_queue(self, exchange: str, type: str, key: str | None) -> str | None:
        """Return the one queue that every dead letter gets to; `None` where it may be another.

        `key` is the routing key of dead letters; without one they keep their own.
        """
        if type == "headers" or (key is None and type != "fanout"):
            return None
        ways = self._ways.get(exchange, ())
        reached = {way["to"] for way in ways if _matches(type, way["key"], key or "")}
        target = reached.pop() if len(reached) == 1 else None
        return target if target in self._queues else None


def _matches(type: str, pattern: str, key: str) -> bool:
    if type == "fanout":
        return True
    if type == "direct":
        return pattern == key
    trie: PatternTrie[bool] = PatternTrie()
    trie.add(pattern, True)
    return bool(trie.match(key))
