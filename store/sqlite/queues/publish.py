"""Publishing: route first, then store in every destination, all in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from store.model.encoding import encode_bytes, encode_document
from store.model.errors import BadInput, BadRecord
from store.model.exchanges import Binding, Placed, routing_key
from store.model.messages import NewMessage
from store.model.placement import StickyPlacement
from store.model.topics import NewRecord
from store.sqlite import queues
from store.sqlite.exchanges import tables
from store.sqlite.file.database import WriteTransaction
from store.sqlite.log import append, topics
from store.sqlite.queues import send


def publish(
    tx: WriteTransaction,
    exchange: str,
    messages: Sequence[NewMessage],
    sticky: Callable[[str], StickyPlacement],
) -> list[list[Placed]]:
    """Store each message in the destinations of its key and headers; return the places, in order.

    Each destination gets one copy, for any number of bindings that lead there. A message that one
    destination refuses is stored in none, nor is the rest of the batch: raises `BadRecord` for the
    first bad message.
    """
    ends = _route(tx, exchange, messages)
    members: dict[str, list[int]] = {}
    kinds: dict[str, str] = {}
    for index, found in enumerate(ends):
        for end in found:
            members.setdefault(end.destination, []).append(index)
            kinds[end.destination] = end.kind
    placed: dict[tuple[str, int], Placed] = {}
    for name, indexes in members.items():
        chosen = [messages[index] for index in indexes]
        try:
            ids = (
                _send(tx, name, chosen)
                if kinds[name] == "queue"
                else _append(tx, name, chosen, sticky(name))
            )
        except BadRecord as error:
            raise BadRecord(indexes[error.index], error.message, error.hint) from error
        placed.update(((name, index), id) for index, id in zip(indexes, ids, strict=True))
    return [[placed[end.destination, index] for end in found] for index, found in enumerate(ends)]


def _route(
    tx: WriteTransaction, exchange: str, messages: Sequence[NewMessage]
) -> list[Sequence[Binding]]:
    current = tables.current(tx)
    found = []
    for index, message in enumerate(messages):
        if not isinstance(message, NewMessage):
            raise BadRecord(index, f"a message is a NewMessage, not {type(message).__name__}")
        try:
            key = routing_key(encode_bytes(message.key, "key"))
            # A message without a destination is checked too: an error does not depend on the
            # bindings.
            encode_bytes(message.value, "value")
            encode_document(message.headers, message.properties)
        except BadInput as error:
            raise BadRecord(index, error.message, error.hint) from error
        found.append(current.destinations(tx, exchange, key, message.headers or {}))
    return found


def _send(tx: WriteTransaction, name: str, messages: list[NewMessage]) -> Sequence[Placed]:
    return send.send(tx, queues.catalog.find(tx, name), messages)


def _append(
    tx: WriteTransaction, name: str, messages: list[NewMessage], sticky: StickyPlacement
) -> Sequence[Placed]:
    records = [_record(index, message, name) for index, message in enumerate(messages)]
    return append.produce(tx, topics.find(tx, name), records, sticky)


def _record(index: int, message: NewMessage, topic: str) -> NewRecord:
    """Return the record for a topic, which has no groups and levels, and keeps to its own times."""
    for what, given in (
        ("delay", message.delay),
        ("deduplication id", message.dedup_id),
        ("time to live", message.ttl),
    ):
        if given is not None:
            raise BadRecord(
                index,
                f"the exchange leads to the topic {topic}, which takes no {what}",
                hint="leave it out, or bind only queues",
            )
    return NewRecord(
        message.value,
        message.key,
        message.headers,
        message.timestamp,
        properties=message.properties,
    )
