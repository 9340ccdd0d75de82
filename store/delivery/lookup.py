"""Finding a reader by its name: a queue or a share, whichever the name is."""

from __future__ import annotations

from store.db import Snapshot
from store.delivery import queues, shares
from store.delivery.readers import Reader


def find_reader(tx: Snapshot, name: str) -> Reader:
    """The rules of the queue or share of that name; raises `NotFound`."""
    share = shares.find_or_none(tx, name)
    return queues.find(tx, name).reader if share is None else share.reader


def all_readers(tx: Snapshot) -> list[Reader]:
    """The rules of every queue and every share: the queues first, each by name."""
    found = [queues.find(tx, name).reader for name in queues.names(tx)]
    return found + [share.reader for share in shares.every(tx)]
