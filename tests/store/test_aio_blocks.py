"""Transactions, consumers and readers of groups for asyncio."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from mq.aio import Store
from store import Fenced, MqError, Store as SyncStore, TimedOut
from tests.store.test_aio import run


async def with_orders(store: Store, count: int) -> None:
    await store.create_topic("orders")
    await store.produce_many("orders", [str(n) for n in range(count)])


async def committed(store: Store) -> int | None:
    (lag,) = await store.lag("billing")
    return lag.committed


def test_a_transaction_is_stored_whole(path: Path) -> None:
    async def work(store: Store) -> tuple[int | None, int]:
        await with_orders(store, 0)
        async with store.transaction() as tx:
            await tx.execute("create table ledger (id integer)")
            await tx.send("jobs", "a")
            await tx.produce("orders", "b")
        return (await store.queue("jobs")).ready, (await store.topic("orders")).partitions[0].end

    assert run(path, work) == (1, 1)


def test_a_transaction_that_fails_stores_nothing(path: Path) -> None:
    async def work(store: Store) -> int | None:
        async def fail() -> None:
            async with store.transaction() as tx:
                await tx.send("jobs", "a")
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await fail()
        await store.send("jobs", "b")
        return (await store.queue("jobs")).ready

    assert run(path, work) == 1


@pytest.mark.parametrize("steps", range(10))
def test_a_task_that_is_cancelled_in_a_transaction_stores_nothing_and_holds_up_none(
    path: Path, steps: int
) -> None:
    async def work(store: Store) -> None:
        reached = asyncio.Event()

        async def transact() -> None:
            async with store.transaction() as tx:
                await tx.send("jobs", "a")
                reached.set()
                await asyncio.Event().wait()

        task = asyncio.create_task(transact())
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        await store.create_queue("other")
        assert (await store.queue("jobs")).ready == 0

    run(path, work)


def test_a_call_of_the_store_within_a_block_is_refused_at_once(path: Path) -> None:
    async def work(store: Store) -> None:
        async with store.transaction():
            with pytest.raises(MqError, match="transaction open"):
                await store.send("jobs", "a")
            with pytest.raises(MqError, match="transaction open"):
                await store.create_queue("other")
        await store.send("jobs", "b")

    run(path, work)


def test_other_tasks_wait_for_the_end_of_a_transaction(path: Path) -> None:
    async def work(store: Store) -> None:
        async with store.transaction() as tx:
            sending = asyncio.ensure_future(in_new_task(store))
            await tx.send("jobs", "first")
            assert not sending.done()
        await sending
        assert [m.value for m in await store.messages("jobs")] == [b"first", b"second"]

    async def in_new_task(store: Store) -> None:
        from store.aio.threads import current_transaction

        current_transaction.set(None)
        await store.send("jobs", "second")

    run(path, work)


def test_a_transaction_past_its_time_stores_nothing(path: Path) -> None:
    async def work(store: Store) -> None:
        with pytest.raises(TimedOut):
            async with store.transaction(timeout=0) as tx:
                await tx.send("jobs", "late")
        assert (await store.queue("jobs")).ready == 0

    run(path, work)


def test_a_consumer_polls_and_commits(path: Path) -> None:
    async def work(store: Store) -> int | None:
        await with_orders(store, 5)
        async with store.consumer("billing", ["orders"]) as consumer:
            assert len(await consumer.poll(3)) == 3
            await consumer.commit()
        return await committed(store)

    assert run(path, work) == 3


def test_a_consumer_commits_with_a_transaction(path: Path) -> None:
    async def work(store: Store) -> int | None:
        await with_orders(store, 5)
        async with store.consumer("billing", ["orders"]) as consumer:
            await consumer.poll(3)
            async with store.transaction() as tx:
                await tx.send("jobs", "sum of 3")
                await tx.commit("billing", consumer.position, consumer)
        return await committed(store)

    assert run(path, work) == 3


def test_a_consumer_outside_of_its_block_is_fenced(path: Path) -> None:
    async def work(store: Store) -> None:
        await with_orders(store, 1)
        async with store.consumer("billing", ["orders"]) as consumer:
            pass
        with pytest.raises(Fenced):
            await consumer.poll()

    run(path, work)


def test_a_group_is_read_record_by_record_and_committed(path: Path) -> None:
    async def work(store: Store) -> tuple[list[bytes | None], int | None]:
        await with_orders(store, 5)
        taken = []
        async with store.read_group("billing", ["orders"]) as records:
            async for record in records:
                taken.append(record.value)
                if len(taken) == 5:
                    break
        return taken, await committed(store)

    # The loop was left with the last record in hand: it is read again.
    assert run(path, work) == ([b"0", b"1", b"2", b"3", b"4"], 4)


def test_a_group_reader_waits_for_records(path: Path) -> None:
    async def work(store: Store) -> bytes | None:
        await with_orders(store, 0)
        async with store.read_group("billing", ["orders"]) as records:
            following = asyncio.ensure_future(anext(records))
            while not store._room._listeners:
                await asyncio.sleep(0)
            await store.produce("orders", "late")
            return (await following).value

    assert run(path, work) == b"late"


def test_a_loop_over_a_group_that_waits_ends_with_the_store(path: Path) -> None:
    async def work(store: Store) -> None:
        await with_orders(store, 0)

        async def loop() -> str:
            async for _ in store.read_group("billing", ["orders"]):
                pass
            return "ended"

        task = asyncio.create_task(loop())
        while not store._room._listeners:
            await asyncio.sleep(0)
        await store.close()
        assert await task == "ended"

    run(path, work)


def test_a_group_goes_on_where_it_was_committed(path: Path) -> None:
    async def work(store: Store) -> list[bytes | None]:
        await with_orders(store, 6)
        taken = []
        for _ in range(2):
            async with store.read_group("billing", ["orders"], max_records=2) as records:
                for _ in range(3):
                    taken.append((await anext(records)).value)
                records.done()
        return taken

    assert run(path, work) == [b"%d" % n for n in range(6)]


def test_a_loop_over_a_group_that_is_left_has_committed_what_it_was_done_with(path: Path) -> None:
    async def work(store: Store) -> None:
        await with_orders(store, 3)
        async for record in store.read_group("billing", ["orders"]):
            if record.offset == 1:
                break

    run(path, work)
    with SyncStore.open(path) as store, store.consumer("billing", ["orders"]) as consumer:
        assert [record.value for record in consumer.poll(timeout=0)] == [b"1", b"2"]
