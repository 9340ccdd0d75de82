"""The risks of a step: why it can't be undone, and which things depend on it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from math import lcm

from store.model.discarding import queue_settings_that_discard, topic_settings_that_discard
from store.model.settings import LARGEST_NUMBER
from store.model.text import counted
from store.topology.kinds import queue_config, topic_config
from store.topology.model import Resource, Topology
from store.topology.steps import Step
from store.topology.target import Counts, Facts

_GONE = "it is empty; messages sent to it meanwhile are refused"


def judged(steps: Iterable[Step], present: Topology, counts: Counts) -> Iterator[Step]:
    """Yield the steps with their risks and facts."""
    for step in steps:
        if step.action == "create":
            yield step
            continue
        facts = counts(step.thing)
        if step.action == "delete":
            risks = [_loss(step.thing, facts)]
        else:
            before = present.get(step.kind, step.name)
            assert before is not None
            risks = list(_change_risks(before, step.thing, facts))
        yield replace(step, risks=tuple(risks), facts=facts)


def moving_share(old: int, new: int) -> float:
    """Return the share of keys that move to another partition, by hash modulo partitions."""
    return 1 - min(old, new) / lcm(old, new)


def _loss(thing: Resource, facts: Facts) -> str:
    match thing.kind:
        case "queue":
            messages = facts.get("messages")
            if messages is None:
                return "its messages are lost"
            return f"{counted(messages, 'message')} lost" if messages else _GONE
        case "topic":
            records = facts.get("records")
            number = "its records are" if records is None else counted(records, "record")
            return f"{number} lost, and every group's place in it"
        case "group":
            return "its offsets are lost"
        case "share":
            return "what it has finished is forgotten"
        case "exchange":
            return "its bindings go with it"
    return "messages published meanwhile do not get there"


def _change_risks(before: Resource, after: Resource, facts: Facts) -> Iterator[str]:
    old, new = before.settings, after.settings
    less: dict[str, str] = {}
    if before.kind == "topic":
        yield from _moving_keys(int(old["partitions"]), int(new["partitions"]))
        less = topic_settings_that_discard(topic_config(old), topic_config(new))
    elif before.kind == "queue":
        # Unknown counts may be over any limit.
        less = queue_settings_that_discard(
            queue_config(old),
            queue_config(new),
            facts.get("messages", LARGEST_NUMBER),
            facts.get("bytes", LARGEST_NUMBER),
        )
    for setting, reason in less.items():
        yield f"{setting}: {reason}"


def _moving_keys(old: int, new: int) -> Iterator[str]:
    if old != new:
        share = round(100 * moving_share(old, new))
        yield f"{share} % of the keys go to other partitions, and lose their order there"
