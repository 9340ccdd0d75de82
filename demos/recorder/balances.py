"""Work out each account's balance from its events, each event exactly once: `python balances.py`.

The balances, their copies in the topic `balances` and the group's offsets commit in one
transaction: whenever this is killed, all of a batch is stored or nothing of it. The table is a
projection: it may be dropped and worked out again. `python balances.py --show` prints a checksum.
"""

from __future__ import annotations

import json
import os
import sys

from mq import Record, Store, Transaction

GROUP = "balances"
BATCH = 100
CREATE = "create table if not exists balances (account text primary key, cents integer) strict"
ADD = (
    "insert into balances values (:account, :cents)"
    " on conflict (account) do update set cents = cents + :cents returning cents"
)


def apply(tx: Transaction, record: Record) -> None:
    """Add one event to its account, and record the new balance."""
    event = json.loads(record.value or b"null")
    cents = event["cents"] if event["kind"] == "deposit" else -event["cents"]
    ((balance,),) = tx.execute(ADD, {"account": event["account"], "cents": cents})
    tx.produce("balances", json.dumps({"cents": balance}), key=event["account"])


def project(store: Store) -> None:
    """Read the events that are new to the table."""
    with store.transaction() as tx:
        tx.execute(CREATE)
    with store.consumer(GROUP, ["events"]) as consumer:
        while records := consumer.poll(BATCH, timeout=0):
            with store.transaction() as tx:
                for record in records:
                    apply(tx, record)
                tx.commit(GROUP, consumer.position, consumer=consumer)


def show(store: Store) -> None:
    """Print how many accounts there are, and what they hold together."""
    with store.transaction() as tx:
        ((accounts, cents),) = tx.execute("select count(*), total(cents) from balances")
    print(f"{accounts} accounts hold {cents / 100:,.2f}")


if __name__ == "__main__":
    with Store.open(os.environ.get("MQ_STORE", ".mq/store.db")) as opened:
        if "--show" in sys.argv[1:]:
            show(opened)
        elif "--drop" in sys.argv[1:]:
            with opened.transaction() as transaction:
                transaction.execute("drop table balances")
        else:
            project(opened)
