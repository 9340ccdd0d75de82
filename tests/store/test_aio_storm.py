"""A thousand tasks that are cancelled at random: nothing lost, doubled, or left leased."""

from __future__ import annotations

import asyncio
import os
import random
from collections import Counter
from pathlib import Path

import pytest

from mq.aio import Store
from store import Message, Store as SyncStore
from store.model.clock import ManualClock
from tests.store.test_aio import run
from tests.support.queue_invariants import check_queue_invariants

TASKS = 1000
LEASE = 30


class Told:
    """What tasks were told: values by the calls that returned, or were begun."""

    def __init__(self) -> None:
        self.sent: set[str] = set()
        self.sending: set[str] = set()
        self.acked: Counter[str] = Counter()
        self.acking: set[str] = set()


async def send(store: Store, told: Told, source: random.Random, number: int) -> None:
    for step in range(3):
        value = f"{number}.{step}"
        told.sending.add(value)
        await store.send("jobs", value)
        told.sent.add(value)


async def receive(store: Store, told: Told, source: random.Random) -> None:
    for _ in range(3):
        for message in await store.receive("jobs", source.randint(1, 4), wait=0.01, lease=LEASE):
            await settle(store, told, source, message)


async def subscribe(store: Store, told: Told, source: random.Random) -> None:
    async for message in store.subscribe("jobs", prefetch=source.randint(1, 9), lease=LEASE):
        await settle(store, told, source, message)


async def settle(store: Store, told: Told, source: random.Random, message: Message) -> None:
    receipt, value = message.receipt or "", (message.value or b"").decode()
    if source.random() < 0.2:
        await store.nack([receipt], delay=0)
        return
    told.acking.add(value)
    await store.ack([receipt])
    told.acked[value] += 1


@pytest.mark.parametrize("seed", [int(os.environ.get("MQ_STORM_SEED", "17"))])
def test_a_storm_of_cancelled_tasks_loses_and_doubles_nothing(path: Path, seed: int) -> None:
    told, source, clock = Told(), random.Random(seed), ManualClock()

    async def work(store: Store) -> None:
        tasks = []
        for number in range(TASKS):
            kind = source.choice([send, receive, subscribe])
            more = [number] if kind is send else []
            tasks.append(asyncio.create_task(kind(store, told, source, *more)))  # type: ignore[operator]
        for turn, task in enumerate(source.sample(tasks, TASKS)):
            if turn % 5 == 0:
                # Others go on meanwhile.
                await send(store, told, source, TASKS + turn)
            await asyncio.sleep(0)
            if source.random() < 0.9:
                task.cancel()
        for task in tasks:
            task.cancel()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        ends = {type(outcome) for outcome in outcomes}
        assert ends <= {type(None), asyncio.CancelledError}, ends

    run(path, work, clock=clock)

    with SyncStore.open(path, clock=clock) as store:
        held = store.queue("jobs").leased or 0
        clock.advance(LEASE)
        status = store.queue("jobs")
        left = [(m.value or b"").decode() for m in store.messages("jobs", limit=10_000)]
    assert min(len(told.sent), len(told.acked)) > TASKS / 20, "the storm was none"
    assert status.leased == 0
    # A task has one message in hand at most, or up to four from a receive.
    assert held <= TASKS * 4
    assert [value for value, times in Counter(left).items() if times > 1] == []
    assert [value for value, times in told.acked.items() if times > 1] == []
    assert set(left) <= told.sending
    assert told.sent - set(left) <= told.acking
    assert set(told.acked) & set(left) == set()
    check_queue_invariants(path, None)
