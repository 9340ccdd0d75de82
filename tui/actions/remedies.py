"""The ways out of a stall as deeds: each remedy is a call of the store, shown before it is made."""

from __future__ import annotations

import shlex
from collections.abc import Callable

from store import Stall
from store.engine.broker import Broker
from store.model.addresses import parse_address
from store.model.positions import Position, Scope, parse_position
from store.model.stalls import Action, Remedy
from store.model.text import printable_bytes
from tui.widgets.bands import behind
from tui.widgets.dialogs import Deed
from tui.widgets.spans import Line, Tone, line, toned

KEY_IDS: dict[Action, str] = {
    "dead-letter": "dead_letter",
    "release": "release",
    "skip": "skip",
    "policy": "policy",
    "create": "create",
    "reset": "reset",
    "delete": "purge",
    "purge": "purge",
}
"""Which key of the registry is for which remedy; to read on is not for a dashboard to do."""

Call = Callable[[Broker, Stall, list[str]], str]


def remedy_for(stall: Stall, action: Action) -> Remedy | None:
    """The stall's remedy of this sort, if it has one."""
    return next((remedy for remedy in stall.remedies if remedy.action == action), None)


def prepare(stall: Stall, remedy: Remedy) -> Callable[[Broker], Deed]:
    """What makes a deed of a remedy; a policy also creates the queue that it needs."""
    steps = [remedy]
    create = remedy_for(stall, "create")
    if remedy.action == "policy" and create is not None:
        steps.insert(0, create)

    def run(store: Broker) -> str:
        said = [_CALLS[step.action](store, stall, shlex.split(step.command)) for step in steps]
        return "; ".join(said)

    def deed(store: Broker) -> Deed:
        return Deed(
            title=f"{stall.place} → {stall.reader}",
            preview=[*(toned(step.effect, Tone.STRONG) for step in steps), *_facts(store, stall)],
            command="\n".join(step.command for step in steps),
            run=run,
            name=stall.reader if remedy.action == "delete" else None,
        )

    return deed


def _facts(store: Broker, stall: Stall) -> list[Line]:
    facts = [line(), line(toned(f"{stall.blocker}  ", Tone.STALLED), behind(stall))]
    value = _value(store, stall)
    if value is not None:
        facts.append(line(toned("value  ", Tone.DIM), printable_bytes(value[:300])))
    if stall.error is not None:
        facts.append(line(toned("error  ", Tone.DIM), stall.error[:300]))
    return facts


def _value(store: Broker, stall: Stall) -> bytes | None:
    if stall.cause == "damaged":
        return None
    if stall.partition is None:
        return store.message(stall.source, stall.offset).value
    records = store.read(stall.source, stall.partition, stall.offset, 1)
    return records[0].value if records and records[0].offset == stall.offset else None


def _option(words: list[str], name: str) -> str:
    return words[words.index(name) + 1]


def _dead_letter(store: Broker, stall: Stall, words: list[str]) -> str:
    if "--to-dlq" in words:
        target = _option(words, "--to-dlq")
        _pass_over(store, stall, target)
        return f"{stall.blocker} is in {target}; {stall.reader} goes on behind it"
    receipt = words[2]
    store.reject([receipt], stall.error)
    return f"{stall.blocker} is a dead letter; what waited behind it goes on"


def _skip(store: Broker, stall: Stall, words: list[str]) -> str:
    _pass_over(store, stall)
    return f"{stall.reader} goes on behind {stall.blocker}, which stays in the log"


def _pass_over(store: Broker, stall: Stall, target: str | None = None) -> None:
    if stall.kind == "share":
        store.skip_record(stall.reader, parse_address(stall.blocker), target)
    else:
        store.skip(stall.reader, parse_address(stall.blocker), target)


def _purge(store: Broker, stall: Stall, words: list[str]) -> str:
    store.purge_message(stall.source, stall.offset)
    return f"{stall.blocker} is removed; what waited behind it goes on"


def _release(store: Broker, stall: Stall, words: list[str]) -> str:
    if words[1] == "lease":
        _release_lease(store, stall, words[3])
        return f"{stall.blocker} is ready again"
    store.reset_group(stall.reader, _position(store, "committed"), _scope(stall), force=True)
    return f"the members of {stall.reader} were fenced; {stall.place} is read again"


def _release_lease(store: Broker, stall: Stall, named: str) -> None:
    if stall.kind == "fifo":
        store.release(stall.source, stall.offset)
    elif named == stall.blocker:
        store.release_record(parse_address(stall.blocker), stall.reader)
    else:
        store.nack([named], delay=0)


def _reset(store: Broker, stall: Stall, words: list[str]) -> str:
    word = _option(words, "--to")
    changes = store.reset_group(stall.reader, _position(store, word), _scope(stall))
    moved = sum(abs(change.change or 0) for change in changes)
    return f"{stall.reader} stands at {word} of {stall.place}: {moved:,} records passed over"


def _position(store: Broker, word: str) -> Position:
    return parse_position(word, store.wall())


def _scope(stall: Stall) -> Scope:
    return [(stall.source, stall.partition)]


def _delete(store: Broker, stall: Stall, words: list[str]) -> str:
    store.delete_group(stall.reader)
    return f"group {stall.reader} is deleted"


def _policy(store: Broker, stall: Stall, words: list[str]) -> str:
    most = int(_option(words, "--max-deliveries"))
    if "--dlq" not in words:
        store.alter_queue(stall.source, max_deliveries=most)
        return f"{stall.blocker} is ready to be delivered once more"
    target = _option(words, "--dlq")
    if words[1] == "group":
        store.alter_group(stall.reader, max_deliveries=most, dlq=target)
    else:
        store.alter_queue(stall.source, max_deliveries=most, dlq=target)
    return f"from now on, what fails {most} times goes to {target}"


def _create(store: Broker, stall: Stall, words: list[str]) -> str:
    store.create_queue(words[3], fifo="--fifo" in words)
    return f"queue {words[3]} is created"


_CALLS: dict[Action, Call] = {
    "dead-letter": _dead_letter,
    "release": _release,
    "skip": _skip,
    "reset": _reset,
    "delete": _delete,
    "policy": _policy,
    "create": _create,
    "purge": _purge,
}
