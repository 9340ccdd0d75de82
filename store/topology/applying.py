"""A plan carried out, in an order in which whatever is referred to is there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from store.model.maintenance import Progress
from store.topology.kinds import KINDS
from store.topology.model import Resource
from store.topology.steps import Change, Plan, Step
from store.topology.target import Target

# A queue's dead letters go to other queues and exchanges, which may refer back: these are set once
# all of them are there and are otherwise as they shall be.
_CONNECTING = ("dlq", "dlq_key", "max_deliveries", "drop_exhausted", "overflow")
# Deleting needs them back at their defaults: a circle could not be deleted otherwise.
_DISCONNECTED = {"queue": _CONNECTING, "exchange": ("alternate",)}


def carry_out(target: Target, plan: Plan, progress: Progress | None = None) -> None:
    """Carry out every step of a plan; the first that fails ends it.

    `progress` is called with how many of how many steps are done.
    """
    done = 0
    for step, is_of_plan in _in_order(plan, refers_ahead=target.refers_ahead):
        if step.action != "change" or step.changes:
            target.carry_out(step)
        if is_of_plan:
            done += 1
            if progress is not None:
                progress(done, len(plan.steps))
    for thing in plan.taken_over:
        target.adopt(thing)


def _in_order(plan: Plan, *, refers_ahead: bool) -> Iterator[tuple[Step, bool]]:
    """Yield the steps, each with whether it counts as one of the plan's."""
    lasting = [step for step in plan.steps if step.action != "delete"]
    leaving = [step for step in plan.steps if step.action == "delete"]
    for action in ("create", "change"):
        for step in lasting:
            if step.action == action:
                yield step if refers_ahead else _unconnected(step), True
    if not refers_ahead:
        yield from ((_connection(step), False) for step in lasting if step.kind == "queue")
        yield from ((_disconnection(step.thing), False) for step in leaving)
    yield from ((step, True) for step in leaving)


def _unconnected(step: Step) -> Step:
    if step.kind != "queue":
        return step
    defaults = {setting: KINDS["queue"].defaults[setting] for setting in _CONNECTING}
    thing = replace(step.thing, settings={**step.thing.settings, **defaults})
    changes = tuple(change for change in step.changes if change.setting not in _CONNECTING)
    return replace(step, thing=thing, changes=changes)


def _connection(step: Step) -> Step:
    changes = tuple(change for change in step.changes if change.setting in _CONNECTING)
    return Step("change", step.thing, changes)


def _disconnection(thing: Resource) -> Step:
    defaults = KINDS[thing.kind].defaults
    changes = (
        Change(setting, thing.settings[setting], defaults[setting])
        for setting in _DISCONNECTED.get(thing.kind, ())
    )
    return Step("change", thing, tuple(change for change in changes if change.old != change.new))
