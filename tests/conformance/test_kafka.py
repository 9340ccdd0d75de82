"""What Kafka does, and RabbitMQ's streams, case by case: facts from their own test suites."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from store import NewRecord, NotFound, Position, Shift
from store.engine.broker import Broker
from store.model.clock import ManualClock
from tests.conformance.conftest import Engine
from tests.support.kafka_drivers import DRIVERS, SPECIAL, in_file
from tests.support.share_drivers import SHARES

DATA = Path(__file__).parent / "data"
KNOWN: dict[str, dict[str, Any]] = {
    case["id"]: case for case in json.loads((DATA / "kafka.json").read_text())
}
STREAMS: dict[str, dict[str, Any]] = {
    case["id"]: case
    for case in json.loads((DATA / "rabbitmq.json").read_text())
    if case["area"] == "stream"
}

_ONE_TRANSACTION = "one SQLite transaction: no markers, nothing open is visible, offsets are dense"
_NO_SEGMENTS = "no segments: the limit is kept to a record, and nothing younger is lost"
_COUNTS = "a named producer counts records: what is older is already stored, not an error"

DEPARTURES = {
    "txn-lso-fetch": _ONE_TRANSACTION,
    "txn-empty-markers": _ONE_TRANSACTION,
    "txn-nontxn-write-inside": _ONE_TRANSACTION,
    "compact-txn-aware": _ONE_TRANSACTION,
    "compact-commit-marker": _ONE_TRANSACTION,
    "retain-size": _NO_SEGMENTS,
    "retain-size-strict": _NO_SEGMENTS,
    "compact-active-untouched": _NO_SEGMENTS,
    "commit-dead-group": "no Dead state: a group is there or it is not",
    "crc32-incompat": "a fact about another client's default; mq places by murmur2",
    "idem-basic": _COUNTS,
    "idem-window-5": _COUNTS,
    "nisshi-gap-list": "a checklist: each item has a test of its own",
    "stream-07": "no prefetch to set: a reader asks for as much as it wants",
}

CASES = KNOWN | STREAMS
PASSING = sorted(CASES.keys() - DEPARTURES.keys())


@pytest.mark.parametrize("id", PASSING)
def test_it_is_as_in_the_other_system(
    id: str, engine: Engine, store: Broker, clock: ManualClock
) -> None:
    engine.must_pass(id)
    case = CASES[id]
    drive = (SPECIAL | SHARES).get(id) or DRIVERS[case["area"]]

    drive(case, store, clock)


def test_every_case_is_in_exactly_one_list() -> None:
    driven = {id for id, case in CASES.items() if id in SPECIAL | SHARES or case["area"] in DRIVERS}

    assert DEPARTURES.keys() <= CASES.keys()
    assert set(PASSING) <= driven


@pytest.fixture
def read_half(store: Broker) -> Broker:
    """A topic `t` of two partitions, ten records each; the group `g` committed 5 in the first."""
    store.create_topic("t", partitions=2)
    store.produce_many("t", [NewRecord("x", partition=n % 2) for n in range(20)])
    with store.consumer("g", ["t"]) as consumer:
        consumer.commit({("t", 0): 5})
    return store


def new_offsets(store: Broker, target: Position | Shift) -> list[int | None]:
    return [change.new for change in store.plan_reset("g", target)]


def test_reset_to_current_without_a_commit_is_the_log_end(read_half: Broker) -> None:
    assert new_offsets(read_half, Position("committed")) == [5, 10]


@pytest.mark.parametrize(
    ("by", "offset", "clamped"), [(-3, 2, False), (-9, 0, True), (9, 10, True)]
)
def test_a_shift_is_clamped_to_the_log(
    read_half: Broker, by: int, offset: int, clamped: bool
) -> None:
    change = read_half.plan_reset("g", Shift(by), [("t", 0)])[0]

    assert (change.new, change.clamped) == (offset, clamped)


def test_a_shift_below_a_trimmed_start_is_clamped_to_it(read_half: Broker) -> None:
    read_half.trim("t", Position("offset", 3))

    assert read_half.plan_reset("g", Shift(-4), [("t", 0)])[0].new == 3


def test_an_offset_beyond_the_end_is_clamped(read_half: Broker) -> None:
    assert new_offsets(read_half, Position("offset", 99)) == [10, 10]


def test_a_time_before_every_record_is_the_start(read_half: Broker, clock: ManualClock) -> None:
    assert new_offsets(read_half, Position("time", clock.wall() - 60_000)) == [0, 0]


def test_an_empty_partition_is_reset_to_its_end(store: Broker, clock: ManualClock) -> None:
    store.create_topic("t")
    store.create_group("g", topics=["t"])

    assert new_offsets(store, Position("time", clock.wall())) == [0]
    assert new_offsets(store, Position("last")) == [0]


def test_a_group_that_does_not_exist_has_an_empty_plan(read_half: Broker) -> None:
    assert read_half.plan_reset("nobody", Position("earliest")) == []
    assert read_half.reset_group("nobody", Position("earliest")) == []
    assert [group.name for group in read_half.groups()] == ["g"]


def test_an_unknown_topic_in_the_scope_changes_nothing(read_half: Broker) -> None:
    with pytest.raises(NotFound):
        read_half.reset_group("g", Position("earliest"), [("t", None), ("nowhere", None)])

    assert [lag.committed for lag in read_half.lag("g")] == [5, None]


def test_the_scope_of_a_reset_may_be_single_partitions(read_half: Broker) -> None:
    read_half.reset_group("g", Position("latest"), [("t", 1)])

    assert [lag.committed for lag in read_half.lag("g")] == [5, 10]


def test_a_reset_begins_a_group_that_was_not_there(read_half: Broker) -> None:
    read_half.reset_group("new", Position("latest"), [("t", None)])

    assert [lag.committed for lag in read_half.lag("new")] == [10, 10]


def test_a_publisher_that_repeats_itself_is_confirmed_and_stored_once(store: Broker) -> None:
    store.create_topic("t")
    producer = store.producer("pub")
    for number in (0, 1, 2, 2, 1, 3):
        producer.produce_many("t", [NewRecord(str(number))], number)

    assert [record.value for record in store.read("t")] == [b"0", b"1", b"2", b"3"]
    assert producer.stored("t") == 4


def test_nothing_of_an_open_transaction_is_read_and_its_offsets_are_dense(store: Broker) -> None:
    store.create_topic("t")
    with in_file(store).transaction() as tx:
        tx.produce_many("t", [NewRecord("a"), NewRecord("b")])
    store.produce("t", "c")

    assert [record.offset for record in store.read("t")] == [0, 1, 2]


def test_a_size_limit_is_kept_to_a_record_and_nothing_younger_is_lost(store: Broker) -> None:
    store.create_topic("t", retention_bytes=100)
    for n in range(40):
        store.produce("t", b"%09d" % n)
    offsets = [record.offset for record in store.read("t")]

    assert offsets == list(range(offsets[0], 40))
    assert 100 - 9 < 9 * len(offsets) <= 100 + 9
