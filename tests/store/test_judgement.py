"""Workloads as their owners describe them, and what they should be told."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from store import Store
from store.advice.advice import Advice, advise
from store.advice.questions import read_workload
from store.topology.checks import validate
from store.topology.examination import examine
from store.topology.reading import TopologyFile
from store.topology.writing import yaml_of


class Case(NamedTuple):
    answers: dict[str, Any]
    place: str
    decided_by: str
    partitions: int | None = None
    doors: frozenset[str] = frozenset()


def case(
    place: str, decided_by: str, partitions: int | None, doors: str, **answers: Any
) -> Case:  # fmt: skip
    return Case(answers, place, decided_by, partitions, frozenset(filter(None, doors.split("|"))))


CASES = {
    "order processing: retries, an order's steps in sequence": case(
        "fifo-queue", "order", None, "FIFO or not|message group|dedup window",
        per_message="retry", order="key", peak_rate="50/s", processing="200ms",
    ),
    "audit log": case(
        "log", "source_of_truth", 1, "partition count",
        source_of_truth=True, replay=True, peak_rate="20/s", processing="5ms",
    ),
    "email sending": case(
        "queue", "replay", None, "FIFO or not|delete on acknowledgement",
        per_message=["retry", "uneven"], peak_rate="30/s", processing="400ms",
    ),
    "thumbnails": case(
        "queue", "replay", None, "FIFO or not",
        per_message="uneven", peak_rate="10/s", processing="3s",
    ),
    "presence": case(
        "log", "latest_only", 6, "compaction|record key|partition count",
        latest_only=True, readers=4, order="key", peak_rate="2000/s", processing="1ms",
    ),
    "billing per account": case(
        "fifo-queue", "order", None, "message group",
        per_message="retry", order="key", keys=20_000, peak_rate="40/s", processing="100ms",
    ),
    "change data capture": case(
        "log", "replay", 10, "record key|partition count",
        replay=True, readers=["search", "warehouse"], order="key", peak_rate="1500/s",
        processing="2ms", retention="3d",
    ),
    "IoT ingestion": case(
        "log", "replay", 60, "partition count",
        replay=True, readers=2, order="key", peak_rate="20000/s", growth=2, processing="1ms",
        message_size="200B",
    ),
    "webhook delivery": case(
        "queue", "replay", None, "",
        per_message=["retry", "uneven"], peak_rate="100/s", processing="2s",
    ),
    "webhook delivery in order for each customer": case(
        "fifo-queue", "order", None, "message group",
        per_message="retry", order="key", peak_rate="100/s", processing="500ms",
    ),
    "search indexing": case(
        "log", "replay", 10, "",
        replay=True, order="key", peak_rate="300/s", processing="10ms",
    ),
    "ML feature pipeline": case(
        "log", "replay", 12, "",
        replay=True, readers=["training", "serving"], peak_rate="4000/s", growth=1,
        processing="2ms",
    ),
    "job scheduler with delays": case(
        "queue", "replay", None, "",
        per_message=["delay", "retry"], peak_rate="5/s", processing="1s",
    ),
    "chat fan-out": case(
        "log", "replay", 3, "partition count",
        replay=True, readers=3, order="key", peak_rate="500/s", processing="2ms",
    ),
    "metrics": case(
        "log", "peak_rate", 30, "partition count|retention",
        peak_rate="10000/s", processing="1ms",
    ),
    "payments ledger": case(
        "log-and-queue", "source_of_truth", 6, "message group|partition count|record key",
        source_of_truth=True, per_message="retry", order="key", peak_rate="20/s",
        processing="100ms", survive_machine_loss=True,
    ),
    "cache invalidation": case(
        "log", "readers", 1, "retention",
        readers=20, peak_rate="100/s", processing="1ms",
    ),
    "ETL over files": case(
        "share", "replay", 1, "no order",
        replay=True, per_message=["retry", "uneven"], peak_rate="1/s", processing="30s",
    ),
    "notifications with priorities": case(
        "queue", "replay", None, "number of priorities",
        per_message=["priority", "retry"], peak_rate="200/s", processing="50ms",
    ),
    "retry ladder": case(
        "queue", "replay", None, "", per_message="retry", peak_rate="20/s",
        processing="100ms",
    ),
    "events that teams subscribe to by pattern": case(
        "queue", "routing", None, "routing vocabulary",
        readers=["billing", "email", "fraud"], routing="key", peak_rate="50/s",
    ),
    "orders that are kept, with urgent ones first": case(
        "log-and-queue", "replay", 3, "number of priorities",
        replay=True, per_message="priority", peak_rate="100/s", processing="10ms",
    ),
    "replication of one database in commit order": case(
        "log", "order", 1, "partition count",
        order="all", peak_rate="20/s", processing="10ms",
    ),
    "one turnstile: everything in order, each retried": case(
        "fifo-queue", "per_message", None, "message group",
        order="all", per_message="retry", peak_rate="2/s", processing="100ms",
    ),
    "a hot account: order for each key and no more": case(
        "fifo-queue", "order", None, "message group",
        order="key", keys=100, hottest_share="50%", peak_rate="100/s", processing="10ms",
    ),
}  # fmt: skip


@pytest.fixture(params=CASES)
def described(request: pytest.FixtureRequest) -> tuple[Case, Advice]:
    found = CASES[request.param]
    return found, advise(read_workload(found.answers))


def test_a_workload_lies_where_an_expert_would_put_it(described: tuple[Case, Advice]) -> None:
    expected, advice = described

    assert advice.place == expected.place


def test_the_answer_that_decided_it_is_named_first(described: tuple[Case, Advice]) -> None:
    expected, advice = described
    first = advice.reasons[0]

    assert (first.question, first.decides) == (expected.decided_by, True)


def test_a_log_has_as_many_partitions_as_the_arithmetic_asks_for(
    described: tuple[Case, Advice],
) -> None:
    expected, advice = described

    if expected.partitions is None:
        assert advice.sizing.partitions is None
    else:
        assert advice.sizing.partitions is not None
        assert abs(advice.sizing.partitions - expected.partitions) <= 1


def test_what_cant_be_undone_is_said(described: tuple[Case, Advice]) -> None:
    expected, advice = described

    assert expected.doors <= {door.choice for door in advice.one_way_doors}


def test_what_to_create_is_a_topology_without_fault(described: tuple[Case, Advice]) -> None:
    _, advice = described

    assert validate([TopologyFile("advice.yaml", yaml_of(advice.topology).encode())]) == []


def test_the_doctor_has_no_warning_about_what_to_create(described: tuple[Case, Advice]) -> None:
    _, advice = described
    source = TopologyFile("advice.yaml", yaml_of(advice.topology).encode())

    assert [one for one in examine([source]) if one.is_alarm] == []


def test_what_to_create_can_be_applied_and_leaves_the_doctor_content(
    described: tuple[Case, Advice], store: Store
) -> None:
    _, advice = described
    source = TopologyFile("advice.yaml", yaml_of(advice.topology).encode())

    store.apply([source])

    assert not store.plan([source]).steps
    assert [one for one in store.doctor() if one.is_alarm] == []
