"""The steps of a plan, carried out in a transaction of the file."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from store.model.positions import parse_position
from store.sqlite import channels, exchanges, groups, queues, shares
from store.sqlite.exchanges import bindings
from store.sqlite.file.database import WriteTransaction
from store.sqlite.groups import membership
from store.sqlite.leases import readers
from store.sqlite.log import topics
from store.sqlite.queues import altering
from store.sqlite.queues.changed_limits import Settling
from store.topology.kinds import (
    KINDS,
    group_config,
    names_in,
    queue_config,
    share_config,
    topic_config,
)
from store.topology.model import Resource
from store.topology.steps import Step


class FileTarget:
    """A store's file as the target of a plan: all of it in one transaction.

    `settlings` are the things that changed limits leave too much in for that transaction.
    """

    refers_ahead = False

    def __init__(self, tx: WriteTransaction) -> None:
        self._tx = tx
        self._settlings: list[Settling] = []

    @property
    def settlings(self) -> list[Settling]:
        """The messages that are still over limits."""
        return [settling for settling in self._settlings if settling.has_more]

    def carry_out(self, step: Step) -> None:
        """Create, change or delete one thing; a new one gets its label."""
        match step.action:
            case "create":
                _CREATE[step.kind](self._tx, step.thing)
                self.adopt(step.thing)
            case "change":
                settling = _change(self._tx, step)
                if settling is not None:
                    self._settlings.append(settling)
            case "delete":
                _DELETE[step.kind](self._tx, step.thing)

    def adopt(self, thing: Resource) -> None:
        """Note that a thing belongs to the topology of its label."""
        if thing.label is not None:
            _label(self._tx, thing, thing.label)


def _create_topic(tx: WriteTransaction, thing: Resource) -> None:
    partitions = int(thing.settings["partitions"])
    topics.create(tx, thing.name, partitions, topic_config(thing.settings))


def _create_queue(tx: WriteTransaction, thing: Resource) -> None:
    queues.catalog.create(tx, thing.name, queue_config(thing.settings))


def _create_exchange(tx: WriteTransaction, thing: Resource) -> None:
    values = KINDS["exchange"].values(thing.settings)
    exchanges.catalog.create(tx, thing.name, values["type"], values["alternate"], values["labels"])


def _create_binding(tx: WriteTransaction, thing: Resource) -> None:
    bindings.bind(tx, *_arguments(thing))


def _arguments(binding: Resource) -> tuple[str, str, str, dict[str, Any], str]:
    settings = binding.settings
    headers = json.loads(settings["headers"])
    return settings["from"], settings["to"], settings["key"], headers, settings["match"]


def _create_group(tx: WriteTransaction, thing: Resource) -> None:
    groups.catalog.create(
        tx, thing.name, group_config(thing.settings), names_in(thing.settings["topics"])
    )


def _create_share(tx: WriteTransaction, thing: Resource) -> None:
    settings = thing.settings
    start = parse_position(settings["from"], tx.wall)
    shares.catalog.create(tx, thing.name, settings["topic"], share_config(settings), start)


_CREATE: dict[str, Callable[[WriteTransaction, Resource], None]] = {
    "topic": _create_topic,
    "queue": _create_queue,
    "exchange": _create_exchange,
    "binding": _create_binding,
    "group": _create_group,
    "share": _create_share,
}


def _change(tx: WriteTransaction, step: Step) -> Settling | None:
    changed = {change.setting: change.new for change in step.changes}
    return _CHANGE[step.kind](tx, step.thing, KINDS[step.kind].values(changed))


def _change_topic(tx: WriteTransaction, thing: Resource, values: dict[str, Any]) -> None:
    topics.alter(tx, thing.name, values.pop("partitions", None), values)


def _change_queue(tx: WriteTransaction, thing: Resource, values: dict[str, Any]) -> Settling:
    return altering.alter(tx, thing.name, values)


def _change_exchange(tx: WriteTransaction, thing: Resource, values: dict[str, Any]) -> None:
    present = exchanges.catalog.find(tx, thing.name)
    exchanges.catalog.alter(
        tx,
        thing.name,
        values.get("alternate", present.alternate),
        values.get("labels", present.labels),
    )


def _change_group(tx: WriteTransaction, thing: Resource, values: dict[str, Any]) -> None:
    group = groups.catalog.find(tx, thing.name)
    wanted = names_in(thing.settings["topics"])
    declared = groups.catalog.declared_topics(tx).get(thing.name, [])
    if "topics" in values:
        groups.catalog.withdraw_topics(
            tx, group.id, [name for name in declared if name not in wanted]
        )
        del values["topics"]
    membership.alter(tx, thing.name, group.config._replace(**values), wanted)


def _change_share(tx: WriteTransaction, thing: Resource, values: dict[str, Any]) -> Settling:
    return altering.alter_share(tx, thing.name, values)


_CHANGE: dict[str, Callable[[WriteTransaction, Resource, dict[str, Any]], Settling | None]] = {
    "topic": _change_topic,
    "queue": _change_queue,
    "exchange": _change_exchange,
    "group": _change_group,
    "share": _change_share,
}


def _delete_topic(tx: WriteTransaction, thing: Resource) -> None:
    topics.delete(tx, thing.name)


def _delete_queue(tx: WriteTransaction, thing: Resource) -> None:
    queues.catalog.delete(tx, thing.name)


def _delete_exchange(tx: WriteTransaction, thing: Resource) -> None:
    exchanges.catalog.delete(tx, thing.name)


def _delete_binding(tx: WriteTransaction, thing: Resource) -> None:
    bindings.unbind(tx, *_arguments(thing))


def _delete_group(tx: WriteTransaction, thing: Resource) -> None:
    group = groups.catalog.find(tx, thing.name)
    groups.catalog.delete(tx, group, membership.live_members(tx, group))


def _delete_share(tx: WriteTransaction, thing: Resource) -> None:
    shares.catalog.delete(tx, thing.name)


_DELETE: dict[str, Callable[[WriteTransaction, Resource], None]] = {
    "topic": _delete_topic,
    "queue": _delete_queue,
    "exchange": _delete_exchange,
    "binding": _delete_binding,
    "group": _delete_group,
    "share": _delete_share,
}


def _label(tx: WriteTransaction, thing: Resource, label: str) -> None:
    match thing.kind:
        case "binding":
            bindings.label(tx, *_arguments(thing), label)
        case "exchange":
            exchanges.catalog.label(tx, thing.name, label)
        case "group":
            readers.label(tx, thing.name, label)
        case _:
            channels.label(tx, thing.name, label)
