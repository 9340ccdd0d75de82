"""The ways out of a stall as deeds: each performs the remedy's action, shown before it is done."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from store import Stall
from store.engine.broker import Broker
from store.engine.operations import Operations
from store.model.actions import (
    Action,
    Alter,
    Create,
    Delete,
    PurgeMessage,
    RejectLease,
    ResetGroup,
    SkipRecord,
)
from store.model.groups import OffsetChange
from store.model.stalls import Remedy, RemedyKind
from store.model.text import printable_bytes
from tui.widgets.bands import behind
from tui.widgets.dialogs import ProposedAction
from tui.widgets.spans import Line, Tone, line, toned

KEY_IDS: dict[RemedyKind, str] = {
    "dead-letter": "dead_letter",
    "release": "release",
    "skip": "skip",
    "policy": "policy",
    "create": "create",
    "reset": "reset",
    "delete": "purge",
    "purge": "purge",
}
"""The key of each kind of remedy; reading on is not the dashboard's to do."""


def remedy_for(stall: Stall, kind: RemedyKind) -> Remedy | None:
    """Return the stall's remedy of this kind, if it has one."""
    return next((remedy for remedy in stall.remedies if remedy.kind == kind), None)


def prepare(stall: Stall, remedy: Remedy) -> Callable[[Broker], ProposedAction]:
    """Return the deed of a remedy; a policy also creates the queue that it needs."""
    steps = [remedy]
    create = remedy_for(stall, "create")
    if remedy.kind == "policy" and create is not None:
        steps.insert(0, create)

    def run(store: Operations) -> str:
        return "; ".join(_perform(store, stall, step) for step in steps)

    def deed(store: Broker) -> ProposedAction:
        return ProposedAction(
            title=f"{stall.place} → {stall.reader}",
            preview=[*(toned(step.effect, Tone.STRONG) for step in steps), *_facts(store, stall)],
            steps=[step.action for step in steps],
            run=run,
            name=stall.reader if remedy.kind == "delete" else None,
        )

    return deed


def _perform(store: Operations, stall: Stall, remedy: Remedy) -> str:
    assert isinstance(remedy.action, Action)
    return _said(stall, remedy, store.perform(remedy.action))


def _said(stall: Stall, remedy: Remedy, result: Any) -> str:
    """Return the change as a sentence."""
    blocker, reader = stall.blocker, stall.reader
    match remedy.action:
        case SkipRecord(to=None):
            return f"{reader} goes on behind {blocker}, which stays in the log"
        case SkipRecord(to=target):
            return f"{blocker} is in {target}; {reader} goes on behind it"
        case RejectLease() if remedy.kind == "skip":
            return f"{reader} goes on behind {blocker}, which stays in the log"
        case RejectLease():
            return f"{blocker} is a dead letter; those behind it go on"
        case ResetGroup(force=True):
            return f"the members of {reader} were fenced; {stall.place} is read again"
        case ResetGroup(to=word):
            changes: list[OffsetChange] = result
            moved = sum(abs(change.change or 0) for change in changes)
            return f"{reader} stands at {word} of {stall.place}: {moved:,} records passed over"
        case Delete(kind, name):
            return f"{kind} {name} is deleted"
        case Create(kind, name):
            return f"{kind} {name} is created"
        case PurgeMessage():
            return f"{blocker} is removed; those behind it go on"
        case Alter(changes=settings):
            policy = dict(settings)
            if "dlq" not in policy:
                return f"{blocker} is ready to be delivered once more"
            times = policy["max_deliveries"]
            return f"from now on, what fails {times} times goes to {policy['dlq']}"
    return f"{blocker} is ready again"


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
