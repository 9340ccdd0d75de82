"""The steps from what there is to what shall be."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from store.db import Snapshot
from store.topology import present, risks
from store.topology.checks import check, references
from store.topology.kinds import KINDS
from store.topology.model import NOWHERE, Thing, Topology
from store.topology.problems import Problems
from store.topology.steps import Change, Plan, Step


def plan(tx: Snapshot, wanted: Topology, problems: Problems, *, prune: bool) -> Plan:
    """What must be done so that the store has what is wanted.

    Nothing that is left out is deleted unless `prune` says so, and then only what carries the label
    of one of the files. Raises `InvalidTopology` when it can't be done.
    """
    there = present.read(tx)
    doomed = _doomed(wanted, there) if prune else []
    staying = there.without(doomed)
    check(wanted, staying, problems)
    _refuse_impossible(wanted, there, problems)
    _refuse_needed(doomed, staying.without(wanted), problems)
    problems.raise_errors()
    steps = [*_creations(wanted, there), *_changes(wanted, there), *_deletions(doomed)]
    return Plan(tuple(risks.judged(tx, steps, there)), tuple(problems.found))


def _creations(wanted: Topology, there: Topology) -> Iterator[Step]:
    for thing in _in_order(wanted):
        if there.get(thing.kind, thing.name) is None:
            named = KINDS[thing.kind].named(thing.settings)
            yield Step("create", thing, tuple(Change(s, None, text) for s, text in named.items()))


def _changes(wanted: Topology, there: Topology) -> Iterator[Step]:
    for thing in _in_order(wanted):
        before = there.get(thing.kind, thing.name)
        if before is not None and (changes := _differences(before, thing)):
            yield Step("change", thing, changes)


def _differences(before: Thing, after: Thing) -> tuple[Change, ...]:
    changes = [
        Change(setting, before.settings[setting], new)
        for setting, new in after.settings.items()
        # What holds at the creation only is no setting of the thing.
        if setting in before.settings and before.settings[setting] != new
    ]
    if before.label and after.label and before.label != after.label:
        changes.append(Change("label", before.label, after.label))
    return tuple(changes)


def _deletions(doomed: Iterable[Thing]) -> Iterator[Step]:
    # What refers goes before what it refers to.
    for thing in reversed(list(_in_order(doomed))):
        yield Step("delete", thing)


def _in_order(things: Iterable[Thing]) -> list[Thing]:
    order = {kind: number for number, kind in enumerate(KINDS)}
    return sorted(things, key=lambda thing: order[thing.kind])


def _doomed(wanted: Topology, there: Topology) -> list[Thing]:
    """What the files' topologies own and the files have no more."""
    return [
        thing
        for thing in there
        if thing.label in wanted.labels and wanted.get(thing.kind, thing.name) is None
    ]


def _refuse_impossible(wanted: Topology, there: Topology, problems: Problems) -> None:
    for thing in wanted:
        before = there.get(thing.kind, thing.name)
        for change in _differences(before, thing) if before else ():
            if reason := _impossible(thing.kind, change):
                problems.error(
                    thing.place_of(change.setting),
                    f"{thing.kind} {thing.name}, {change.setting} {change.old} → {change.new}:"
                    f" {reason}",
                )


def _impossible(kind: str, change: Change) -> str | None:
    """Why a change can't be made in place, and the way out."""
    match kind, change.setting:
        case "queue", "fifo":
            return (
                "a queue can't be turned into or from a FIFO queue; declare a new queue and move"
                " the messages"
            )
        case "topic", "partitions" if _falls(change):
            return "partitions only grow; for fewer, declare another topic and copy the records"
        case "queue", "priorities" if _falls(change):
            return "priorities only grow; for fewer, declare a new queue and move the messages"
        case "exchange", "type":
            return "the type of an exchange can't change; declare a new exchange and bind it"
        case "share", "topic":
            return "a share can't read another topic; declare a new share"
    return None


def _falls(change: Change) -> bool:
    return int(change.new) < int(change.old or 0)


def _refuse_needed(doomed: list[Thing], staying: Topology, problems: Problems) -> None:
    """Refuse to delete what something that stays, and is in no file, refers to."""
    going = {(thing.kind, thing.name) for thing in doomed}
    for thing in staying if going else ():
        # Bindings go with either end.
        if thing.kind == "binding":
            continue
        for setting, name, kinds in references(thing):
            for kind in kinds:
                if (kind, name) in going:
                    problems.error(
                        NOWHERE,
                        f"{kind} {name} can't be deleted: it is the {setting} of {thing.kind}"
                        f" {thing.name}",
                    )
