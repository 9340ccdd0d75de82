"""Changes a store without end, as other programs do while somebody looks at it.

Run as `python writer.py STORE SEED`, until it is killed.
"""

from __future__ import annotations

import os
import random
import sys
from contextlib import suppress
from pathlib import Path

from store import Conflict, NewRecord, NotFound, Store

FLEETING = ("fleeting", "passing")


def furnish(store: Store) -> None:
    """Create one of everything that the steps change."""
    store.create_topic("orders", partitions=2)
    store.create_group("billing", topics=["orders"])
    store.create_queue("emails.dlq")
    store.create_queue("emails", max_deliveries=2, dlq="emails.dlq")
    store.create_queue("invoices", fifo=True)
    store.create_share("packers", "orders")
    store.create_exchange("news", "topic")
    store.bind("news", "emails", key="mail.#")


def step(store: Store, chance: random.Random) -> None:
    """Do one thing or another, unless somebody else has been faster."""
    with suppress(NotFound, Conflict):
        chance.choice(_STEPS)(store, chance)


def write(path: str, seed: str) -> None:
    """Take step after step, with a moment between some."""
    chance = random.Random(int(seed))
    with Store.open(path) as store:
        while os.getppid() > 1:
            step(store, chance)
            store.wait(store.changed(), chance.choice([0, 0.005, 0.03]))


def _produce(store: Store, chance: random.Random) -> None:
    value = chance.choice([b'{"total": 17}', b"text", os.urandom(30), None])
    records = [NewRecord(value, key=f"k{chance.randrange(5)}", partition=chance.randrange(2))]
    store.produce_many("orders", records * chance.randint(1, 20))


def _send(store: Store, chance: random.Random) -> None:
    store.send("emails", b"mail", key="[/x]")
    store.send("invoices", b"invoice", message_group=f"acct-{chance.randrange(3)}")


def _work(store: Store, chance: random.Random) -> None:
    held = store.receive(chance.choice(["emails", "invoices"]), 5, lease=chance.choice([0.1, 30]))
    for message in held:
        if chance.random() < 0.5:
            store.nack([message.receipt or ""], delay=0, error=f"card {chance.randrange(3)} [/x]")
        else:
            store.ack([message.receipt or ""])


def _read(store: Store, chance: random.Random) -> None:
    for record in store.acquire("packers", 3, lease=0.2):
        if chance.random() < 0.5:
            store.ack([record.receipt])


def _come_or_go(store: Store, chance: random.Random) -> None:
    name = chance.choice(FLEETING)
    kind = store.kind(name)
    if kind is None and chance.random() < 0.5:
        store.create_topic(name, partitions=chance.randint(1, 3))
        store.produce(name, b"soon gone")
    elif kind is None:
        store.create_queue(name)
        store.send(name, b"soon gone")
    elif kind == "topic":
        store.delete_topic(name)
    else:
        store.delete_queue(name)


_STEPS = (_produce, _send, _send, _work, _work, _read, _come_or_go)

if __name__ == "__main__":
    # The folder of this file must not come before the packages that it imports.
    sys.path.remove(str(Path(__file__).parent))
    write(*sys.argv[1:])
