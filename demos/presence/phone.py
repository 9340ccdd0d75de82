"""A phone: take what waits for a rider, in order, and show the newest: `python phone.py ada`."""

from __future__ import annotations

import json
import os
import sys

from mq import Store


def main(rider: str) -> None:
    """Show where each trip is that the rider follows."""
    seen: dict[int, list[int]] = {}
    with Store.open(os.environ.get("MQ_STORE", ".mq/store.db")) as store:
        while messages := store.receive(rider, 10):
            for message in messages:
                update = json.loads(message.value or b"null")
                seen.setdefault(update["trip"], []).append(update["number"])
            store.ack([message.receipt or "" for message in messages])
    for trip, numbers in sorted(seen.items()):
        order = "in order" if numbers == sorted(numbers) else "OUT OF ORDER"
        print(
            f"trip {trip}: updates {numbers[0]} to {numbers[-1]}, {len(numbers)} of them, {order}"
        )
    if not seen:
        print("nothing yet")


if __name__ == "__main__":
    main(sys.argv[1])
