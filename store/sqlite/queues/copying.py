"""How far a queue was copied to another place, noted by `mq migrate`."""

from __future__ import annotations

from store.sqlite.file.database import Snapshot, WriteTransaction
from store.sqlite.queues.catalog import Queue


def copied_to(tx: Snapshot, queue: Queue, place: str) -> int:
    """Return the sequence of the last message copied to a place; -1 before the first one."""
    sequence: int | None = tx.value(
        "select sequence from mq_copies where channel = :channel and place = :place",
        {"channel": queue.id, "place": place},
    )
    return -1 if sequence is None else sequence


def note(tx: WriteTransaction, queue: Queue, place: str, sequence: int) -> None:
    """Note that the messages up to this sequence are copied to a place."""
    tx.execute(
        "insert into mq_copies (channel, place, sequence) values (:channel, :place, :sequence)"
        " on conflict (channel, place) do update set sequence = :sequence",
        {"channel": queue.id, "place": place, "sequence": sequence},
    )
