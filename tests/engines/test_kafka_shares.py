"""Shares on Kafka: share groups, by the preview of librdkafka's consumer for them."""

from __future__ import annotations

from collections.abc import Iterator
from time import monotonic
from typing import NamedTuple

import pytest

from store import BadInput, Exists, NotFound, SharedRecord, Unsupported, open_place
from store.engine.broker import Broker
from store.model.positions import Position
from tests.support import kafka_server

pytestmark = pytest.mark.xdist_group("kafka")

PATIENCE = 60.0


class Work(NamedTuple):
    """The open place, and what a share handed out at first and after all was settled."""

    url: str
    broker: Broker
    first: list[SharedRecord]
    again: list[SharedRecord]


@pytest.fixture(scope="module")
def work() -> Iterator[Work]:
    """Of four records one is acknowledged, one given back, one rejected, one given back unbegun."""
    with kafka_server.emptied() as url, open_place(url) as broker:
        broker.create_topic("jobs")
        broker.create_topic("dlq.jobs")
        broker.produce_many("jobs", [b"0", b"1", b"2", b"3"])
        broker.create_share("packers", "jobs", lease=45, max_deliveries=3, dlq="dlq.jobs")
        first = acquired(broker, 4)
        receipts = [record.receipt for record in first]
        broker.ack(receipts[:1])
        broker.nack(receipts[1:2])
        broker.reject(receipts[2:3], "no")
        broker.unreceive(receipts[3:])
        again = acquired(broker, 2)
        broker.ack([record.receipt for record in again])
        yield Work(url, broker, first, again)


def acquired(broker: Broker, number: int) -> list[SharedRecord]:
    """The next records of the share, as many as are expected."""
    records: list[SharedRecord] = []
    deadline = monotonic() + PATIENCE
    while len(records) < number and monotonic() < deadline:
        records += broker.acquire("packers", number - len(records), wait=1.0)
    return records


def test_records_come_with_their_delivery_count(work: Work) -> None:
    assert [record.value for record in work.first] == [b"0", b"1", b"2", b"3"]
    assert {record.deliveries for record in work.first} == {1}


def test_what_is_given_back_comes_again(work: Work) -> None:
    assert [(record.value, record.deliveries) for record in work.again] == [(b"1", 2), (b"3", 2)]


def test_what_is_rejected_is_a_letter_of_its_topic(work: Work) -> None:
    deadline = monotonic() + PATIENCE
    while not (letters := work.broker.dead_letters("jobs")) and monotonic() < deadline:
        continue
    (letter,) = letters
    assert letter.dead is not None
    assert (letter.value, letter.dead.source) == (b"2", "jobs/0@2")


def test_only_its_own_member_settles_a_record(work: Work) -> None:
    with open_place(work.url) as other, pytest.raises(Unsupported, match="receipts"):
        other.ack([work.first[0].receipt])


def test_an_acknowledgement_may_be_repeated(work: Work) -> None:
    work.broker.ack([work.first[0].receipt])


def test_settings_are_those_of_the_group(work: Work) -> None:
    config = work.broker.share("packers").config
    assert (config.lease, config.max_deliveries, config.dlq) == (45_000, 3, "dlq.jobs")
    assert work.broker.alter_share("packers", lease=30).config.lease == 30_000
    assert [share.topic for share in work.broker.shares()] == ["jobs"]
    assert work.broker.kind("packers") == "share"


def test_its_partitions_are_unknown_and_no_0(work: Work) -> None:
    assert work.broker.share("packers").partitions == []


def test_its_note_is_no_group(work: Work) -> None:
    assert "mq.share.packers" not in {group.name for group in work.broker.groups()}


def test_a_share_is_created_once(work: Work) -> None:
    with pytest.raises(Exists):
        work.broker.create_share("packers", "jobs")
    work.broker.create_share("packers", "jobs", if_not_exists=True)


def test_a_dlq_that_the_servers_never_write_to_is_refused(work: Work) -> None:
    with pytest.raises(BadInput, match="dlq"):
        work.broker.alter_share("packers", dlq="jobs")
    with pytest.raises(NotFound):
        work.broker.alter_share("packers", dlq="dlq.missing")


def test_it_begins_where_kafka_can(work: Work) -> None:
    with pytest.raises(BadInput):
        work.broker.create_share("other", "jobs", start=Position("offset", 2))
    work.broker.create_share("late", "jobs", start="latest")
    work.broker.delete_share("late")
    with pytest.raises(NotFound):
        work.broker.share("late")


@pytest.mark.parametrize("call", ["in_flight", "plan_share_reset", "release_record"])
def test_the_rest_is_refused(work: Work, call: str) -> None:
    given = {"plan_share_reset": [Position("earliest")]}.get(call, [])
    with pytest.raises(Unsupported):
        getattr(work.broker, call)("packers", *given)
