"""Coroutines for every call, which share commits and give back what a cancelled task received."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest

from mq.aio import Store
from store import Busy, LeaseLost, NotFound, Store as SyncStore, StoreUnusable
from store.aio import AsyncTransaction
from store.api.transaction import Transaction as SyncTransaction
from tests.support.processes import PATIENCE, finish, hear, start

T = TypeVar("T")
Work = Callable[[Store], Awaitable[T]]

# Calls about files that are not open, and parts of a store that are objects of their own.
APART = {"contents", "damage_behind", "restore", "salvage", "verify_file", "open"}
BLOCKS = {"consumer", "producer", "transaction"}
WITHOUT = {"batch"}
IN_SEQUENCE = {"produce_in_sequence", "publish_in_sequence", "send_in_sequence"}


def run(path: Path, work: Work[T], **settings: Any) -> T:
    """Run a coroutine with an open store that has the queue `jobs`."""

    async def main() -> T:
        async with Store.open(path, create=True, durability="normal", **settings) as store:
            await store.create_queue("jobs", if_not_exists=True)
            return await work(store)

    return asyncio.run(main())


def public_calls(kind: type) -> set[str]:
    names = {name for name, _ in inspect.getmembers(kind, inspect.isfunction)}
    return {name for name in names if not name.startswith("_")}


def parameters(call: Callable[..., object]) -> list[tuple[str, object, object, str]]:
    found = inspect.signature(call).parameters.values()
    return [(p.name, p.kind, p.default, str(p.annotation)) for p in found if p.name != "self"]


async def number_of_next_commit(store: Store) -> int:
    def number(sync: SyncStore) -> int:
        with sync._database.write() as tx:
            return tx.number

    return await store._threads.change(lambda: number(store._store))


@pytest.mark.parametrize("name", sorted(public_calls(SyncStore) - APART - BLOCKS - WITHOUT))
def test_every_call_of_a_store_has_its_coroutine(name: str) -> None:
    call = getattr(Store, name)

    assert inspect.iscoroutinefunction(call)
    assert parameters(call) == parameters(getattr(SyncStore, name))


@pytest.mark.parametrize("name", sorted(public_calls(SyncTransaction) - IN_SEQUENCE - {"commit"}))
def test_every_call_of_a_transaction_has_its_coroutine(name: str) -> None:
    call = getattr(AsyncTransaction, name)

    assert inspect.iscoroutinefunction(call)
    assert parameters(call) == parameters(getattr(SyncTransaction, name))


@pytest.mark.parametrize("name", ["open", "transaction"])
def test_a_block_is_opened_by_the_same_arguments(name: str) -> None:
    assert parameters(getattr(Store, name))[-1:] == parameters(getattr(SyncStore, name))[-1:]


def test_a_store_may_be_awaited_instead_of_a_block(path: Path) -> None:
    async def main() -> list[Any]:
        store = await Store.open(path, create=True)
        try:
            return await store.queues()
        finally:
            await store.close()

    assert asyncio.run(main()) == []


def test_sends_of_concurrent_tasks_are_one_commit(path: Path) -> None:
    async def work(store: Store) -> tuple[int, int]:
        before = await number_of_next_commit(store)
        await asyncio.gather(*(store.send("jobs", str(n)) for n in range(50)))
        return await number_of_next_commit(store) - before, (await store.queue("jobs")).ready

    assert run(path, work) == (1, 50)


def test_each_task_gets_its_own_result_or_error(path: Path) -> None:
    async def work(store: Store) -> list[Any]:
        await store.alter_queue("jobs", max_message=3)
        calls = [store.send("jobs", "a"), store.send("jobs", "long"), store.send("none", "b")]
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
        return [type(outcome).__name__ for outcome in outcomes]

    assert run(path, work) == ["MessageId", "BadRecord", "NotFound"]


def test_receive_and_ack(path: Path) -> None:
    async def work(store: Store) -> list[bytes | None]:
        await store.send("jobs", "a")
        (message,) = await store.receive("jobs")
        await store.ack([message.receipt or ""])
        with pytest.raises(LeaseLost):
            await store.nack([message.receipt or ""])
        return [message.value, *(m.value for m in await store.receive("jobs"))]

    assert run(path, work) == [b"a"]


def test_topics_and_exchanges(path: Path) -> None:
    async def work(store: Store) -> tuple[list[Any], int]:
        await store.create_topic("orders")
        await store.create_exchange("events", "fanout")
        await store.bind("events", "orders")
        await store.produce("orders", "a")
        await store.produce_many("orders", ["b", "c"])
        await store.publish("events", "", "d")
        records = await store.read("orders")
        return [record.value for record in records], (await store.topic("orders")).partitions[0].end

    assert run(path, work) == ([b"a", b"b", b"c", b"d"], 4)


def test_a_receive_waits_for_a_send_of_another_task(path: Path) -> None:
    async def work(store: Store) -> bytes | None:
        receiving = asyncio.create_task(store.receive("jobs", wait=PATIENCE))
        while not store._room._lines:
            await asyncio.sleep(0)
        await store.send("jobs", "late")
        return (await receiving)[0].value

    assert run(path, work) == b"late"


def test_a_receive_waits_for_a_send_by_the_synchronous_store(path: Path) -> None:
    async def work(store: Store) -> bytes | None:
        receiving = asyncio.create_task(store.receive("jobs", wait=PATIENCE))
        while not store._room._lines:
            await asyncio.sleep(0)
        with SyncStore.open(path) as other:
            other.send("jobs", "from beside")
        return (await receiving)[0].value

    assert run(path, work) == b"from beside"


def test_a_receive_waits_for_the_end_of_a_delay(path: Path) -> None:
    async def work(store: Store) -> int:
        await store.send("jobs", "later", delay=0.05)
        return len(await store.receive("jobs", wait=PATIENCE))

    assert run(path, work) == 1


def test_a_receive_of_nothing_is_refused_alone(path: Path) -> None:
    async def work(store: Store) -> list[str]:
        await store.send("jobs", "a")
        calls = [store.receive("jobs", 0), store.receive("jobs"), store.receive("jobs", "x")]  # type: ignore[arg-type]
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
        return [type(outcome).__name__ for outcome in outcomes]

    assert run(path, work) == ["BadInput", "list", "BadInput"]


def test_a_receive_with_automatic_acknowledgement_leaves_no_lease(path: Path) -> None:
    async def work(store: Store) -> tuple[int, int | None]:
        await store.send_many("jobs", ["a", "b"])
        taken = await asyncio.gather(*(store.receive("jobs", auto_ack=True) for _ in range(2)))
        return sum(map(len, taken)), (await store.queue("jobs")).leased

    assert run(path, work) == (2, 0)


def test_a_receive_gives_up_after_its_wait(path: Path) -> None:
    async def work(store: Store) -> list[Any]:
        return [*await store.receive("jobs", wait=0.01), *await store.receive("jobs")]

    assert run(path, work) == []


def test_a_wait_ends_early_when_the_caller_says_so(path: Path) -> None:
    async def work(store: Store) -> list[Any]:
        return list(await store.receive("jobs", wait=PATIENCE, until=lambda: True))

    assert run(path, work) == []


@pytest.mark.parametrize("steps", range(12))
def test_a_receive_that_is_cancelled_at_any_step_leaves_nothing_leased(
    path: Path, steps: int
) -> None:
    async def work(store: Store) -> None:
        await store.send_many("jobs", ["a", "b", "c"])
        task = asyncio.create_task(store.receive("jobs", 3))
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        if not task.cancelled():
            await store.unreceive([m.receipt or "" for m in task.result()])

    run(path, work)
    with SyncStore.open(path) as store:
        status = store.queue("jobs")
        assert (status.ready, status.leased) == (3, 0)
        assert all(m.deliveries == 0 for m in store.messages("jobs"))


def test_a_receive_that_is_cancelled_while_its_batch_runs_is_given_back(path: Path) -> None:
    async def work(store: Store) -> None:
        await store.send("jobs", "a")
        held, go = threading.Event(), threading.Event()

        def hold() -> None:
            with store._store.transaction(timeout=PATIENCE):
                held.set()
                go.wait(PATIENCE)

        thread = threading.Thread(target=hold)
        thread.start()
        await asyncio.to_thread(held.wait, PATIENCE)
        task = asyncio.create_task(store.receive("jobs"))
        while not store._committing._committer.calls:
            await asyncio.sleep(0)
        go.set()
        while store._committing._committer.calls:
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        thread.join(PATIENCE)
        assert task.cancelled()

    run(path, work)
    with SyncStore.open(path) as store:
        assert store.queue("jobs").ready == 1


def test_a_call_that_waits_too_long_for_the_lock_is_refused(path: Path) -> None:
    SyncStore.open(path, create=True).create_topic("orders")

    async def work(store: Store) -> None:
        with start("hold", path) as process:
            assert await asyncio.to_thread(hear, process) == "held"
            with pytest.raises(Busy):
                await store.send("jobs", "late")
            await asyncio.to_thread(finish, process)
        await store.send("jobs", "in time")

    run(path, work, timeout=0.5)


def test_threads_and_tasks_share_commits(path: Path) -> None:
    async def work(store: Store) -> int:
        def send() -> None:
            for n in range(20):
                store._store.send("jobs", f"thread {n}")

        threads = [threading.Thread(target=send) for _ in range(4)]
        for thread in threads:
            thread.start()
        await asyncio.gather(*(store.send("jobs", f"task {n}") for n in range(80)))
        for thread in threads:
            await asyncio.to_thread(thread.join, PATIENCE)
        return (await store.queue("jobs")).ready

    assert run(path, work) == 160


def test_a_wait_for_a_commit_ends_with_one(path: Path) -> None:
    async def work(store: Store) -> bool:
        since = await store.changed()
        await store.send("jobs", "a")
        return await store.wait(since, PATIENCE)

    assert run(path, work)


def test_a_closed_store_refuses_calls_and_wakes_those_that_wait(path: Path) -> None:
    async def work(store: Store) -> None:
        receiving = asyncio.create_task(store.receive("jobs", wait=PATIENCE))
        while not store._room._lines:
            await asyncio.sleep(0)
        await store.close()
        with pytest.raises(StoreUnusable):
            await receiving
        with pytest.raises(StoreUnusable):
            await store.send("jobs", "late")

    run(path, work)


def test_a_handful_of_threads_serves_any_number_of_tasks(path: Path) -> None:
    async def work(store: Store) -> int:
        before = threading.active_count()
        tasks = [asyncio.create_task(store.receive("jobs", wait=PATIENCE)) for _ in range(200)]
        await asyncio.gather(*(store.queue("jobs") for _ in range(50)))
        await asyncio.gather(*(store.send("jobs", str(n)) for n in range(200)))
        await asyncio.gather(*tasks)
        return threading.active_count() - before

    assert run(path, work) <= 5


def test_a_missing_queue_is_told_to_each_task_that_waits(path: Path) -> None:
    async def work(store: Store) -> None:
        receiving = asyncio.create_task(store.receive("jobs", wait=PATIENCE))
        while not store._room._lines:
            await asyncio.sleep(0)
        await store.delete_queue("jobs")
        with pytest.raises(NotFound):
            await receiving

    run(path, work)
