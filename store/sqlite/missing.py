"""The error for an unknown name: its other kind, the nearest name, how to create it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from store import model
from store.model.addresses import EXCHANGE_PREFIX, Kind, check_name
from store.model.errors import Hint, NotFound
from store.model.nearest import nearest

if TYPE_CHECKING:
    from store.model.actions import Create
    from store.sqlite.file.transactions import Snapshot


_TABLES: dict[Kind, str] = {
    "topic": "mq_channels where kind = 'topic'",
    "queue": "mq_channels where kind = 'queue'",
    "share": "mq_channels where kind = 'share'",
    "exchange": "mq_exchanges where true",
    "group": "mq_readers where kind = 'group'",
}
# Up to this many names of a kind the nearest is searched, which takes some tenths of a second.
_MOST_NAMES = 100_000


def missing(tx: Snapshot, name: str, *kinds: Kind) -> NotFound:
    """Return the error for a name that is none of these kinds, any of which would do.

    Raises `BadInput` for an invalid name.
    """
    check_name(name, f"{kinds[0]} name" if len(kinds) == 1 else "name")
    instead = _other_kind(tx, name, kinds)
    if instead is not None:
        return _of_another_kind(name, instead, kinds)
    what = f"there is no {_either(kinds)} {name}"
    if len(kinds) == 1:
        what = f"{kinds[0]} {name} does not exist"
    creating = " or ".join("{}" for _ in kinds)
    near = _nearest(tx, name, kinds)
    hint = f"did you mean {near}? if not: {creating}" if near else creating
    return NotFound(what, hint=Hint(hint, *(_create(kind, name) for kind in kinds)))


def _create(kind: Kind, name: str) -> Create:
    if kind == "share":
        return model.actions.create(kind, name, topic=model.actions.Blank("TOPIC"))
    if kind == "exchange":
        return model.actions.create(kind, name, type="topic")
    return model.actions.create(kind, name)


def _other_kind(tx: Snapshot, name: str, kinds: Sequence[Kind]) -> Kind | None:
    """Return the kind of thing that has the name, where it may have been taken for one of
    `kinds`.
    """
    channel: Kind | None = tx.value(
        "select kind from mq_channels where name = :name", {"name": name}
    )
    if channel is not None:
        return channel
    taken_for: dict[Kind, Kind] = {"topic": "exchange", "queue": "exchange", "share": "group"}
    alike = taken_for.get(kinds[0])
    if alike is None or alike in kinds:
        return None
    found = tx.value(f"select 1 from {_TABLES[alike]} and name = :name", {"name": name})
    return alike if found else None


def _of_another_kind(name: str, kind: Kind, kinds: Sequence[Kind]) -> NotFound:
    if kind == "exchange":
        return NotFound(
            f"{name} is an exchange, which stores nothing itself",
            hint=Hint(
                "publish through it: {}", model.actions.Publish(name, model.actions.Blank("KEY"))
            ),
        )
    article = "an" if kinds[0] == "exchange" else "a"
    return NotFound(
        f"{name} is a {kind}, not {article} {_either(kinds)}",
        hint=Hint("{}", model.looks.Show(kind, name)),
    )


def _nearest(tx: Snapshot, name: str, kinds: Sequence[Kind]) -> str | None:
    """Return the nearest name of these kinds, or else the nearest of another one and its kind."""
    if near := nearest(name, (known for kind in kinds for known in _names(tx, kind))):
        return near[0]
    others = {known: kind for kind in _TABLES if kind not in kinds for known in _names(tx, kind)}
    if near := nearest(name, others):
        kind = others[near[0]]
        return f"{EXCHANGE_PREFIX}{near[0]}" if kind == "exchange" else f"the {kind} {near[0]}"
    return None


def _names(tx: Snapshot, kind: Kind) -> list[str]:
    rows = tx.rows(f"select name from {_TABLES[kind]} limit :most", {"most": _MOST_NAMES})
    return [name for (name,) in rows]


def _either(kinds: Sequence[Kind]) -> str:
    return " or ".join([", ".join(kinds[:-1]), kinds[-1]]) if kinds[1:] else kinds[0]
