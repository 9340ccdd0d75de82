"""Where a dead letter may go: one queue by its name, or wherever an exchange leads it."""

from __future__ import annotations

from store.db import Snapshot
from store.delivery import queues
from store.delivery.queues import Queue
from store.errors import BadInput, NotFound
from store.log import append, topics
from store.log.encoding import Encoded, decode_headers
from store.log.topics import Topic
from store.routes import EXCHANGE_PREFIX
from store.routing import tables


def find(tx: Snapshot, dlq: str, key: str | None, letter: Encoded) -> list[Queue | Topic]:
    """The queues and topics that a DLQ stands for, for one letter; none when they have vanished.

    An exchange routes by `key`, else by the letter's own key (RabbitMQ: dead-letter-routing-key).
    Topics that could not store the letter are left out.
    """
    if not dlq.startswith(EXCHANGE_PREFIX):
        target = queues.find_or_none(tx, dlq)
        return [] if target is None else [target]
    found: list[Queue | Topic] = []
    for name, kind in _ends(tx, dlq.removeprefix(EXCHANGE_PREFIX), key, letter):
        if kind == "queue":
            found.append(queues.find(tx, name))
        elif append.accepts(topic := topics.find(tx, name), letter):
            found.append(topic)
    return found


def _ends(tx: Snapshot, exchange: str, key: str | None, letter: Encoded) -> list[tuple[str, str]]:
    try:
        routing_key = tables.routing_key(letter.key) if key is None else key
        ends = tables.current(tx).destinations(
            tx, exchange, routing_key, decode_headers(letter.headers)
        )
    except (NotFound, BadInput):
        return []
    return [(end.destination, end.kind) for end in ends]
