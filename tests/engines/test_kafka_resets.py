"""Resets and lags of groups on Kafka, beside those of Kafka's own tool."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NamedTuple

import pytest

from store import BadInput, GroupActive, NewRecord, NotFound, Unsupported, open_place
from store.engine.broker import Broker
from store.model.groups import OffsetChange
from store.model.positions import Position, Scope, Shift, Target
from tests.support import kafka_server, kafka_tools

pytestmark = pytest.mark.xdist_group("kafka")

ORDERS: Scope = [("orders", None)]
BEGIN = 1_700_000_000_000


class Case(NamedTuple):
    """A reset in the words of the house and of the tool."""

    name: str
    target: Target
    scope: Scope | None
    words: str


def at(kind: str, number: int = 0) -> Position:
    return Position(kind, number)  # type: ignore[arg-type]


def moment(milliseconds: int) -> str:
    when = datetime.fromtimestamp(milliseconds // 1000, UTC)
    return when.strftime("%Y-%m-%dT%H:%M:%S.") + f"{milliseconds % 1000:03}"


CASES = [
    Case("earliest", at("earliest"), ORDERS, "--topic orders --to-earliest"),
    Case("latest", at("latest"), ORDERS, "--topic orders --to-latest"),
    Case("committed", at("committed"), ORDERS, "--topic orders --to-current"),
    Case("offset", at("offset", 5), ORDERS, "--topic orders --to-offset 5"),
    Case("offset behind the end", at("offset", 99), ORDERS, "--topic orders --to-offset 99"),
    Case("offset before the start", at("offset", 0), ORDERS, "--topic orders --to-offset 0"),
    Case("forward", Shift(2), [("orders", 0)], "--topic orders:0 --shift-by 2"),
    Case("back", Shift(-2), [("orders", 0)], "--topic orders:0 --shift-by -2"),
    Case("far forward", Shift(99), [("orders", 1)], "--topic orders:1 --shift-by 99"),
    Case("far back", Shift(-99), [("orders", 1)], "--topic orders:1 --shift-by -99"),
    *(
        Case(name, at("time", time), ORDERS, f"--topic orders --to-datetime {moment(time)}")
        for name, time in [
            ("time", BEGIN + 5000), ("between", BEGIN + 4001), ("early", BEGIN - 9000),
            ("late", BEGIN + 10**7),
        ]
    ),
    Case("short age", at("came", BEGIN * 2), ORDERS, "--topic orders --by-duration PT1S"),
    Case("long age", at("came", 0), ORDERS, "--topic orders --by-duration P9999D"),
    Case("all topics", at("earliest"), None, "--all-topics --to-earliest"),
    Case("all topics, committed", at("committed"), None, "--all-topics --to-current"),
    Case(
        "some partitions", at("latest"), [("orders", 0), ("orders", 2)],
        "--topic orders:0,2 --to-latest",
    ),
    Case(
        "two topics", at("latest"), [("orders", None), ("events", None)],
        "--topic orders --topic events --to-latest",
    ),
    Case("unknown group", at("earliest"), [("events", 0)], "--topic events:0 --to-earliest"),
]  # fmt: skip


class Place(NamedTuple):
    """The cluster, the open place, and what the tool prints for each case and for the lag."""

    url: str
    broker: Broker
    resets: dict[str, str]
    lag: str


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    """Three partitions, one of them trimmed, with commits in two; and another topic."""
    with kafka_server.emptied() as url, open_place(url) as broker:
        broker.create_topic("orders", partitions=3)
        broker.create_topic("events")
        for partition in range(3):
            broker.produce_many(
                "orders",
                [
                    NewRecord(b"v", timestamp=BEGIN + 1000 * n, partition=partition)
                    for n in range(10)
                ],
            )
        broker.produce_many("events", [b"v"] * 4)
        broker.trim("orders", at("offset", 3), 1)
        broker.reset_group("billing", {("orders", 0): 4, ("orders", 1): 8, ("events", 0): 1})
        calls = [
            ["--reset-offsets", "--dry-run", "--group", _group(case), *case.words.split()]
            for case in CASES
        ]
        *resets, lag = kafka_tools.run(
            url, kafka_tools.GROUPS, [*calls, ["--describe", "--group", "billing"]]
        )
        names = [case.name for case in CASES]
        yield Place(url, broker, dict(zip(names, resets, strict=True)), lag)


def _group(case: Case) -> str:
    return "other" if case.name == "unknown group" else "billing"


def rows(changes: list[OffsetChange]) -> dict[tuple[str, int], int | None]:
    return {(one.topic, one.partition): one.new for one in changes}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_preview_is_that_of_the_tool(place: Place, case: Case) -> None:
    group = _group(case)
    found = re.findall(rf"^{group}\s+(\S+)\s+(\d+)\s+(\d+)\s*$", place.resets[case.name], re.M)
    theirs = {(topic, int(partition)): int(offset) for topic, partition, offset in found}
    assert theirs
    assert rows(place.broker.plan_reset(group, case.target, case.scope)) == theirs


def test_a_preview_changes_nothing(place: Place) -> None:
    committed = {(r.topic, r.partition): r.committed for r in place.broker.group("billing").offsets}
    assert committed == {("orders", 0): 4, ("orders", 1): 8, ("events", 0): 1}


def test_the_lag_is_that_of_the_tool(place: Place) -> None:
    found = re.findall(r"^billing\s+(\S+)\s+(\d+)\s+(\d+)\s+(\d+)\s+(\d+)\s", place.lag, re.M)
    theirs = {(topic, *map(int, numbers)) for topic, *numbers in found}
    assert len(theirs) == 3
    ours = {(r.topic, r.partition, r.committed, r.end, r.lag) for r in place.broker.lag("billing")}
    assert ours == theirs


def test_the_age_is_that_of_the_first_unread_record(place: Place) -> None:
    rows = {(row.topic, row.partition): row for row in place.broker.lag("billing", "orders")}
    for partition, committed in ((0, 4), (1, 8)):
        age = (place.broker.wall() - BEGIN) / 1000 - committed
        seconds = rows["orders", partition].lag_seconds
        assert seconds is not None
        assert abs(seconds - age) < 1


def test_a_shift_needs_a_commit(place: Place) -> None:
    with pytest.raises(BadInput, match="orders/2"):
        place.broker.plan_reset("billing", Shift(1), ORDERS)


def test_an_unknown_partition_leaves_all_as_it_is(place: Place) -> None:
    with pytest.raises(NotFound):
        place.broker.reset_group("billing", at("latest"), [("orders", 0), ("orders", 9)])
    assert place.broker.group("billing").offsets[1].committed == 4


def test_force_is_refused_with_the_tool_to_use(place: Place) -> None:
    with pytest.raises(Unsupported) as refusal:
        place.broker.reset_group("billing", at("latest"), ORDERS, force=True)
    assert "kafka-streams-application-reset.sh" in refusal.value.hint


def test_a_group_with_members_is_neither_reset_nor_deleted_nor_skipped(place: Place) -> None:
    with place.broker.consumer("live", ["events"], timeout=20.0) as member:
        member.poll(1, timeout=20.0)
        member.commit()
        with pytest.raises(GroupActive):
            place.broker.reset_group("live", at("latest"), [("events", None)])
        with pytest.raises(GroupActive):
            place.broker.delete_group("live")


def test_every_partition_of_an_answer_is_looked_at(place: Place) -> None:
    # The call as a whole succeeds: the refusal stands in its partitions alone.
    with place.broker.consumer("seen", ["events"], timeout=20.0):
        commits = place.broker._commits  # type: ignore[attr-defined]
        with pytest.raises(GroupActive):
            commits.commit("seen", {("events", 0): 2})


def test_offsets_are_given_back_by_what_was_noted(place: Place) -> None:
    noted: list[OffsetChange] = []
    place.broker.reset_group("undone", {("orders", 0): 3})
    place.broker.reset_group("undone", at("latest"), ORDERS, note=noted.extend)
    before = {(one.topic, one.partition): one.current for one in noted}
    with pytest.raises(Unsupported, match="orders/1 alone"):
        place.broker.reset_group("undone", before)
    place.broker.reset_group("undone", {("orders", 0): 3})
    place.broker.reset_group("undone", dict.fromkeys([("orders", n) for n in range(3)]))
    with pytest.raises(NotFound):
        place.broker.group("undone")
