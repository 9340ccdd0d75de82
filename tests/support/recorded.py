"""Programs whose writes are recorded: `python recorded.py NAME FOLDER DURABILITY STATES`.

After each operation they say that it is confirmed, in the folder that is recorded, and what is in
the store then, elsewhere.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from store import Store, parse_position
from store.model.clock import Clock

State = list[Any]
OPERATIONS_BEFORE_BACKUP = 5
# An operation, whether it leaves nothing to lose, and what it left.
Operation = tuple[bool, State]


def state_of(store: Store) -> State:
    """All that a store holds, in a form that can be compared and written down."""
    topics = [
        [topic.name, [[p.start, p.end, p.records] for p in topic.partitions]]
        for topic in store.topics()
    ]
    queues = [
        [queue.name, [[m.sequence, m.deliveries] for m in store.messages(queue.name)]]
        for queue in store.queues()
    ]
    return [topics, queues, [[row.group, row.committed] for row in store.lag()]]


def look(path: Path, clock: Clock, tell: Callable[[str], None]) -> State | None:
    """What is in a store that may not be there; it is verified, and left closed."""
    if not path.exists():
        return None
    with Store.open(path, clock=clock, tell=tell) as store:
        store.accept_losses()
        problems = store.verify()
        assert not problems, problems
        return state_of(store)


def traffic(path: Path, durability: str) -> Iterator[Operation]:
    """Everything that writes: creation, sends, receives, commits, checkpoints, vacuum, close."""
    with Store.open(path, create=True, durability=durability) as store:
        yield True, state_of(store)
        store.create_topic("orders")
        yield False, state_of(store)
        store.create_queue("mails", max_deliveries=3, drop_exhausted=True)
        yield False, state_of(store)
        yield from _work(store, 8)
        store.produce_many("orders", [b"%d" % n * 200 for n in range(60)])
        yield False, state_of(store)
        yield from _work(store, 3)
        store.trim("orders", parse_position("50", 0))
        yield False, state_of(store)
        store.vacuum()
        yield True, state_of(store)
        yield from _work(store, 3)
        last = state_of(store)
    yield True, last
    with Store.open(path) as store:
        yield from _work(store, 4)
        last = state_of(store)
    yield True, last


def _work(store: Store, times: int) -> Iterator[Operation]:
    for number in range(times):
        yield from _produce(store, 1)
        store.send_many("mails", [f"{number}", f"{number} again"])
        yield False, state_of(store)
        (message,) = store.receive("mails", lease=3600)
        yield False, state_of(store)
        store.ack([message.receipt or ""])
        yield False, state_of(store)
        with store.transaction() as tx:
            tx.produce("orders", "in a transaction")
            tx.commit("billing", {("orders", 0): number})
        yield False, state_of(store)


def _produce(store: Store, times: int) -> Iterator[Operation]:
    for number in range(times):
        store.produce("orders", f"{number}")
        yield False, state_of(store)


def upgrade(path: Path, durability: str) -> Iterator[Operation]:
    """The first open of a store of an older schema, and what follows."""
    with Store.open(path) as store:
        yield True, state_of(store)
        store.create_topic("orders")
        yield False, state_of(store)
        yield from _produce(store, 3)
        last = state_of(store)
    yield True, last


def copies(path: Path, durability: str) -> Iterator[Operation]:
    """A backup, and a restore over a store that is in use."""
    backup = path.with_name("backup.db")
    with Store.open(path, create=True, durability=durability) as store:
        yield True, state_of(store)
        store.create_topic("orders")
        yield False, state_of(store)
        yield from _produce(store, OPERATIONS_BEFORE_BACKUP - 2)
        store.backup(backup)
        saved = state_of(store)
        yield False, saved
        yield from _produce(store, 3)
        Store.restore(backup, path)
        yield True, saved
    with Store.open(path) as store:
        yield from _produce(store, 3)
        last = state_of(store)
    yield True, last


PROGRAMS: dict[str, Callable[[Path, str], Iterator[Operation]]] = {
    "traffic": traffic,
    "upgrade": upgrade,
    "copies": copies,
}


def main(name: str, folder: str, durability: str, states: str) -> None:
    words = os.open(Path(folder, "confirmed"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with Path(states).open("w") as known:
        for operation in PROGRAMS[name](Path(folder, "store.db"), durability):
            os.write(words, b"confirmed\n")
            known.write(json.dumps(operation) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
