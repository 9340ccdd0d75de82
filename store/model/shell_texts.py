"""Actions as text: the exact line for a shell, which no engine needs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from shlex import quote
from typing import Any

from store.model import actions, looks
from store.model.actions import Value, WayOut
from store.model.addresses import Address
from store.model.text import format_duration, format_size
from store.model.topics import HeaderValue

Words = list[str]


def as_command(step: WayOut) -> str:
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
    # A word that is still to be chosen is tried without --apply first.
    apply = [] if isinstance(reset.to, actions.Blank) else ["--apply"]
    return ["group", "reset", reset.group, "--topic", place, "--to", reset.to, *force, *apply]


_POSITIONAL = {"topic"}
_OPTIONS = {"topics": "--topic", "type": "-t"}


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
        option = _OPTIONS.get(name, f"--{name.replace('_', '-')}")
        if isinstance(value, bool):
            yield option if value else f"--no-{option[2:]}"
        else:
            yield option
            yield value if isinstance(value, str) else _setting(value)


def _setting(value: int | timedelta | tuple[str, ...] | None) -> str:
    if isinstance(value, timedelta):
        return format_duration(value // timedelta(milliseconds=1))
    if isinstance(value, tuple):
        return ",".join(value)
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


def _how_to_reset(how: looks.HowToReset) -> Words:
    return ["group", "reset", *([_Plain("…"), "--force"] if how.force else [])]


def _explain_route(route: looks.ExplainRoute) -> Words:
    headers = [word for header in route.headers for word in ("-H", header_text(*header))]
    return ["route", route.exchange, "-k", route.key, *headers, "--explain"]


def header_text(name: str, value: HeaderValue) -> str:
    """Write a header as the command line takes it.

    That is `NAME=TEXT`, `NAME:=JSON`, or `NAME` for null.
    """
    if value is None:
        return name
    return f"{name}={value}" if isinstance(value, str) else f"{name}:={json.dumps(value)}"


def _purge_letters(purge: actions.PurgeDeadLetters) -> Words:
    ids = (word for id in purge.ids for word in ("--id", id))
    return ["dlq", "purge", purge.queue, *ids, "--yes"]


def _redrive(redrive: looks.RedriveLetters) -> Words:
    conditions = [word for condition in redrive.conditions for word in ("--where", condition)]
    ids = [word for id in redrive.ids for word in ("--id", id)]
    to = [] if redrive.to is None else ["--to", redrive.to]
    return ["dlq", "redrive", redrive.queue, *conditions, *ids, *to]


def _edit(edit: looks.EditDeadLetter) -> Words:
    return ["dlq", "edit", edit.address, _Plain(f"--value={_in_one_line(edit.value)}")]


def _in_one_line(text: str) -> str:
    if "\n" not in text and "\t" not in text:
        return quote(text)
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return "$'" + escaped.replace("\n", "\\n").replace("\t", "\\t") + "'"


def _size(size: int | actions.Blank) -> str:
    return size if isinstance(size, actions.Blank) else format_size(size)


def _publish(publish: actions.Publish) -> Words:
    value = [] if publish.value is None else _value(publish.value)
    return ["publish", publish.exchange, "-k", publish.key, *value]


def _project(project: actions.Project) -> Words:
    key, skip = ["--pk", project.primary_key], ["--skip", str(project.skip)]
    return ["project", project.topic, project.table, *key, *skip]


def _consume(consume: looks.Consume) -> Words:
    group = [] if consume.group is None else ["-g", consume.group]
    start = [] if consume.start is None else ["--from", str(consume.start)]
    return ["consume", consume.address, *group, *start]


def _copy_back(copy: looks.CopyBack) -> Words:
    pipe, mq = _Plain("|"), "mq"
    return ["dlq", "export", copy.queue, pipe, mq, "produce", copy.topic, "--framing", "ndjson"]


def _value(value: str) -> Words:
    # A value may look like an option.
    return ["--", value] if value.startswith("-") else [value]


def _peek(peek: looks.Peek) -> Words:
    condition = [] if peek.condition is None else ["--where", peek.condition]
    start = [] if peek.start is None else ["--from", peek.start]
    limit = [] if peek.limit is None else ["-n", str(peek.limit)]
    return ["peek", peek.address, *start, *condition, *limit]


def _work(work: looks.Work) -> Words:
    group = [] if work.group is None else ["-g", work.group]
    return ["work", work.source, *group, "--", _Plain("COMMAND")]


_WORDS: dict[type[WayOut], Callable[[Any], Words]] = {
    actions.SkipRecord: _skip,
    actions.ReleaseLease: _release,
    actions.ReturnLease: lambda it: ["lease", "release", it.receipt],
    actions.RejectLease: lambda it: ["nack", it.receipt, "--reject"],
    actions.ResetGroup: _reset,
    actions.Delete: lambda it: [it.kind, "delete", it.name, *_agreed(it.asks)],
    actions.Create: _create,
    actions.Alter: _alter,
    actions.Bind: _bind,
    actions.PurgeMessage: lambda it: ["queue", "purge", f"{it.queue}@{it.sequence}", "--yes"],
    actions.PurgeQueue: lambda it: ["queue", "purge", it.name, *_agreed(it.asks)],
    actions.Trim: _trim,
    actions.Send: _send,
    actions.Publish: _publish,
    actions.PurgeDeadLetters: _purge_letters,
    actions.UndoRedrive: lambda it: ["dlq", "undo", str(it.batch)],
    actions.Project: _project,
    actions.Vacuum: lambda it: ["vacuum"],
    actions.TrustClock: lambda it: ["store", "set", "clock", "now"],
    actions.AcceptLosses: lambda it: ["store", "accept"],
    actions.SetDurability: lambda it: ["store", "set", "durability", it.durability],
    actions.SetReadOnly: lambda it: ["store", "set", "read_only", "yes" if it.switch else "no"],
    actions.SetMaxBytes: lambda it: ["store", "set", "max_bytes", _size(it.most)],
    actions.Salvage: lambda it: ["salvage", it.old, it.new],
    looks.Verify: lambda it: [*([] if it.path is None else ["-s", it.path]), "verify"],
    looks.Doctor: lambda it: ["doctor", *(["--explain"] if it.explain else [])],
    looks.Init: lambda it: ["init", *([] if it.path is None else [it.path])],
    looks.Restore: lambda it: ["restore", it.backup, "--to", it.path],
    looks.HowToReset: _how_to_reset,
    looks.PlanTopology: lambda it: ["plan", it.file or _Plain("FILE…")],
    looks.Consume: _consume,
    looks.Receive: lambda it: ["receive"],
    looks.ExportRecords: lambda it: ["consume", "-o", "ndjson"],
    looks.ImportMessages: lambda it: ["produce", "--framing", "ndjson"],
    looks.CopyBack: _copy_back,
    looks.Work: _work,
    looks.Peek: _peek,
    looks.Show: lambda it: [it.kind, "show", it.name],
    looks.ShowMembers: lambda it: ["group", "members", it.group],
    looks.ShowLeases: lambda it: ["lease", "list", *([it.reader] if it.reader else [])],
    looks.ShowLag: lambda it: ["lag", it.reader, *(["--topic", it.topic] if it.topic else [])],
    looks.ShowBindings: lambda it: ["binding", "list", it.exchange],
    looks.ShowDeadLetters: lambda it: ["dlq", *(["peek", it.queue] if it.queue else ["list"])],
    looks.ExplainRoute: _explain_route,
    looks.RedriveLetters: _redrive,
    looks.EditDeadLetter: _edit,
}
