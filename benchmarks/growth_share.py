"""Whether acquire, release and ack take longer when a share is further behind.

    python benchmarks/growth_share.py [--only BACKLOG] [--trials N] [SIZE …]

Each trial acquires a record, gives it back, acquires again and acknowledges; `show` is what `mq
share show` asks. Filling takes 4 seconds per million records that are merely behind, and 30 per
million of a pinned window; 1,000 to 5,000,000 a minute and a half, since that stops at a million. A
ratio over 1.5 is a fault, and the exit status says so.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from growth import Call, Subject, main

from store import NewRecord, SharedRecord, Store

BATCH = 10_000
LEFT = 1_000
LONG = 10_000_000
WIDEST = 10_000_000
VALUE = b"x" * 100


def behind(store: Store, size: int) -> None:
    """Records that were never handed out, and a few to spare for the trials."""
    store.create_topic("t", retention=None)
    store.create_share("s", "t", max_in_flight=WIDEST)
    for first in range(0, size + LEFT, BATCH):
        store.produce_many("t", [NewRecord(VALUE)] * min(BATCH, size + LEFT - first))


def pinned(store: Store, size: int) -> None:
    """A window as wide as the backlog: its first record is held, nearly all behind it finished."""
    behind(store, size)
    store.acquire("s", lease=LONG)
    for first in range(0, size, BATCH):
        records = store.acquire("s", min(BATCH, size - first), lease=LONG)
        store.ack([record.receipt for record in records])


def calls(store: Store, size: int) -> Sequence[Call]:
    """One record, handed out twice."""
    taken: list[SharedRecord] = []

    def acquire() -> None:
        taken[:] = store.acquire("s")

    def receipts() -> list[str]:
        return [record.receipt for record in taken]

    return [
        Call("acquire", acquire),
        Call("nack", lambda: store.nack(receipts())),
        Call("acquire again", acquire),
        Call("ack", lambda: store.ack(receipts())),
        Call("show", lambda: store.share("s")),
        Call("snapshot", store.snapshot, alone=True),
    ]


SUBJECTS = [
    Subject("behind", behind, calls),
    Subject("pinned window", pinned, calls, most=1_000_000),
]

if __name__ == "__main__":
    sys.exit(main(__doc__, SUBJECTS))
