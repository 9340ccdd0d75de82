"""Subscriptions: messages one by one, received many at a time, and given back at the end."""

from __future__ import annotations

import asyncio
import gc
from pathlib import Path

import pytest

from mq.aio import Store, Subscription
from store import BadInput, LeaseLost, Store as SyncStore
from store.model.clock import ManualClock
from tests.store.test_aio import run
from tests.support.processes import PATIENCE


async def filled(store: Store, count: int) -> None:
    await store.send_many("jobs", [str(n) for n in range(count)])


async def settled(store: Store) -> tuple[int, int, int]:
    """How many messages are ready, leased and acknowledged, once nothing is under way."""
    while store._committing._waiting:
        await asyncio.sleep(0)
    status = await store.queue("jobs")
    return status.ready, status.leased or 0, status.acknowledged or 0


def test_a_loop_gets_every_message_in_order(path: Path) -> None:
    async def work(store: Store) -> list[str]:
        await filled(store, 250)
        taken: list[str] = []
        async for message in store.subscribe("jobs", prefetch=100):
            taken.append((message.value or b"").decode())
            await store.ack([message.receipt or ""])
            if len(taken) == 250:
                break
        assert await settled(store) == (0, 0, 250)
        return taken

    assert run(path, work) == [str(n) for n in range(250)]


def test_a_loop_waits_for_messages_that_are_sent_later(path: Path) -> None:
    async def work(store: Store) -> bytes | None:
        async with store.subscribe("jobs") as messages:
            following = asyncio.ensure_future(anext(messages))
            while not store._room._lines:
                await asyncio.sleep(0)
            await store.send("jobs", "late")
            return (await following).value

    assert run(path, work) == b"late"


def test_no_more_than_the_prefetch_is_leased(path: Path) -> None:
    async def work(store: Store) -> None:
        await filled(store, 50)
        async with store.subscribe("jobs", prefetch=10) as messages:
            for _ in range(10):
                await anext(messages)
            following = asyncio.ensure_future(anext(messages))
            assert (await settled(store))[1] == 10
            assert not following.done()
            following.cancel()

    run(path, work)


def test_a_settled_message_makes_room_for_another(path: Path) -> None:
    async def work(store: Store) -> bytes | None:
        await filled(store, 2)
        async with store.subscribe("jobs", prefetch=1) as messages:
            first = await anext(messages)
            following = asyncio.ensure_future(anext(messages))
            await asyncio.sleep(0)
            await store.nack([first.receipt or ""], delay=60)
            return (await following).value

    assert run(path, work) == b"1"


def test_a_lease_that_lapsed_makes_room_too(path: Path) -> None:
    async def work(store: Store) -> bytes | None:
        await filled(store, 2)
        async with store.subscribe("jobs", prefetch=1, lease=0.05) as messages:
            await anext(messages)
            return (await anext(messages)).value

    assert run(path, work) in {b"0", b"1"}


def test_at_the_end_of_its_block_what_the_loop_has_not_got_is_given_back(path: Path) -> None:
    async def work(store: Store) -> tuple[int, int, int]:
        await filled(store, 30)
        async with store.subscribe("jobs", prefetch=20) as messages:
            message = await anext(messages)
            await store.ack([message.receipt or ""])
        return await settled(store)

    assert run(path, work) == (29, 0, 1)
    with SyncStore.open(path) as store:
        assert {m.deliveries for m in store.messages("jobs")} == {0}


def test_a_loop_that_is_left_gives_back_what_it_has_not_got(path: Path) -> None:
    async def work(store: Store) -> tuple[int, int, int]:
        await filled(store, 30)
        async for message in store.subscribe("jobs", prefetch=20):
            await store.ack([message.receipt or ""])
            break
        gc.collect()
        await asyncio.sleep(0)
        return await settled(store)

    assert run(path, work) == (29, 0, 1)


def test_a_closed_store_has_given_back_what_its_loops_have_not_got(path: Path) -> None:
    kept: list[Subscription] = []

    async def work(store: Store) -> None:
        await filled(store, 30)
        kept.append(store.subscribe("jobs", prefetch=20))
        message = await anext(kept[0])
        await store.ack([message.receipt or ""])

    run(path, work)
    with SyncStore.open(path) as store:
        status = store.queue("jobs")
        assert (status.ready, status.leased) == (29, 0)


