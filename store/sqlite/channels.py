"""The one name space of topics, queues and shares: rows of mq_channels."""

from __future__ import annotations

from store import model
from store.model.addresses import Kind
from store.model.encoding import check_text
from store.model.errors import Exists, Hint
from store.sqlite.file.database import Snapshot, WriteTransaction


def refuse_taken(tx: Snapshot, name: str) -> None:
    """Raise `Exists` when anything of that name does."""
    kind = tx.value("select kind from mq_channels where name = :name", {"name": name})
    if kind is not None:
        see = model.looks.Show(kind, name)
        raise Exists(f"{kind} {name} exists already", hint=Hint("look at it: {}", see))


def create(tx: WriteTransaction, name: str, kind: Kind) -> int:
    """Take a name for a topic, queue or share; return the channel's id."""
    return tx.insert(
        "insert into mq_channels (name, kind, created) values (:name, :kind, :created)",
        {"name": name, "kind": kind, "created": tx.wall},
    )


def delete(tx: WriteTransaction, id: int) -> None:
    """Free a name, and delete all references to the channel."""
    tx.execute("delete from mq_channels where id = :id", {"id": id})


def label(tx: WriteTransaction, name: str, label: str) -> None:
    """Note the topology that owns a topic, queue or share."""
    tx.execute(
        "update mq_channels set label = :label where name = :name", {"label": label, "name": name}
    )


def names(tx: Snapshot, kind: Kind, prefix: str, after: str | None, limit: int | None) -> list[str]:
    """Return the names of one kind that begin with a prefix and follow `after`, in order."""
    check_text(prefix, "a prefix")
    check_text(after, "a name")
    rows = tx.rows(
        "select name from mq_channels where kind = :kind and name >= :prefix and name > :after"
        " and substr(name, 1, length(:prefix)) = :prefix order by name limit :limit",
        {
            "kind": kind,
            "prefix": prefix,
            "after": after or "",
            "limit": -1 if limit is None else limit,
        },
    )
    return [name for (name,) in rows]
