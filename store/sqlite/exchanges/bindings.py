"""Bindings: make, undo and list."""

from __future__ import annotations

import json
from typing import Any

from store import model
from store.model.addresses import EXCHANGE_PREFIX
from store.model.errors import BadInput, Hint, NotFound
from store.model.exchanges import Binding, binding_arguments, checked_key, checked_match
from store.model.topics import Headers
from store.sqlite import exchanges
from store.sqlite.file.database import Row, Snapshot, WriteTransaction

COLUMNS = (
    "select o.name, ifnull(c.name, x.name), ifnull(c.kind, 'exchange'), b.key, b.arguments, b.match"
    " from mq_bindings b join mq_exchanges o on o.id = b.exchange"
    " left join mq_channels c on c.id = b.channel left join mq_exchanges x on x.id = b.to_exchange"
)
_IDENTITY = (
    " where exchange = :exchange and ifnull(channel, 0) = ifnull(:channel, 0)"
    " and ifnull(to_exchange, 0) = ifnull(:to_exchange, 0)"
    " and key = :key and arguments = :arguments and match = :match"
)


def from_row(row: Row) -> Binding:
    """Return a binding from a row of `COLUMNS`."""
    exchange, name, kind, key, arguments, match = row
    destination = f"{EXCHANGE_PREFIX}{name}" if kind == "exchange" else name
    return Binding(exchange, destination, kind, key, json.loads(arguments), match)


def bind(
    tx: WriteTransaction,
    exchange: str,
    destination: str,
    key: str,
    headers: Headers | None,
    match: str,
) -> bool:
    """Make a binding; return False if it existed already. Raises `NotFound` for either end."""
    columns = _columns(tx, exchange, destination, key, headers, match)
    return bool(
        tx.execute(
            "insert into mq_bindings (exchange, channel, to_exchange, key, arguments, match)"
            " values (:exchange, :channel, :to_exchange, :key, :arguments, :match)"
            " on conflict do nothing",
            columns,
        )
    )


def unbind(
    tx: WriteTransaction,
    exchange: str,
    destination: str,
    key: str,
    headers: Headers | None,
    match: str,
) -> None:
    """Undo a binding, which is named by the same arguments; raises `NotFound`."""
    columns = _columns(tx, exchange, destination, key, headers, match)
    if not tx.execute(f"delete from mq_bindings{_IDENTITY}", columns):
        raise NotFound(
            f"exchange {exchange} has no such binding to {destination}",
            hint=Hint(
                "key, headers and match must be the same: {}", model.looks.ShowBindings(exchange)
            ),
        )


def label(
    tx: WriteTransaction,
    exchange: str,
    destination: str,
    key: str,
    headers: Headers | None,
    match: str,
    label: str,
) -> None:
    """Note the topology that owns a binding, which is named by its arguments."""
    columns = _columns(tx, exchange, destination, key, headers, match)
    tx.execute(f"update mq_bindings set label = :label{_IDENTITY}", {**columns, "label": label})


def every(
    tx: Snapshot, exchange: str | None = None, destination: str | None = None
) -> list[Binding]:
    """Return the bindings, by exchange and in the order made, of one exchange or to one
    destination.
    """
    if exchange is not None:
        exchanges.catalog.find_id(tx, exchange)
    channel, to_exchange = (None, None) if destination is None else _target(tx, destination)
    rows = tx.rows(
        f"{COLUMNS} where (:exchange is null or o.name = :exchange)"
        " and (:channel is null or b.channel = :channel)"
        " and (:to_exchange is null or b.to_exchange = :to_exchange) order by o.name, b.id",
        {"exchange": exchange, "channel": channel, "to_exchange": to_exchange},
    )
    return [from_row(row) for row in rows]


def _columns(
    tx: Snapshot, exchange: str, destination: str, key: str, headers: Headers | None, match: str
) -> dict[str, Any]:
    id = exchanges.catalog.find_id(tx, exchange)
    channel, to_exchange = _target(tx, destination)
    return {
        "exchange": id,
        "channel": channel,
        "to_exchange": to_exchange,
        "key": checked_key(key),
        "arguments": binding_arguments(headers),
        "match": checked_match(match),
    }


def _target(tx: Snapshot, destination: str) -> tuple[int | None, int | None]:
    """Return the channel or the exchange of a destination; raises `NotFound`."""
    if not isinstance(destination, str):
        raise BadInput(f"a destination is text, not {type(destination).__name__}")
    if destination.startswith(EXCHANGE_PREFIX):
        return None, exchanges.catalog.find_id(tx, destination.removeprefix(EXCHANGE_PREFIX))
    row = tx.row("select id, kind from mq_channels where name = :name", {"name": destination})
    if row is None:
        raise _no_target(tx, destination)
    id, kind = row
    if kind == "share":
        raise BadInput(
            f"{destination} is a share, which reads a topic", hint="bind the topic that it reads"
        )
    return id, None


def _no_target(tx: Snapshot, destination: str) -> NotFound:
    if exchanges.catalog.uncounted(tx, destination) is not None:
        return NotFound(
            f"{destination} is neither a queue nor a topic",
            hint=f"to bind to the exchange, write {EXCHANGE_PREFIX}{destination}",
        )
    return tx.missing(destination, "queue", "topic")
