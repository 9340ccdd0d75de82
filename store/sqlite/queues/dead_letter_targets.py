"""The destination of a dead letter: one queue by its name, or those of an exchange."""

from __future__ import annotations

from store import model
from store.model.addresses import EXCHANGE_PREFIX
from store.model.encoding import Encoded, decode_headers
from store.model.errors import BadInput
from store.sqlite import exchanges, log, queues
from store.sqlite.file.database import Snapshot
from store.sqlite.leases.readers import Reader
from store.sqlite.log.topics import Topic
from store.sqlite.queues.catalog import Queue


def find(tx: Snapshot, reader: Reader, letter: Encoded) -> list[Queue | Topic]:
    """Return the queues and topics of a reader's DLQ, for one letter.

    An exchange routes by the reader's own key if it has one, otherwise by the letter's (RabbitMQ:
    dead-letter-routing-key). Destinations that have vanished, do not admit the reader's letters, or
    could not store this one, are left out.
    """
    dlq = reader.dead_letter_to or ""
    if not dlq.startswith(EXCHANGE_PREFIX):
        target = queues.catalog.find_or_none(tx, dlq)
        return [] if target is None else [target]
    found: list[Queue | Topic] = []
    for name, kind in _ends(tx, reader, dlq.removeprefix(EXCHANGE_PREFIX), letter):
        if kind == "topic":
            topic = log.topics.find(tx, name)
            found += [topic] if log.append.accepts(topic, letter) else []
        else:
            target = queues.catalog.find(tx, name)
            found += [target] if queues.catalog.admits(target, reader.name) else []
    return found


def _ends(tx: Snapshot, reader: Reader, exchange: str, letter: Encoded) -> list[tuple[str, str]]:
    if exchanges.catalog.uncounted(tx, exchange) is None:
        return []
    own = reader.dead_letter_key
    try:
        key = model.exchanges.routing_key(letter.key if own is None else own.encode())
        headers = decode_headers(letter.headers)
        ends = exchanges.tables.current(tx).destinations(tx, exchange, key, headers)
    except BadInput:
        return []
    return [(end.destination, end.kind) for end in ends]