def test_a_loop_that_waits_ends_with_the_store(path: Path) -> None:
    async def work(store: Store) -> None:
        async def loop() -> str:
            async for _ in store.subscribe("jobs"):
                pass
            return "ended"

        task = asyncio.create_task(loop())
        while not store._room._lines:
            await asyncio.sleep(0)
        await store.close()
        assert await task == "ended"

    run(path, work)


@pytest.mark.parametrize("steps", range(0, 24, 2))
def test_a_loop_that_is_cancelled_at_any_step_leaves_nothing_leased(path: Path, steps: int) -> None:
    async def work(store: Store) -> None:
        await filled(store, 30)

        async def loop() -> None:
            async with store.subscribe("jobs", prefetch=8) as messages:
                async for message in messages:
                    await store.ack([message.receipt or ""])

        task = asyncio.create_task(loop())
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        ready, leased, acknowledged = await settled(store)
        # The one in hand may be leased: its ack was cancelled, and is stored or is not.
        assert leased <= 1
        assert ready + leased + acknowledged == 30

    run(path, work)


def test_acknowledgements_that_are_not_awaited_share_commits(path: Path) -> None:
    async def work(store: Store) -> tuple[int, int, int]:
        await filled(store, 100)
        async with store.subscribe("jobs") as messages:
            for _ in range(100):
                messages.ack(await anext(messages))
        return await settled(store)

    assert run(path, work) == (0, 0, 100)


def test_an_awaited_acknowledgement_is_stored_or_raises(path: Path) -> None:
    async def work(store: Store) -> None:
        await filled(store, 2)
        async with store.subscribe("jobs") as messages:
            first, second = await anext(messages), await anext(messages)
            await messages.ack(first)
            assert (await store.queue("jobs")).acknowledged == 1
            await store.nack([second.receipt or ""], delay=60)
            with pytest.raises(LeaseLost):
                await messages.ack(second)

    run(path, work)


def test_a_refusal_that_was_not_awaited_is_raised_at_the_end(path: Path) -> None:
    async def work(store: Store) -> None:
        await filled(store, 1)
        messages = store.subscribe("jobs")
        message = await anext(messages)
        await store.nack([message.receipt or ""], delay=60)
        messages.ack(message)
        with pytest.raises(LeaseLost):
            await messages.aclose()

    run(path, work)


def test_each_message_goes_to_one_of_many_subscribers(path: Path) -> None:
    async def work(store: Store) -> list[str]:
        taken: list[str] = []

        async def loop() -> None:
            async for message in store.subscribe("jobs", prefetch=7):
                taken.append((message.value or b"").decode())
                await store.ack([message.receipt or ""])

        tasks = [asyncio.create_task(loop()) for _ in range(20)]
        for first in range(0, 300, 50):
            await store.send_many("jobs", [str(n) for n in range(first, first + 50)])
        async with asyncio.timeout(PATIENCE):
            while len(taken) < 300:
                await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        return taken

    taken = run(path, work)
    assert sorted(taken, key=int) == [str(n) for n in range(300)]


def test_a_message_group_is_handled_in_order_by_subscribers_that_share_it(path: Path) -> None:
    async def work(store: Store) -> list[str]:
        await store.create_queue("fifo", fifo=True)
        taken: list[str] = []

        async def loop() -> None:
            async for message in store.subscribe("fifo", prefetch=3):
                taken.append((message.value or b"").decode())
                await store.ack([message.receipt or ""])

        tasks = [asyncio.create_task(loop()) for _ in range(4)]
        for n in range(30):
            await store.send("fifo", str(n), message_group="g", dedup_id=str(n))
        async with asyncio.timeout(PATIENCE):
            while len(taken) < 30:
                await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        return taken

    assert run(path, work) == [str(n) for n in range(30)]


def test_a_prefetch_of_nothing_is_refused(path: Path) -> None:
    async def work(store: Store) -> None:
        with pytest.raises(BadInput):
            store.subscribe("jobs", prefetch=0)

    run(path, work, clock=ManualClock())
