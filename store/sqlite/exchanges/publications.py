"""Loads that named producers publish through an exchange, counted so that they can go on.

The input counts, independent of the bindings: a message without a destination was published, and is
not published again when there is a binding for it.
"""

from __future__ import annotations

from store.sqlite.file.database import Snapshot, WriteTransaction
from store.sqlite.log import producers


def published(tx: Snapshot, producer: str, exchange: str) -> int:
    """Return how many messages of its input the producer has published through the exchange."""
    count: int | None = tx.value(
        "select l.published from mq_producers p join mq_publications l on l.producer = p.id"
        " join mq_exchanges e on e.id = l.exchange where p.name = :producer and e.name = :exchange",
        {"producer": producer, "exchange": exchange},
    )
    return count or 0


def advance(tx: WriteTransaction, producer: str, epoch: int, exchange: str, published: int) -> None:
    """Note that this many messages of the input are published by now.

    Raises `Fenced` when a newer incarnation of the producer exists.
    """
    tx.execute(
        "insert into mq_publications (producer, exchange, published)"
        " select :producer, id, :published from mq_exchanges where name = :exchange"
        " on conflict (producer, exchange)"
        " do update set published = max(published, excluded.published)",
        {
            "producer": producers.newest(tx, producer, epoch),
            "exchange": exchange,
            "published": published,
        },
    )
