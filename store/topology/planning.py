"""The steps from the present topology to the wanted one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from store.model import queue_rules
from store.model.errors import BadInput
from store.topology.checks import CHANNELS, check, references
from store.topology.kinds import KINDS, queue_config
from store.topology.model import NOWHERE, Resource, Topology
from store.topology.problems import Problems
from store.topology.risks import judged
from store.topology.steps import Change, Plan, Step
from store.topology.target import Counts, Refusal, refuses_nothing


def plan(
    present: Topology,
    counts: Counts,
    wanted: Topology,
    problems: Problems,
    *,
    prune: bool,
    refusal: Refusal = refuses_nothing,
) -> Plan:
    """Plan what must be done so that an engine that has what is `present` has what is wanted.

    Nothing that is left out is deleted unless `prune` says so, and then only what carries the label
    of one of the files. Raises `InvalidTopology` when it can't be done.
    """
    doomed = _doomed(wanted, present) if prune else []
    staying = present.without(doomed)
    check(wanted, staying, problems)
    _refuse_unsupported(wanted, refusal, problems)
    _refuse_impossible(wanted, present, counts, problems)
    _refuse_needed(doomed, staying.without(wanted), problems)
    problems.raise_errors()
    steps = [*_creations(wanted, present), *_changes(wanted, present), *_deletions(doomed)]
    taken_over = tuple(_taken_over(wanted, present))
    return Plan(tuple(judged(steps, present, counts)), taken_over, tuple(problems.found))


def _creations(wanted: Topology, present: Topology) -> Iterator[Step]:
    for thing in _in_order(wanted):
        if present.get(thing.kind, thing.name) is None:
            named = {**KINDS[thing.kind].named(thing.settings), **thing.native}
            yield Step("create", thing, tuple(Change(s, None, text) for s, text in named.items()))


def _changes(wanted: Topology, present: Topology) -> Iterator[Step]:
    for thing in _in_order(wanted):
        before = present.get(thing.kind, thing.name)
        if before is not None and (changes := _differences(before, thing)):
            yield Step("change", thing, changes)


def _differences(before: Resource, after: Resource) -> tuple[Change, ...]:
    return tuple(
        Change(setting, before.settings[setting], new)
        for setting, new in after.settings.items()
        # A property that holds at the creation only is no setting of the thing.
        if setting in before.settings and before.settings[setting] != new
    )


def _taken_over(wanted: Topology, present: Topology) -> Iterator[Resource]:
    for thing in wanted:
        before = present.get(thing.kind, thing.name)
        if before and before.label and thing.label and before.label != thing.label:
            yield thing


def _deletions(doomed: Iterable[Resource]) -> Iterator[Step]:
    # Delete a thing before the things that it refers to.
    for thing in reversed(list(_in_order(doomed))):
        yield Step("delete", thing)


def _in_order(things: Iterable[Resource]) -> list[Resource]:
    order = {kind: number for number, kind in enumerate(KINDS)}
    return sorted(things, key=lambda thing: order[thing.kind])


def _doomed(wanted: Topology, present: Topology) -> list[Resource]:
    """Return the things that the files' topologies own and the files have no more.

    A thing with the name of a wanted one of another kind is in its way and not deleted for it: its
    references would have to go first.
    """
    return [
        thing
        for thing in present
        if thing.label in wanted.labels
        and wanted.get(thing.kind, thing.name) is None
        and not _is_in_the_way(thing, wanted)
    ]


def _is_in_the_way(thing: Resource, wanted: Topology) -> bool:
    return thing.kind in CHANNELS and any(wanted.get(kind, thing.name) for kind in CHANNELS)


def _refuse_unsupported(wanted: Topology, refusal: Refusal, problems: Problems) -> None:
    """Refuse what the engine lacks, of the settings that a file names itself."""
    for thing in wanted:
        for setting in (None, *thing.places):
            if (reason := refusal(thing, setting)) is not None:
                problems.error(thing.place if setting is None else thing.place_of(setting), reason)


def _refuse_impossible(
    wanted: Topology, present: Topology, counts: Counts, problems: Problems
) -> None:
    for thing in wanted:
        before = present.get(thing.kind, thing.name)
        for change in _differences(before, thing) if before else ():
            assert before is not None
            try:
                _check_change(before, thing, change, counts)
            except BadInput as error:
                problems.refuse(thing.place_of(change.setting), error)


def _check_change(before: Resource, after: Resource, change: Change, counts: Counts) -> None:
    """Raise `BadInput`, with the way out, for a change that can't be made in place."""
    name = after.name
    match after.kind, change.setting:
        case "queue", "fifo" | "priorities" | "fair":
            old, new = queue_config(before.settings), queue_config(after.settings)
            queue_rules.check_change(name, old, new, counts(before).get("messages", 0))
        case "topic", "partitions" if int(change.new) < int(change.old or 0):
            raise BadInput(
                f"topic {name} has {change.old} partitions, and they only grow",
                hint="for fewer, declare another topic and copy the records",
            )
        case "exchange", "type":
            raise BadInput(
                f"exchange {name} is of type {change.old}, which can't change",
                hint="declare another exchange and bind it",
            )
        case "share", "topic":
            raise BadInput(
                f"share {name} reads {change.old}, and can't read another topic",
                hint="declare another share",
            )


def _refuse_needed(doomed: list[Resource], staying: Topology, problems: Problems) -> None:
    """Refuse to delete a thing that another one, which stays and is in no file, refers to."""
    going = {(thing.kind, thing.name) for thing in doomed}
    for thing in staying if going else ():
        # Bindings go with either end.
        if thing.kind == "binding":
            continue
        for setting, name, kinds in references(thing):
            for kind in kinds:
                if (kind, name) in going:
                    role = "one of the topics" if setting == "topics" else f"the {setting}"
                    problems.error(
                        NOWHERE,
                        f"{kind} {name} can't be deleted: it is {role} of {thing.kind}"
                        f" {thing.name}; change that first",
                    )
