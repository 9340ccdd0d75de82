"""Rebook the passengers of cancelled flights, a batch at a time: `python rebook.py`.

An airline that desks.txt does not list can't be called, so its flights are given back with an
error. Two counters follow the rest of the work: one adds whatever comes, the other asks first
whether it has seen the message. `python rebook.py --show` prints both.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable
from pathlib import Path

from mq import Message, Store

QUEUE = "rebooking"
BATCH = 50
# Making the table, receiving and counting are a commit each; the next one is the ack.
FIRST_ACK = 4
ADDING, IDEMPOTENT = "adding", "idempotent"
CREATE = (
    "create table if not exists rebooked"
    " (counter text primary key, flights integer not null) strict"
)
COUNT = (
    "insert into rebooked values (:counter, 1) on conflict (counter)"
    " do update set flights = flights + 1"
)
SHOW = "select counter, flights from rebooked order by counter"


def rebook(store: Store, desks: set[str]) -> None:
    """Work until no message is ready."""
    with store.transaction() as tx:
        tx.execute(CREATE)
    while messages := store.receive(QUEUE, BATCH):
        known = [message for message in messages if carrier(message) in desks]
        count(store, known)
        # What is done before the ack is done again after a crash right here.
        store.ack(_receipts(known))
        for unknown in sorted({carrier(message) for message in messages} - desks):
            failed = [message for message in messages if carrier(message) == unknown]
            store.nack(_receipts(failed), error=f"no rebooking desk for airline '{unknown}'")


def count(store: Store, messages: Iterable[Message]) -> None:
    """Count messages in both ways, in one transaction."""
    with store.transaction() as tx:
        for message in messages:
            tx.execute(COUNT, {"counter": ADDING})
            if tx.first_time("rebooked", message.id):
                tx.execute(COUNT, {"counter": IDEMPOTENT})


def carrier(message: Message) -> str:
    """The airline whose flight it was."""
    return str(json.loads(message.value or b"null")["carrier"])


def show(store: Store) -> None:
    """Print both counters."""
    with store.transaction() as tx:
        rows = tx.execute(SHOW)
    print(f"{'counter':<12}{'flights':>9}")
    for counter, flights in rows:
        print(f"{counter:<12}{flights:>9}")


def _receipts(messages: Iterable[Message]) -> list[str]:
    return [message.receipt or "" for message in messages]


def main() -> None:
    """Work, or show the counters, in the store of this folder or of $MQ_STORE."""
    with Store.open(os.environ.get("MQ_STORE", ".mq/store.db")) as store:
        if "--show" in sys.argv[1:]:
            show(store)
        else:
            rebook(store, set(Path("desks.txt").read_text().split()))


if __name__ == "__main__":
    main()
