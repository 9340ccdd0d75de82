"""A producer that buffers: futures, a linger, back pressure, and no record twice."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import wait

import pytest

from store import BadInput, BadRecord, Fenced, NotFound, RecordId, Store, StoreUnusable, TimedOut
from store.api.buffering import BufferedProducer
from tests.store.test_group_commit import number_of_next_commit
from tests.support.processes import PATIENCE


@pytest.fixture
def topics(store: Store) -> Store:
    """A store with the topic `orders` and the queue `jobs`."""
    store.create_topic("orders")
    store.create_queue("jobs", max_message=100)
    return store


@pytest.fixture
def patient(topics: Store) -> Iterator[BufferedProducer]:
    """A producer that stores nothing until it is flushed or closed."""
    with topics.producer(linger=PATIENCE) as producer:
        yield producer


def stored(store: Store) -> list[str]:
    return [(record.value or b"").decode() for record in store.read("orders", limit=10_000)]


def test_a_future_has_the_id_once_the_record_is_stored(
    topics: Store, patient: BufferedProducer
) -> None:
    future = patient.produce("orders", "a")
    assert not future.done()
    assert stored(topics) == []

    patient.flush(PATIENCE)

    assert future.result() == RecordId("orders", 0, 0)
    assert stored(topics) == ["a"]


def test_records_that_wait_together_are_one_commit(
    topics: Store, patient: BufferedProducer
) -> None:
    before = number_of_next_commit(topics)
    for n in range(50):
        patient.produce("orders", str(n))
        patient.send("jobs", str(n))
    patient.flush(PATIENCE)

    assert number_of_next_commit(topics) - before <= 2
    assert stored(topics) == [str(n) for n in range(50)]
    assert topics.queue("jobs").ready == 50


def test_a_record_is_stored_after_the_linger_by_itself(topics: Store) -> None:
    with topics.producer(linger=0.001) as producer:
        assert producer.produce("orders", "a").result(PATIENCE) is not None


def test_a_close_stores_what_is_in_the_buffer(topics: Store) -> None:
    with topics.producer(linger=PATIENCE) as producer:
        futures = [producer.produce("orders", str(n)) for n in range(1500)]

    assert all(future.done() for future in futures)
    assert stored(topics) == [str(n) for n in range(1500)]


def test_a_refused_record_tells_its_own_future_alone(
    topics: Store, patient: BufferedProducer
) -> None:
    futures = [patient.send("jobs", value) for value in ("a", "x" * 101, "b")]
    missing = patient.produce("none", "c")
    patient.flush(PATIENCE)

    assert [type(future.exception()) for future in futures] == [type(None), BadRecord, type(None)]
    assert isinstance(missing.exception(), NotFound)
    assert topics.queue("jobs").ready == 2


def test_no_bytes_are_refused_at_once(patient: BufferedProducer) -> None:
    with pytest.raises(BadInput):
        patient.produce("orders", 17)  # type: ignore[arg-type]


def test_a_future_can_not_be_cancelled(patient: BufferedProducer) -> None:
    assert not patient.produce("orders", "a").cancel()


def test_a_full_buffer_holds_the_producer_up_until_there_is_room(topics: Store) -> None:
    with topics.producer(linger=PATIENCE, buffer_bytes=10_000) as producer:
        futures = [producer.produce("orders", "x" * 900) for _ in range(100)]
        assert sum(not future.done() for future in futures) <= 10


def test_a_buffer_that_stays_full_refuses_after_the_timeout(topics: Store) -> None:
    with topics.producer(linger=0, buffer_bytes=1) as producer, topics.transaction():
        # That of the store also ends the wait for the transaction, which makes room.
        producer._timeout = 0.01
        producer.produce("orders", "a")
        with pytest.raises(TimedOut):
            producer.produce("orders", "b")


def test_a_closed_producer_takes_nothing(topics: Store) -> None:
    producer = topics.producer(linger=0)
    producer.close()

    with pytest.raises(StoreUnusable):
        producer.produce("orders", "late")


def test_an_error_of_the_file_reaches_every_future(topics: Store) -> None:
    producer = topics.producer(linger=PATIENCE)
    future = producer.produce("orders", "a")
    topics.close()
    producer.close()

    assert isinstance(future.exception(), StoreUnusable)


def test_a_named_producer_that_begins_anew_stores_nothing_twice(topics: Store) -> None:
    values = [str(n) for n in range(30)]
    with topics.producer("load", linger=0) as producer:
        for value in values[:20]:
            producer.produce("orders", value)
    with topics.producer("load", linger=0) as producer:
        assert producer.stored("orders") == 20
        ids = [
            future.result(PATIENCE) for future in [producer.produce("orders", v) for v in values]
        ]

    assert stored(topics) == values
    assert [id is None for id in ids] == [n < 20 for n in range(30)]


def test_a_named_producer_stops_at_its_first_error(topics: Store) -> None:
    with topics.producer("load", linger=PATIENCE) as producer:
        first = producer.send("jobs", "a")
        producer.flush(PATIENCE)
        bad = producer.send("jobs", "x" * 101)
        producer.flush(PATIENCE)
        later = producer.send("jobs", "b")
        producer.flush(PATIENCE)

    assert first.exception() is None
    assert isinstance(bad.exception(), BadRecord)
    assert isinstance(later.exception(), BadRecord)
    assert topics.queue("jobs").ready == 1


def test_a_newer_incarnation_fences_the_older_one(topics: Store) -> None:
    with topics.producer("load", linger=PATIENCE) as older:
        future = older.produce("orders", "old")
        with topics.producer("load", linger=PATIENCE) as newer:
            newer.produce("orders", "new")
        older.flush(PATIENCE)

    assert isinstance(future.exception(), Fenced)
    assert stored(topics) == ["new"]


def test_threads_may_share_a_producer_and_keep_the_order_of_each(topics: Store) -> None:
    with topics.producer(linger=0) as producer:

        def load(name: str) -> None:
            wait([producer.produce("orders", f"{name}{n:03}") for n in range(100)])

        threads = [threading.Thread(target=load, args=(name,)) for name in "abcd"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)

    for name in "abcd":
        own = [value for value in stored(topics) if value.startswith(name)]
        assert own == [f"{name}{n:03}" for n in range(100)]


@pytest.mark.parametrize("make", [lambda store: store.producer()])
def test_a_producer_has_a_name_or_a_linger(topics: Store, make: Callable[[Store], object]) -> None:
    with pytest.raises(BadInput):
        make(topics)


def test_a_producer_without_a_name_is_not_remembered(patient: BufferedProducer) -> None:
    with pytest.raises(BadInput):
        patient.stored("orders")
