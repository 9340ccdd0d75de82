"""What routing costs: a key among many bindings, and publishing beside sending directly.

The first table is about a topic exchange, each of whose keys is new and matches one binding:
microseconds for a key in the trie alone, and in everything that a publish does to find its
destinations. The sizes take turns, the best round counts, and `ratio` compares with the fewest
bindings. `first` is what the first key costs a new process: the reading of the bindings.

The second is microseconds per message, sent to a queue and published through a topic exchange that
leads to that queue only, in transactions of one and of a thousand messages.

    python benchmarks/routing.py
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from statistics import median
from time import perf_counter

from store import NewMessage, Store
from store.db import Snapshot
from store.routing.match import PatternTrie
from store.routing.tables import current

SIZES = [100, 1_000, 10_000, 100_000]
KEYS = 2_000
ROUNDS = 9
BATCH = 1_000
VALUE = b"x" * 100


@dataclass(frozen=True)
class Match:
    """Microseconds per key, and milliseconds for the first one."""

    bindings: int
    trie: float
    whole: float
    first: float


@dataclass(frozen=True)
class Publish:
    """Microseconds per message."""

    messages: int
    send: float
    publish: float


def patterns(number: int) -> list[str]:
    """A binding per customer; the words after the customer's vary."""
    forms = ("order.c{}.*", "order.c{}.#", "order.c{}.*.#", "*.c{}.#")
    return [forms[customer % 4].format(customer) for customer in range(number)]


def keys(number: int, round: int) -> list[str]:
    """Keys of customers spread over all, no key twice."""
    step = max(1, number // KEYS)
    return [f"order.c{n * step % number}.{round}-{n}" for n in range(KEYS)]


def match(folder: Path, sizes: Sequence[int]) -> list[Match]:
    """Measure one key in exchanges of so many bindings."""
    with ExitStack() as stack:
        stores = {size: stack.enter_context(bound(folder, size)) for size in sizes}
        firsts = {size: _timed(partial(s.route, "x", "order.c1.k")) for size, s in stores.items()}
        tries = {size: trie_of(size) for size in sizes}
        alone: dict[int, list[float]] = {size: [] for size in sizes}
        whole: dict[int, list[float]] = {size: [] for size in sizes}
        for round in range(ROUNDS):
            for size, store in stores.items():
                chosen = keys(size, round)
                alone[size].append(_timed(partial(_match_all, tries[size], chosen)))
                with store._read() as tx:
                    whole[size].append(_timed(partial(_route_all, tx, chosen)))
    return [
        Match(size, min(alone[size]) / KEYS, min(whole[size]) / KEYS, firsts[size] / 1e3)
        for size in sizes
    ]


def bound(folder: Path, number: int) -> Store:
    """A store, just opened, with so many bindings."""
    path = folder / f"{number}.db"
    with Store.open(path, create=True, durability="normal") as store:
        store.create_exchange("x", "topic")
        store.create_queue("q")
        with store.transaction(timeout=600) as tx:
            for pattern in patterns(number):
                tx.bind("x", "q", key=pattern)
    return Store.open(path)


def trie_of(number: int) -> PatternTrie[str]:
    """The same patterns without a store."""
    trie: PatternTrie[str] = PatternTrie()
    for pattern in patterns(number):
        trie.add(pattern, pattern)
    return trie


def _match_all(trie: PatternTrie[str], chosen: Sequence[str]) -> None:
    for key in chosen:
        trie.match(key)


def _route_all(tx: Snapshot, chosen: Sequence[str]) -> None:
    tables = current(tx)
    for key in chosen:
        tables.destinations(tx, "x", key, {})


def publish(folder: Path, messages: int) -> Publish:
    """Measure transactions of so many messages, sent and published in turn."""
    with Store.open(folder / f"publish{messages}.db", create=True, durability="normal") as store:
        store.create_exchange("x", "topic")
        store.create_queue("q")
        store.bind("x", "q", key="order.#")
        batch = [NewMessage(VALUE, key=f"order.{n}") for n in range(messages)]
        sent, published = [], []
        for _ in range(max(20, 2_000 // messages)):
            sent.append(_timed(lambda: store.send_many("q", batch)) / messages)
            published.append(_timed(lambda: store.publish_many("x", batch)) / messages)
    return Publish(messages, median(sent), median(published))


def _timed(call: Callable[[], object]) -> float:
    began = perf_counter()
    call()
    return (perf_counter() - began) * 1e6


def main() -> None:
    """Measure and print tables, or the rows as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print rows as JSON")
    parser.add_argument("size", type=int, nargs="*", default=SIZES)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        matches = match(Path(name), given.size)
        publishes = [publish(Path(name), messages) for messages in (1, BATCH)]
    if given.json:
        print(json.dumps([asdict(row) for row in [*matches, *publishes]]))
        return
    print(
        f"{'bindings':>10}{'trie us':>10}{'ratio':>8}{'whole us':>10}{'ratio':>8}{'first ms':>10}"
    )
    for row in matches:
        alone, whole = row.trie / matches[0].trie, row.whole / matches[0].whole
        print(
            f"{row.bindings:>10}{row.trie:>10.2f}{alone:>8.2f}{row.whole:>10.2f}{whole:>8.2f}"
            f"{row.first:>10.1f}"
        )
    print(f"\n{'messages':>10}{'send us':>10}{'publish us':>12}{'ratio':>8}")
    for each in publishes:
        ratio = each.publish / each.send
        print(f"{each.messages:>10}{each.send:>10.1f}{each.publish:>12.1f}{ratio:>8.2f}")


if __name__ == "__main__":
    main()
