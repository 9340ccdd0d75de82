"""What routing costs: a key among many bindings, and publishing beside sending directly.

    python benchmarks/routing.py [SIZE …]

The first table is about a topic exchange with so many bindings, each of whose keys is new and
matches one: microseconds for a key in the trie alone, and for all that a publish does to find its
destinations; the sizes take turns, the best of 9 rounds of 2,000 keys counts. The second is what
the first key costs a new process, which reads the bindings: milliseconds. The third is microseconds
a message, sent to a queue and published through a topic exchange that leads to that queue only, in
transactions of one and of a thousand. The default takes 20 seconds. A ratio over 1.5 in the first
table is a fault, and the exit status says so.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

import harness
from growth import GOAL, Row, picture, table

from store import NewMessage, Store
from store.routing.match import PatternTrie
from store.sqlite.exchanges.tables import current
from store.sqlite.file.database import Snapshot

SIZES = [100, 1_000, 10_000, 100_000]
KEYS = 2_000
ROUNDS = 9
BATCH = 1_000
VALUE = b"x" * 100


@dataclass(frozen=True)
class Publish:
    """Microseconds a message, by the messages of a transaction."""

    messages: int
    send: float
    publish: float
    ratio: float


def patterns(number: int) -> list[str]:
    """A binding per customer; the words after the customer's vary."""
    forms = ("order.c{}.*", "order.c{}.#", "order.c{}.*.#", "*.c{}.#")
    return [forms[customer % 4].format(customer) for customer in range(number)]


def keys(number: int, turn: int) -> list[str]:
    """Keys of customers spread over all, no key twice."""
    step = max(1, number // KEYS)
    return [f"order.c{n * step % number}.{turn}-{n}" for n in range(KEYS)]


def match(folder: Path, sizes: Sequence[int], rounds: int) -> tuple[list[Row], dict[int, float]]:
    """Measure one key in exchanges of so many bindings, and the first key in milliseconds."""
    with ExitStack() as stack:
        stores = {size: stack.enter_context(bound(folder, size)) for size in sizes}
        firsts = {
            size: round(harness.microseconds(partial(store.route, "x", "order.c1.k")) / 1000, 1)
            for size, store in stores.items()
        }
        tries = {size: trie_of(size) for size in sizes}
        alone: dict[int, list[float]] = {size: [] for size in sizes}
        whole: dict[int, list[float]] = {size: [] for size in sizes}
        for turn in range(rounds):
            for size, store in stores.items():
                chosen = keys(size, turn)
                call = partial(_match_all, tries[size], chosen)
                alone[size].append(harness.microseconds(call) / KEYS)
                with store._read() as tx:
                    call = partial(_route_all, tx, chosen)
                    whole[size].append(harness.microseconds(call) / KEYS)
    return [*_rows("trie", alone), *_rows("publish", whole)], firsts


def _rows(call: str, times: dict[int, list[float]]) -> list[Row]:
    best = {size: min(taken) for size, taken in times.items()}
    least = best[min(best)]
    return [
        Row("bindings", call, size, round(found, 2), round(found / least, 3))
        for size, found in best.items()
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


def publish(folder: Path, messages: int, calls: int) -> Publish:
    """Measure transactions of so many messages, sent and published in turn."""
    with Store.open(folder / f"publish{messages}.db", create=True, durability="normal") as store:
        store.create_exchange("x", "topic")
        store.create_queue("q")
        store.bind("x", "q", key="order.#")
        batch = [NewMessage(VALUE, key=f"order.{n}") for n in range(messages)]
        sent, published = [], []
        for _ in range(calls):
            sent.append(harness.microseconds(lambda: store.send_many("q", batch)) / messages)
            took = harness.microseconds(lambda: store.publish_many("x", batch))
            published.append(took / messages)
    send, publishing = median(sent), median(published)
    return Publish(messages, round(send, 1), round(publishing, 1), round(publishing / send, 3))


def main() -> int:
    """Measure everything; 1 when a key takes longer among more bindings."""
    parser = harness.options(__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"of each ({ROUNDS})")
    parser.add_argument("size", type=int, nargs="*", default=SIZES)
    given = parser.parse_args()
    where = harness.machine()
    with tempfile.TemporaryDirectory() as name:
        rows, firsts = match(Path(name), sorted(set(given.size)), given.rounds)
        publishes = [
            publish(Path(name), 1, 200 * given.rounds),
            publish(Path(name), BATCH, 3 * given.rounds),
        ]
    tables = [
        table(rows),
        harness.columns(("bindings", "first key ms"), list(firsts.items())),
        harness.columns(
            ("messages", "send us", "publish us", "ratio"),
            [(p.messages, p.send, p.publish, p.ratio) for p in publishes],
        ),
    ]
    document = {
        "machine": where, "goal": GOAL, "rows": rows, "first_key_ms": firsts, "publish": publishes,
    }  # fmt: skip
    harness.publish(given, "\n\n".join(tables), document, picture(rows))
    return int(any(row.ratio > GOAL for row in rows))


if __name__ == "__main__":
    sys.exit(main())
