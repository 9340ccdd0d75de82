"""Actions as text: the exact line for a shell. Only a face needs it, never an engine."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from shlex import quote
from typing import Any

from store.model import actions
from store.model.actions import Step, Value
from store.model.addresses import Address
from store.model.text import format_duration, format_size

Words = list[str]


def as_command(step: Step) -> str:
    """Write a step as a command line of mq that can be run as it stands."""
    return " ".join(["mq", *(_quoted(word) for word in _WORDS[type(step)](step))])


class _Plain(str):
    """A part of a command that goes to the shell unquoted."""

    __slots__ = ()


def _quoted(word: str) -> str:
    return word if isinstance(word, _Plain | actions.Blank) else quote(word)


def _skip(skip: actions.SkipRecord) -> Words:
    target = [] if skip.to is None else ["--to-dlq", skip.to]
    return [skip.kind, "skip", skip.reader, str(skip.record), *target]


def _release(release: actions.ReleaseLease) -> Words:
    share = [] if release.share is None else ["--share", release.share]
    return ["lease", "release", str(release.address), *share]


def _reset(reset: actions.ResetGroup) -> Words:
    place = str(Address(reset.topic, reset.partition))
    force = ["--force"] if reset.force else []
    return ["group", "reset", reset.group, "--topic", place, "--to", reset.to, *force, "--apply"]


_POSITIONAL = {"topic"}
_SHORT = {"type": "-t"}


def _create(create: actions.Create) -> Words:
    first = [str(value) for name, value in create.settings if name in _POSITIONAL]
    options = [(name, value) for name, value in create.settings if name not in _POSITIONAL]
    return [create.kind, "create", create.name, *first, *_options(options)]


def _alter(alter: actions.Alter) -> Words:
    # More partitions place most keys elsewhere: without it the command would ask.
    yes = ["--yes"] if any(name == "partitions" for name, _ in alter.changes) else []
    return [alter.kind, "alter", alter.name, *_options(alter.changes), *yes]


def _options(settings: Iterable[tuple[str, Value]]) -> Iterator[str]:
    for name, value in settings:
        option = _SHORT.get(name, f"--{name.replace('_', '-')}")
        if isinstance(value, bool):
            yield option if value else f"--no-{option[2:]}"
        else:
            yield option
            yield value if isinstance(value, str) else _number(value)


def _number(value: int | timedelta | None) -> str:
    if isinstance(value, timedelta):
        return format_duration(value // timedelta(milliseconds=1))
    return "none" if value is None else str(value)


def _bind(bind: actions.Bind) -> Words:
    key = ["-k", bind.key] if bind.key else []
    return ["bind", bind.exchange, bind.destination, *key]


def _trim(trim: actions.Trim) -> Words:
    place = str(Address(trim.topic, trim.partition))
    return ["topic", "trim", place, "--before", trim.before, *_agreed(trim.asks)]


def _agreed(asks: bool) -> Words:
    return [] if asks else ["--yes"]


def _send(send: actions.Send) -> Words:
    key = [] if send.key is None else ["-k", send.key]
    group = [] if send.message_group is None else ["--message-group", send.message_group]
    return ["produce", send.destination, *key, *group, *_value(send.value)]


def _value(value: str) -> Words:
    # A value may look like an option.
    return ["--", value] if value.startswith("-") else [value]


def _peek(peek: actions.Peek) -> Words:
    condition = [] if peek.condition is None else ["--where", peek.condition]
    start = [] if peek.start is None else ["--from", peek.start]
    limit = [] if peek.limit is None else ["-n", str(peek.limit)]
    return ["peek", peek.address, *start, *condition, *limit]


def _work(work: actions.Work) -> Words:
    group = [] if work.group is None else ["-g", work.group]
    return ["work", work.source, *group, "--", _Plain("COMMAND")]


_WORDS: dict[type[Step], Callable[[Any], Words]] = {
    actions.SkipRecord: _skip,
    actions.ReleaseLease: _release,
    actions.ReturnLease: lambda it: ["lease", "release", it.receipt],
    actions.RejectLease: lambda it: ["nack", it.receipt, "--reject"],
    actions.ResetGroup: _reset,
    actions.DeleteGroup: lambda it: ["group", "delete", it.name, "--yes"],
    actions.Create: _create,
    actions.Alter: _alter,
    actions.Bind: _bind,
    actions.PurgeMessage: lambda it: ["queue", "purge", f"{it.queue}@{it.sequence}", "--yes"],
    actions.PurgeQueue: lambda it: ["queue", "purge", it.name, *_agreed(it.asks)],
    actions.Trim: _trim,
    actions.Send: _send,
    actions.Publish: lambda it: ["publish", it.exchange, "-k", it.key, *_value(it.value)],
    actions.Vacuum: lambda it: ["vacuum"],
    actions.TrustClock: lambda it: ["store", "set", "clock", "now"],
    actions.AcceptLosses: lambda it: ["store", "accept"],
    actions.SetDurability: lambda it: ["store", "set", "durability", it.durability],
    actions.SetMaxBytes: lambda it: ["store", "set", "max_bytes", format_size(it.most)],
    actions.Salvage: lambda it: ["salvage", it.old, it.new],
    actions.Verify: lambda it: ["verify"],
    actions.ReadOn: lambda it: ["consume", it.topic, "-g", it.group],
    actions.Work: _work,
    actions.Peek: _peek,
    actions.Show: lambda it: [it.kind, "show", it.name],
    actions.ShowMembers: lambda it: ["group", "members", it.group],
    actions.ShowLeases: lambda it: ["lease", "list", *([it.reader] if it.reader else [])],
    actions.ShowLag: lambda it: ["lag", it.reader],
    actions.ExplainRoute: lambda it: ["route", it.exchange, "-k", it.key, "--explain"],
}
