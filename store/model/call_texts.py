"""Actions as text: the calls of a Python caller."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

from store.model import actions, looks
from store.model.actions import Value, WayOut
from store.model.addresses import parse_address


def as_call(step: WayOut) -> str:
    """Write a step as a call in Python, of a store named `store`."""
    call = _PYTHON.get(type(step))
    if call is not None:
        return call(step)
    assert isinstance(step, actions.Action), step
    return f"store.perform({step!r})"


def _arguments(settings: Iterable[tuple[str, Value]]) -> str:
    return "".join(f", {name}={_argument(value)}" for name, value in settings)


def _argument(value: Value) -> str:
    if isinstance(value, timedelta):
        return f"{value.total_seconds():g}"
    if isinstance(value, tuple):
        return repr(list(value))
    return str(value) if isinstance(value, actions.Blank) else repr(value)


def _address(address: object) -> str:
    return f"parse_address({str(address)!r})"


def _word(word: str) -> str:
    return f"parse_position({word!r}, store.wall())"


def _skip_call(skip: actions.SkipRecord) -> str:
    call = "skip_record" if skip.kind == "share" else "skip"
    to = "" if skip.to is None else f", {skip.to!r}"
    return f"store.{call}({skip.reader!r}, {_address(skip.record)}{to})"


def _release_call(release: actions.ReleaseLease) -> str:
    address = release.address
    if address.partition is None:
        return f"store.release({address.name!r}, {address.offset})"
    share = "" if release.share is None else f", {release.share!r}"
    return f"store.release_record({_address(address)}{share})"


def _reset_call(reset: actions.ResetGroup) -> str:
    target = reset.to if isinstance(reset.to, actions.Blank) else _word(reset.to)
    force = ", force=True" if reset.force else ""
    scope = [(reset.topic, reset.partition)]
    return f"store.reset_group({reset.group!r}, {target}, {scope!r}{force})"


def _trim_call(trim: actions.Trim) -> str:
    partition = "" if trim.partition is None else f", {trim.partition}"
    return f"store.trim({trim.topic!r}, {_word(trim.before)}{partition})"


def _peek_call(peek: looks.Peek) -> str:
    place = parse_address(peek.address)
    if place.partition is None:
        return f"store.messages({place.name!r})"
    if peek.start == "last":
        return f"store.resolve({place.name!r}, {_word(peek.start)}, {place.partition})"
    start = peek.start if peek.start is not None else place.offset or 0
    return f"store.read({place.name!r}, {place.partition}, {start})"


def _consume_call(consume: looks.Consume) -> str:
    place = parse_address(consume.address)
    if consume.group is not None:
        return f"store.consumer({consume.group!r}, [{place.name!r}])"
    return f"store.read({place.name!r}, {place.partition}, {consume.start or 0})"


_PYTHON: dict[type[WayOut], Callable[[Any], str]] = {
    actions.SkipRecord: _skip_call,
    actions.ReleaseLease: _release_call,
    actions.ResetGroup: _reset_call,
    actions.Delete: lambda it: f"store.delete_{it.kind}({it.name!r})",
    actions.Create: lambda it: f"store.create_{it.kind}({it.name!r}{_arguments(it.settings)})",
    actions.Alter: lambda it: f"store.alter_{it.kind}({it.name!r}{_arguments(it.changes)})",
    actions.PurgeMessage: lambda it: f"store.purge_message({it.queue!r}, {it.sequence})",
    actions.Trim: _trim_call,
    actions.Publish: lambda it: f"store.publish({it.exchange!r}, {_argument(it.key)}, VALUE)",
    actions.AcceptLosses: lambda it: "store.accept_losses()",
    actions.SetReadOnly: lambda it: f"store.set_read_only({it.switch})",
    actions.SetMaxBytes: lambda it: f"store.set_max_bytes({_argument(it.most)})",
    actions.Salvage: lambda it: f"Store.salvage({it.old!r}, {_argument(it.new)})",
    looks.Verify: lambda it: f"Store.verify_file({it.path!r})" if it.path else "store.verify()",
    looks.RedriveLetters: lambda it: f"store.redrive({it.queue!r})",
    looks.EditDeadLetter: lambda it: f"store.edit_dead_letter({it.address!r}, {it.value!r})",
    looks.Doctor: lambda it: "store.doctor()",
    looks.Init: lambda it: f"Store.open({it.path!r}, create=True)",
    looks.Restore: lambda it: f"Store.restore({_argument(it.backup)}, {it.path!r})",
    looks.HowToReset: lambda it: f"store.reset_group(group, target{', force=True' * it.force})",
    looks.PlanTopology: lambda it: "store.plan(files)",
    looks.Consume: _consume_call,
    looks.Receive: lambda it: "store.receive(queue)",
    looks.ExportRecords: lambda it: "store.read(topic, partition)",
    looks.ImportMessages: lambda it: "store.send_many(queue, messages)",
    looks.CopyBack: lambda it: f"store.produce({it.topic!r}, value)",
    looks.Peek: _peek_call,
    looks.Show: lambda it: f"store.{it.kind}({it.name!r})",
    looks.ShowLeases: lambda it: f"store.leases({it.reader!r})" if it.reader else "store.leases()",
    looks.ShowBindings: lambda it: f"store.bindings({it.exchange!r})",
    looks.ShowDeadLetters: lambda it: (
        f"store.dead_letters({it.queue!r})" if it.queue else "store.dead_letter_queues()"
    ),
    looks.ExplainRoute: lambda it: f"store.explain_route({it.exchange!r}, {it.key!r})",
}
