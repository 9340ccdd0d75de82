"""Actions carried out: each is a call or two of the store."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

from store.model import actions
from store.model.actions import Action
from store.model.errors import BadInput
from store.model.messages import NewMessage
from store.model.positions import parse_position

if TYPE_CHECKING:
    from store.api.store import Store


def perform(store: Store, action: Action[Any]) -> Any:
    """Perform an action and return the result of its call."""
    call = _calls().get(type(action))
    if call is None:
        raise BadInput(f"{action!r} is not an action", hint="see store.model.actions")
    if missing := actions.blanks(action):
        raise BadInput(f"{missing[0]} is still to be chosen")
    return call(store, action)


def _skip(store: Store, skip: actions.SkipRecord) -> object:
    if skip.kind == "share":
        store.skip_record(skip.reader, skip.record, skip.to)
        return None
    return store.skip(skip.reader, skip.record, skip.to)


def _release(store: Store, release: actions.ReleaseLease) -> None:
    address = release.address
    if address.partition is not None:
        store.release_record(address, release.share)
    elif address.offset is not None:
        store.release(address.name, address.offset)
    else:
        raise BadInput(f"{address} is not a message or record", hint="as in emails@12")


def _reset(store: Store, reset: actions.ResetGroup) -> object:
    target = parse_position(reset.to, store.wall())
    scope = [(reset.topic, reset.partition)]
    return store.reset_group(reset.group, target, scope, force=reset.force)


def _create(store: Store, create: actions.Create) -> object:
    calls: dict[str, Callable[..., object]] = {
        "topic": store.create_topic,
        "queue": store.create_queue,
        "share": store.create_share,
        "group": store.create_group,
        "exchange": store.create_exchange,
    }
    return calls[create.kind](create.name, **dict(create.settings))


def _alter(store: Store, alter: actions.Alter) -> object:
    calls: dict[str, Callable[..., object]] = {
        "topic": store.alter_topic,
        "queue": store.alter_queue,
        "share": store.alter_share,
        "group": store.alter_group,
        "exchange": store.alter_exchange,
    }
    return calls[alter.kind](alter.name, **dict(alter.changes))


def _delete(store: Store, delete: actions.Delete) -> object:
    calls: dict[str, Callable[[str], object]] = {
        "topic": store.delete_topic,
        "queue": store.delete_queue,
        "share": store.delete_share,
        "group": store.delete_group,
        "exchange": store.delete_exchange,
    }
    return calls[delete.kind](delete.name)


def _purge_letters(store: Store, purge: actions.PurgeDeadLetters) -> object:
    return store.purge_dead_letters(purge.queue, lambda letter: letter.id in purge.ids)


def _project(store: Store, project: actions.Project) -> int:
    key, passing = project.primary_key, [project.skip]
    return store.project(project.topic, project.table, key, passing=passing)


def _trim(store: Store, trim: actions.Trim) -> object:
    before = parse_position(trim.before, store.wall())
    return store.trim(trim.topic, before, trim.partition)


def _send(store: Store, send: actions.Send) -> object:
    if store.kind(send.destination) == "topic":
        return store.produce(send.destination, send.value, key=send.key)
    message = NewMessage(send.value, key=send.key, message_group=send.message_group)
    return store.send_many(send.destination, [message])[0]


@cache
def _calls() -> dict[type[Action[Any]], Callable[[Store, Any], Any]]:
    # In a function, as mypy can't type decorated calls at the top of modules in a circle.
    return {
        actions.SkipRecord: _skip,
        actions.ReleaseLease: _release,
        actions.ReturnLease: lambda store, it: store.nack([it.receipt], delay=0),
        actions.RejectLease: lambda store, it: store.reject([it.receipt], it.error),
        actions.ResetGroup: _reset,
        actions.Delete: _delete,
        actions.Create: _create,
        actions.Alter: _alter,
        actions.Bind: lambda store, it: store.bind(it.exchange, it.destination, key=it.key),
        actions.PurgeMessage: lambda store, it: store.purge_message(it.queue, it.sequence),
        actions.PurgeQueue: lambda store, it: store.purge_queue(it.name),
        actions.Trim: _trim,
        actions.Send: _send,
        actions.Publish: lambda store, it: store.publish(it.exchange, it.key, it.value),
        actions.PurgeDeadLetters: _purge_letters,
        actions.UndoRedrive: lambda store, it: store.undo_redrive(it.batch),
        actions.Project: _project,
        actions.Vacuum: lambda store, it: store.vacuum(),
        actions.TrustClock: lambda store, it: store.trust_clock(),
        actions.AcceptLosses: lambda store, it: store.accept_losses(),
        actions.SetDurability: lambda store, it: store.set_durability(it.durability),
        actions.SetReadOnly: lambda store, it: store.set_read_only(it.switch),
        actions.SetMaxBytes: lambda store, it: store.set_max_bytes(it.most),
        actions.Salvage: lambda store, it: store.salvage(it.old, it.new),
    }
