"""A producer that buffers, for asyncio."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from mq.aio import Store
from store import BadRecord, MessageId, Store as SyncStore, StoreUnusable, TimedOut
from tests.store.test_aio import number_of_next_commit, run
from tests.support.processes import PATIENCE


async def stored(store: Store) -> list[str]:
    return [(record.value or b"").decode() for record in await store.read("orders", limit=10_000)]


def test_records_that_wait_together_are_one_commit(path: Path) -> None:
    async def work(store: Store) -> tuple[int, list[str]]:
        await store.create_topic("orders")
        before = await number_of_next_commit(store)
        async with store.producer(linger=PATIENCE) as producer:
            futures = [await producer.produce("orders", str(n)) for n in range(50)]
            assert not any(future.done() for future in futures)
            await producer.flush()
        assert [future.result() for future in futures if future.exception()] == []
        return await number_of_next_commit(store) - before, await stored(store)

    assert run(path, work) == (1, [str(n) for n in range(50)])


def test_without_a_linger_records_of_one_turn_go_together(path: Path) -> None:
    async def work(store: Store) -> int:
        await store.create_topic("orders")
        before = await number_of_next_commit(store)
        async with store.producer() as producer:
            await asyncio.gather(*[await producer.produce("orders", str(n)) for n in range(50)])
        return await number_of_next_commit(store) - before

    assert run(path, work) == 1


def test_a_refused_message_tells_its_own_future_alone(path: Path) -> None:
    async def work(store: Store) -> list[str]:
        await store.alter_queue("jobs", max_message=3)
        async with store.producer(linger=PATIENCE) as producer:
            futures = [await producer.send("jobs", value) for value in ("a", "long", "b")]
            await producer.flush()
        return [type(future.exception()).__name__ for future in futures]

    assert run(path, work) == ["NoneType", "BadRecord", "NoneType"]


def test_a_full_buffer_holds_the_task_up_until_there_is_room(path: Path) -> None:
    async def work(store: Store) -> int:
        await store.create_topic("orders")
        async with store.producer(linger=PATIENCE, buffer_bytes=10_000) as producer:
            for _ in range(100):
                await producer.produce("orders", "x" * 900)
                assert producer._bytes <= 10_000
        return len(await stored(store))

    assert run(path, work) == 100


def test_a_named_producer_that_begins_anew_stores_nothing_twice(path: Path) -> None:
    async def work(store: Store) -> tuple[list[str], list[bool]]:
        await store.create_topic("orders")
        for count in (20, 30):
            async with store.producer("load") as producer:
                futures = [await producer.produce("orders", str(n)) for n in range(count)]
                ids = await asyncio.gather(*futures)
            assert await producer.stored("orders") == count
        return await stored(store), [id is None for id in ids]

    values, skipped = run(path, work)
    assert values == [str(n) for n in range(30)]
    assert skipped == [n < 20 for n in range(30)]


def test_a_named_producer_stops_at_its_first_error(path: Path) -> None:
    async def work(store: Store) -> None:
        await store.alter_queue("jobs", max_message=3)
        async with store.producer("load", linger=PATIENCE) as producer:
            bad = await producer.send("jobs", "long")
            await producer.flush()
            later = await producer.send("jobs", "b")
            await producer.flush()
        assert isinstance(bad.exception(), BadRecord)
        assert isinstance(later.exception(), BadRecord)

    run(path, work)


def test_a_flush_gives_up_after_its_timeout(path: Path) -> None:
    async def work(store: Store) -> None:
        async with store.producer(linger=PATIENCE) as producer:
            async with store.transaction() as tx:
                future = await producer.send("jobs", "a")
                with pytest.raises(TimedOut):
                    await producer.flush(timeout=0.01)
                await tx.send("jobs", "b")
            await future

    run(path, work)


def test_a_closed_store_has_stored_what_was_in_the_buffer(path: Path) -> None:
    async def work(store: Store) -> asyncio.Future[MessageId | None]:
        return await store.producer(linger=PATIENCE).send("jobs", "a")

    assert run(path, work).done()
    with SyncStore.open(path) as store:
        assert store.queue("jobs").ready == 1


def test_a_closed_producer_takes_nothing(path: Path) -> None:
    async def work(store: Store) -> None:
        producer = store.producer()
        await producer.close()
        with pytest.raises(StoreUnusable):
            await producer.send("jobs", "late")

    run(path, work)
