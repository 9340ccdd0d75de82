"""Count flights and cancellations by airline, each flight exactly once: `python tally.py`.

The counts and the group's offsets commit in one transaction, so whenever this is killed, both are
stored or neither. `python tally.py --show` prints the table.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence

from mq import Store

GROUP = "tally"
BATCH = 500
# Making the table and joining the group are commits of their own, before the first batch.
COMMITS_BEFORE_BATCHES = 2
CREATE = (
    "create table if not exists flights_tally (carrier text primary key,"
    " flights integer not null, never_left integer not null) strict"
)
COUNT = (
    "insert into flights_tally values (:carrier, 1, :never_left) on conflict (carrier)"
    " do update set flights = flights + 1, never_left = never_left + :never_left"
)
SHOW = "select carrier, flights, never_left from flights_tally order by flights desc, carrier"


def tally(store: Store) -> None:
    """Read the topic to its end."""
    with store.transaction() as tx:
        tx.execute(CREATE)
    with store.consumer(GROUP, ["flights"]) as consumer:
        while records := consumer.poll(BATCH, timeout=0):
            with store.transaction() as tx:
                for record in records:
                    flight = json.loads(record.value or b"null")
                    never_left = flight["dep_time"] is None
                    tx.execute(COUNT, {"carrier": flight["carrier"], "never_left": never_left})
                tx.commit(GROUP, consumer.position, consumer=consumer)


def show(store: Store) -> None:
    """Print the table with its sums."""
    with store.transaction() as tx:
        rows = tx.execute(SHOW)
    print(f"{'carrier':<9}{'flights':>9}{'never left':>13}")
    for carrier, flights, never_left in [*rows, ("all", *_sums(rows))]:
        print(f"{carrier:<9}{flights:>9}{never_left:>13}")


def _sums(rows: Sequence[tuple[str, int, int]]) -> tuple[int, int]:
    return sum(row[1] for row in rows), sum(row[2] for row in rows)


def main() -> None:
    """Count, or show what was counted, in the store of this folder or of $MQ_STORE."""
    with Store.open(os.environ.get("MQ_STORE", ".mq/store.db")) as store:
        if "--show" in sys.argv[1:]:
            show(store)
        else:
            tally(store)


if __name__ == "__main__":
    main()
