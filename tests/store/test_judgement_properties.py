"""What holds for the judgement of every workload."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import pytest
from hypothesis import assume, given, settings, strategies as st

from store.advice.advice import Advice, advise
from store.advice.placements import TABLE, Audience, Factors, Fate, History, Placement, Rate, row_of
from store.advice.questions import QUESTIONS, read_workload
from store.advice.sizing import divisor_rich
from store.advice.workload import Control, Order, Routing, Workload, WorkloadOperations, check
from store.model.encoding import MOST_PARTITIONS
from store.model.errors import BadInput
from store.topology.checks import validate
from store.topology.reading import TopologyFile
from store.topology.writing import yaml_of

YES_NO = {
    "replay": ("no", "yes"),
    "readers": ("1", "3"),
    "source_of_truth": ("no", "yes"),
    "per_message": ("no", "yes"),
    "routing": ("no", "yes"),
    "order": ("no", "yes"),
    "survive_machine_loss": ("no", "yes"),
}

# A busy machine is no failure.
CALM = settings(deadline=None, max_examples=60)


@st.composite
def workloads(draw: st.DrawFn) -> Workload:
    """Any workload whose answers go together."""
    rates = st.floats(0.001, 1e6)
    workload = Workload(
        replay=draw(st.booleans()),
        readers=draw(st.sampled_from([("worker",), ("a", "b"), ("a", "b", "c", "d")])),
        source_of_truth=draw(st.booleans()),
        latest_only=draw(st.booleans()),
        per_message=draw(st.frozensets(st.sampled_from(Control))),
        routing=draw(st.sampled_from(Routing)),
        order=draw(st.sampled_from(Order)),
        survive_machine_loss=draw(st.booleans()),
        operations=draw(st.sampled_from(WorkloadOperations)),
        peak_rate=draw(rates),
        consumer_rate=draw(rates),
        growth=draw(st.floats(1, 50)),
        keys=draw(st.none() | st.integers(1, 10**9)),
        hottest_share=draw(st.none() | st.floats(0.001, 1)),
    )
    try:
        check(workload)
    except BadInput:
        assume(False)
    return workload


def legal_factors() -> list[Factors]:
    every = product(History, Audience, Fate, Order, (False, True), Rate)
    found = [Factors(*values) for values in every]
    return [f for f in found if not (f.fate is Fate.OWN_TIME and f.order is not Order.NONE)]


def queues_of(advice: Advice) -> dict[str, Any]:
    return dict(advice.topology.get("queues", {}))


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row.place}: {row.because}")
def test_every_row_of_the_table_is_the_first_that_holds_for_some_workload(row: Any) -> None:
    assert any(row_of(factors) is row for factors in legal_factors())


def test_the_last_row_of_the_table_holds_for_whatever_comes_to_it() -> None:
    assert all(row_of(factors).holds(factors) for factors in legal_factors())


@pytest.mark.parametrize("answers", list(product(*YES_NO.values())), ids="-".join)
def test_seven_answers_of_yes_or_no_are_enough(answers: tuple[str, ...]) -> None:
    given_answers = dict(zip(YES_NO, answers, strict=True))

    advice = advise(read_workload(given_answers))

    assert advice.reasons[0].decides


@CALM
@given(workloads(), st.floats(1, 1000))
def test_a_higher_peak_never_takes_fewer_workers_or_partitions(
    workload: Workload, times: float
) -> None:
    before = advise(workload).sizing
    after = advise(replace(workload, peak_rate=workload.peak_rate * times)).sizing

    assert after.workers >= before.workers
    assert (after.partitions or 0) >= (before.partitions or 0)


@CALM
@given(workloads())
def test_what_must_be_kept_is_never_put_where_an_acknowledgement_deletes_it(
    workload: Workload,
) -> None:
    place = advise(workload).place

    assert not (workload.kept and place in {Placement.QUEUE, Placement.FIFO_QUEUE})


@CALM
@given(workloads())
def test_order_is_never_put_where_none_is_promised(workload: Workload) -> None:
    place = advise(workload).place

    assert not (workload.order is not Order.NONE and place in {Placement.QUEUE, Placement.SHARE})


@CALM
@given(workloads())
def test_delays_and_priorities_always_get_a_queue_without_order(workload: Workload) -> None:
    advice = advise(workload)
    own_time = workload.per_message & {Control.DELAY, Control.PRIORITY}

    assert not own_time or advice.place in {Placement.QUEUE, Placement.LOG_AND_QUEUE}
    assert not own_time or not any(queue.get("fifo") for queue in queues_of(advice).values())


@CALM
@given(workloads())
def test_partitions_bear_the_peak_unless_something_is_said_to_limit_them(
    workload: Workload,
) -> None:
    advice = advise(workload)
    partitions = advice.sizing.partitions
    limited = (
        advice.sizing.parallel is not None
        or partitions == MOST_PARTITIONS
        or advice.place is Placement.SHARE
    )

    if partitions is not None and not limited:
        assert partitions * workload.consumer_rate >= workload.future_rate * 1.5 * (1 - 1e-6)


@CALM
@given(workloads())
def test_every_dead_letter_queue_exists_and_is_of_its_sources_kind(workload: Workload) -> None:
    advice = advise(workload)
    queues = queues_of(advice)

    for queue in queues.values():
        if "dlq" in queue:
            assert queues[queue["dlq"]].get("fifo") == queue.get("fifo")


@CALM
@given(workloads())
def test_nothing_is_bound_that_is_not_created(workload: Workload) -> None:
    topology = advise(workload).topology
    channels = {*topology.get("topics", {}), *topology.get("queues", {})}

    for binding in topology.get("bindings", ()):
        assert binding["from"] in topology["exchanges"]
        assert binding["to"] in channels


@CALM
@given(workloads())
def test_what_to_create_is_always_a_topology_without_fault(workload: Workload) -> None:
    text = yaml_of(advise(workload).topology)

    assert validate([TopologyFile("advice.yaml", text.encode())]) == []


@pytest.mark.parametrize(
    ("number", "rich"), [(1, 1), (2, 2), (5, 6), (7, 8), (11, 12), (13, 18), (25, 30), (49, 60)]
)
def test_partitions_are_rounded_up_to_a_number_that_many_numbers_divide(
    number: int, rich: int
) -> None:
    assert divisor_rich(number) == rich


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.field)
def test_what_is_assumed_is_what_the_question_shows(question: Any) -> None:
    assert read_workload({question.field: question.assumed}) == Workload()


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ({"order": "key", "per_message": "priority"}, "priorities contradict the order"),
        ({"order": "all", "per_message": "delay"}, "delays per message contradict the order"),
        ({"source_of_truth": True, "retention": "7d"}, "must not end"),
        ({"source_of_truth": True, "latest_only": True}, "only the newest value"),
        ({"keys": 10, "hottest_share": "1%"}, "hottest of 10 keys has at least 10.0%"),
        ({"processing": "2s", "latency": "1s"}, "longer than the latency"),
        ({"processing": "20ms", "consumer_rate": "10/s"}, "contradict each other"),
        ({"readers": 0}, "without a reader"),
        ({"consumer_rate": 0}, "a consumer must do more than 0/s"),
        ({"readers": "dlq"}, "no reader may be called dlq"),
        ({"replays": True}, "no question 'replays'"),
        ({"peak_rate": "fast"}, "not a rate"),
        ({"order": "account"}, "not one of none, key, all"),
        ({"growth": 0.5}, "a factor of 1 or more"),
        ({"keys": {"n": 1}}, "an answer is a text"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_answers_that_cant_be_meant_are_refused(answers: dict[str, Any], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        read_workload(answers)


@pytest.mark.parametrize(
    ("text", "rate"), [("500", 500), ("500/s", 500), ("6k/min", 100), ("3.6M/h", 1000)]
)
def test_a_rate_may_be_given_for_any_unit_of_time(text: str, rate: float) -> None:
    assert read_workload({"peak_rate": text}).peak_rate == pytest.approx(rate)
