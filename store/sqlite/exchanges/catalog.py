"""Exchanges as things: create, find, change and delete."""

from __future__ import annotations

from store import model
from store.model.addresses import EXCHANGE_PREFIX, check_name
from store.model.errors import BadInput, Conflict, Exists, Hint
from store.model.exchanges import EXCHANGE_TYPES, Exchange, check_alternate
from store.sqlite.file import settings
from store.sqlite.file.database import Row, Snapshot, WriteTransaction

Labels = tuple[tuple[str, str], ...]

_COLUMNS = (
    "select name, type, alternate, created,"
    " (select count(*) from mq_bindings b where b.exchange = x.id), labels from mq_exchanges x"
)


def create(
    tx: WriteTransaction, name: str, type: str, alternate: str | None, labels: Labels = ()
) -> Exchange:
    """Create an exchange; raises `Exists`. The alternate may be created later (RabbitMQ)."""
    check_name(name, "exchange name")
    if type not in EXCHANGE_TYPES:
        raise BadInput(
            f"not an exchange type: {type!r}", hint="one of " + ", ".join(EXCHANGE_TYPES)
        )
    if find_or_none(tx, name) is not None:
        raise Exists(
            f"exchange {name} exists already", hint=Hint("{}", model.looks.Show("exchange", name))
        )
    check_alternate(name, alternate)
    tx.execute(
        "insert into mq_exchanges (name, type, alternate, created, labels)"
        " values (:name, :type, :alternate, :created, :labels)",
        {
            "name": name,
            "type": type,
            "alternate": alternate,
            "created": tx.wall,
            "labels": settings.write_labels(labels),
        },
    )
    return find(tx, name)


def find_id(tx: Snapshot, name: str) -> int:
    """Return an exchange's id; raises `NotFound`. Counts no bindings."""
    id: int | None = tx.value("select id from mq_exchanges where name = :name", {"name": name})
    if id is None:
        raise tx.missing(name, "exchange")
    return id


def find(tx: Snapshot, name: str) -> Exchange:
    """Return the exchange of that name; raises `NotFound`."""
    find_id(tx, name)
    found = find_or_none(tx, name)
    assert found is not None
    return found


def find_or_none(tx: Snapshot, name: str) -> Exchange | None:
    """Return the exchange of that name, if there is one."""
    row = tx.row(f"{_COLUMNS} where name = :name", {"name": name})
    return None if row is None else _from_row(row)


def uncounted(tx: Snapshot, name: str) -> Exchange | None:
    """Return the exchange of that name, if there is one; the number of its bindings reads 0."""
    row = tx.row(
        "select name, type, alternate, created from mq_exchanges where name = :name", {"name": name}
    )
    return None if row is None else _from_row(row)


def every(tx: Snapshot) -> list[Exchange]:
    """Return all exchanges, by name."""
    return [_from_row(row) for row in tx.rows(f"{_COLUMNS} order by name")]


def _from_row(row: Row) -> Exchange:
    exchange = Exchange(*row[:5])
    if len(row) > 5 and row[5] is not None:
        return exchange._replace(labels=settings.read_labels(row[5]))
    return exchange


def alter(tx: WriteTransaction, name: str, alternate: str | None, labels: Labels) -> Exchange:
    """Give an exchange another alternate or none, and labels; its type can't change."""
    find(tx, name)
    check_alternate(name, alternate)
    tx.execute(
        "update mq_exchanges set alternate = :alternate, labels = :labels where name = :name",
        {"alternate": alternate, "labels": settings.write_labels(labels), "name": name},
    )
    return find(tx, name)


def label(tx: WriteTransaction, name: str, label: str) -> None:
    """Note the topology that owns an exchange."""
    tx.execute(
        "update mq_exchanges set label = :label where name = :name", {"label": label, "name": name}
    )


def delete(tx: WriteTransaction, name: str, *, if_unused: bool = False) -> Exchange:
    """Delete an exchange and every binding from and to it; return the exchange as it was.

    Raises `Conflict` while it is an alternate or a queue or share sends its dead letters to it, and
    with `if_unused` while bindings lead out of it.
    """
    exchange = find(tx, name)
    if if_unused and exchange.bindings:
        raise Conflict(
            f"exchange {name} is in use: {exchange.bindings} bindings lead out of it",
            hint=Hint("{}", model.looks.ShowBindings(name)),
        )
    _refuse_alternate(tx, name)
    _refuse_dead_letter_target(tx, name)
    tx.execute("delete from mq_exchanges where name = :name", {"name": name})
    return exchange


def _refuse_alternate(tx: Snapshot, name: str) -> None:
    user = tx.value(
        "select name from mq_exchanges where alternate = :name order by 1", {"name": name}
    )
    if user is not None:
        raise Conflict(
            f"exchange {name} is the alternate of {user}",
            hint=Hint("{}", model.actions.alter("exchange", user, alternate=None)),
        )


def _refuse_dead_letter_target(tx: Snapshot, name: str) -> None:
    row = tx.row(
        "select kind, name from mq_readers where dead_letter_to = :target order by 2",
        {"target": f"{EXCHANGE_PREFIX}{name}"},
    )
    if row is not None:
        kind, user = row
        raise Conflict(
            f"{kind} {user} sends its dead letters to exchange {name}",
            hint=Hint("{}", model.actions.alter(kind, user, dlq=model.actions.Blank("OTHER"))),
        )
