"""Finding a reader by its name: a queue or a share, whichever the name is."""

from __future__ import annotations

from store.db import Snapshot
from store.delivery import queues
from store.delivery.readers import Reader


def find_reader(tx: Snapshot, name: str) -> Reader:
    """The rules of the queue or share of that name; raises `NotFound`."""
    return queues.find(tx, name).reader
