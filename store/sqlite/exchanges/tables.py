"""The routing data of exchanges, read from the store once and kept until it changes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from store.model.exchanges import Binding, Exchange
from store.model.topics import HeaderValue
from store.routing.match import HeadersIndex, PatternTrie
from store.routing.walk import ends, walk
from store.sqlite import exchanges
from store.sqlite.exchanges import bindings
from store.sqlite.file.database import Snapshot
from store.sqlite.file.settings import cached_by_settings

MOST_REMEMBERED = 65_536

Headers = Mapping[str, HeaderValue]
_Matcher = Callable[[Snapshot, str, Headers], Sequence[Binding]]


class Tables:
    """The exchanges of a store as of one generation of settings, each read at its first use.

    The destinations of a routing key are remembered, unless they depend on headers. A key that
    equals a binding key is looked up in the store; patterns are kept in a trie.
    """

    def __init__(self) -> None:
        self._exchanges: dict[str, Exchange | None] = {}
        self._matchers: dict[str, _Matcher] = {}
        self._ends: dict[tuple[str, str], Sequence[Binding]] = {}

    def destinations(
        self, tx: Snapshot, exchange: str, key: str, headers: Headers
    ) -> Sequence[Binding]:
        """Return a binding to each queue and topic that a message reaches; raises `NotFound`."""
        found = self._ends.get((exchange, key))
        if found is None:
            steps = self.steps(tx, exchange, key, headers)
            found = ends(steps)
            passed = {exchange, *(step.name for step in steps if step.kind == "exchange")}
            if not any(self._depends_on_headers(tx, name) for name in passed):
                _remember(self._ends, (exchange, key), found)
        return found

    def steps(self, tx: Snapshot, exchange: str, key: str, headers: Headers) -> list[Binding]:
        """Return every step that a message takes from an exchange; raises `NotFound`."""
        self._find(tx, exchange)

        def matching(name: str) -> Sequence[Binding]:
            return self._matching(tx, name, key, headers)

        def alternate(name: str) -> str | None:
            other = self._find(tx, name).alternate
            return other if other and self._find_or_none(tx, other) else None

        return walk(exchange, matching, alternate)

    def _find(self, tx: Snapshot, name: str) -> Exchange:
        return self._find_or_none(tx, name) or exchanges.catalog.find(tx, name)

    def _find_or_none(self, tx: Snapshot, name: str) -> Exchange | None:
        if name not in self._exchanges:
            self._exchanges[name] = exchanges.catalog.uncounted(tx, name)
        return self._exchanges[name]

    def _depends_on_headers(self, tx: Snapshot, name: str) -> bool:
        return self._find(tx, name).type == "headers"

    def _matching(self, tx: Snapshot, name: str, key: str, headers: Headers) -> Sequence[Binding]:
        matcher = self._matchers.get(name)
        if matcher is None:
            matcher = self._matchers[name] = _MATCHERS[self._find(tx, name).type](tx, name)
        return matcher(tx, key, headers)


def _direct(tx: Snapshot, name: str) -> _Matcher:
    exchange = exchanges.catalog.find_id(tx, name)
    return lambda tx, key, headers: _equal(tx, exchange, key)


def _equal(tx: Snapshot, exchange: int, key: str) -> list[Binding]:
    # A key that is not UTF-8 equals nothing, and must not be refused as a parameter.
    rows = tx.rows(
        f"{bindings.COLUMNS} where b.exchange = :exchange and b.key = cast(:key as text)"
        " order by b.id",
        {"exchange": exchange, "key": key.encode(errors="surrogateescape")},
    )
    return [bindings.from_row(row) for row in rows]


def _topic(tx: Snapshot, name: str) -> _Matcher:
    exchange = exchanges.catalog.find_id(tx, name)
    trie: PatternTrie[int] = PatternTrie()
    # Only the index is read here: a binding is read once it has matched.
    patterns = tx.rows(
        "select key, id from mq_bindings where exchange = :exchange"
        " and (instr(key, '*') or instr(key, '#'))",
        {"exchange": exchange},
    )
    for key, id in patterns:
        trie.add(key, id)
    has_plain_keys = tx.value(
        "select exists (select 1 from mq_bindings where exchange = :exchange"
        " and not (instr(key, '*') or instr(key, '#')))",
        {"exchange": exchange},
    )
    known: dict[int, Binding] = {}

    def match(tx: Snapshot, key: str, headers: Headers) -> Sequence[Binding]:
        ids = sorted(trie.match(key))
        known.update((id, _by_id(tx, id)) for id in ids if id not in known)
        # A key with a * or # in it equals only patterns, which are in the trie.
        is_plain = has_plain_keys and "*" not in key and "#" not in key
        equal = _equal(tx, exchange, key) if is_plain else []
        return equal + [known[id] for id in ids]

    return match


def _by_id(tx: Snapshot, id: int) -> Binding:
    (row,) = tx.rows(f"{bindings.COLUMNS} where b.id = :id", {"id": id})
    return bindings.from_row(row)


def _fanout(tx: Snapshot, name: str) -> _Matcher:
    found = _of(tx, name)
    return lambda tx, key, headers: found


def _headers(tx: Snapshot, name: str) -> _Matcher:
    index: HeadersIndex[Binding] = HeadersIndex()
    for binding in _of(tx, name):
        index.add(binding.headers, binding.match, binding)
    return lambda tx, key, headers: index.match(headers)


def _of(tx: Snapshot, name: str) -> list[Binding]:
    rows = tx.rows(f"{bindings.COLUMNS} where o.name = :name order by b.id", {"name": name})
    return [bindings.from_row(row) for row in rows]


_MATCHERS: dict[str, Callable[[Snapshot, str], _Matcher]] = {
    "direct": _direct,
    "topic": _topic,
    "fanout": _fanout,
    "headers": _headers,
}


def _remember(
    memory: dict[tuple[str, str], Sequence[Binding]],
    place: tuple[str, str],
    found: Sequence[Binding],
) -> None:
    if len(memory) >= MOST_REMEMBERED:
        memory.clear()
    memory[place] = found


@cached_by_settings
def current(tx: Snapshot) -> Tables:
    """Return the tables as of this transaction, shared by all of one open store while nothing
    changes.
    """
    return Tables()
