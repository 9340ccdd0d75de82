"""A plan is made of values and carried out step by step, so that any engine can have one."""

from __future__ import annotations

import pytest

from store import Unavailable
from store.topology.applying import carry_out
from store.topology.model import Resource, Topology
from store.topology.planning import plan
from store.topology.problems import InvalidTopology, Problems
from store.topology.reading import read
from store.topology.steps import Plan, Step
from store.topology.target import Facts, Refusal, refuses_nothing
from tests.topology.conftest import source

CIRCLE = """\
    version: 1
    queues:
      a: {max_deliveries: 3, dlq: b}
      b: {lease: 45s, max_deliveries: 3, dlq: a}
"""


class Elsewhere:
    """An engine in memory that knows no counts; `fails_at` is a thing that it can't do."""

    def __init__(self, *, refers_ahead: bool = False, fails_at: str | None = None) -> None:
        self.refers_ahead = refers_ahead
        self.fails_at = fails_at
        self.things: dict[tuple[str, str], Resource] = {}
        self.steps: list[Step] = []

    def present(self) -> Topology:
        return Topology(self.things.values())

    def counts(self, thing: Resource) -> Facts:
        return {}

    def carry_out(self, step: Step) -> None:
        if step.name == self.fails_at:
            raise Unavailable(f"no answer while {step.name} was made")
        self.steps.append(step)
        before = self.things.pop((step.kind, step.name), step.thing)
        if step.action != "delete":
            changes = {change.setting: change.new for change in step.changes}
            settings = {**before.settings, **changes} if step.action == "change" else None
            thing = Resource(
                step.kind, step.name, settings or step.thing.settings, step.thing.label
            )
            self.things[step.kind, step.name] = thing

    def adopt(self, thing: Resource) -> None:
        self.things[thing.kind, thing.name] = thing


def planned(
    engine: Elsewhere, text: str, *, prune: bool = False, refusal: Refusal = refuses_nothing
) -> Plan:
    problems = Problems()
    wanted = read([source(text)], problems)
    return plan(engine.present(), engine.counts, wanted, problems, prune=prune, refusal=refusal)


@pytest.mark.parametrize("refers_ahead", [False, True])
def test_what_was_carried_out_needs_no_further_step(refers_ahead: bool) -> None:
    engine = Elsewhere(refers_ahead=refers_ahead)
    carry_out(engine, planned(engine, CIRCLE))
    assert planned(engine, CIRCLE).steps == ()


def test_an_engine_that_refers_ahead_makes_each_thing_whole_at_once() -> None:
    engine = Elsewhere(refers_ahead=True)
    carry_out(engine, planned(engine, CIRCLE))
    made = [(step.action, step.name, step.thing.settings["dlq"]) for step in engine.steps]
    assert made == [("create", "a", "b"), ("create", "b", "a")]


def test_an_engine_that_does_not_connects_queues_once_all_are_there() -> None:
    engine = Elsewhere()
    carry_out(engine, planned(engine, CIRCLE))
    made = [(step.action, step.name) for step in engine.steps]
    assert made == [("create", "a"), ("create", "b"), ("change", "a"), ("change", "b")]
    assert {step.thing.settings["dlq"] for step in engine.steps[:2]} == {"none"}


def test_a_circle_is_disconnected_before_it_is_deleted() -> None:
    engine = Elsewhere()
    carry_out(engine, planned(engine, CIRCLE))
    engine.steps.clear()
    carry_out(engine, planned(engine, "version: 1", prune=True))
    actions = [step.action for step in engine.steps]
    assert (actions, engine.things) == (["change", "change", "delete", "delete"], {})


def test_the_first_failure_ends_it_and_a_new_plan_goes_on() -> None:
    engine = Elsewhere(fails_at="b")
    done: list[tuple[int, int | None]] = []
    with pytest.raises(Unavailable):
        carry_out(engine, planned(engine, CIRCLE), lambda *numbers: done.append(numbers))
    assert done == [(1, 2)]
    engine.fails_at = None
    carry_out(engine, planned(engine, CIRCLE))
    assert planned(engine, CIRCLE).steps == ()


def refused(refusal: Refusal) -> list[str]:
    """The errors that a plan of `CIRCLE` has for what the engine lacks."""
    with pytest.raises(InvalidTopology) as raised:
        planned(Elsewhere(), CIRCLE, refusal=refusal)
    return [str(problem) for problem in raised.value.problems if problem.severity == "error"]


def test_a_setting_that_the_engine_lacks_is_refused_where_a_file_names_it() -> None:
    problems = refused(lambda _, setting: "there is no lease" if setting == "lease" else None)
    assert problems == ["shop.yaml:4:14: error: there is no lease"]


def test_a_kind_that_the_engine_lacks_is_refused_thing_by_thing() -> None:
    problems = refused(lambda _, setting: "there are no queues" if setting is None else None)
    assert problems == [
        "shop.yaml:3:3: error: there are no queues",
        "shop.yaml:4:3: error: there are no queues",
    ]


def test_a_loss_of_unknown_size_is_told_without_a_number() -> None:
    engine = Elsewhere()
    carry_out(engine, planned(engine, "{version: 1, queues: {a: {}}, topics: {t: {}}}"))
    risks = [step.risks for step in planned(engine, "version: 1", prune=True).steps]
    assert risks == [
        ("its messages are lost",),
        ("its records are lost, and every group's place in it",),
    ]
