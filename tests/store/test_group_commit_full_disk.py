"""Shared commits on a full disk: what frees room goes on, and each send is refused."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from mq.aio import Store as AsyncStore
from store import Store, StoreFull
from tests.support.processes import PATIENCE
from tests.support.small_disk import MIB, fill, mounted

MESSAGES, WORKERS = 60, 6


@pytest.fixture
def full(tmp_path: Path) -> Iterator[Path]:
    """The path of a store with messages, on a disk without a free block."""
    with mounted(tmp_path / "disk", 24 * MIB) as disk:
        path = disk / "store.db"
        with Store.open(path, create=True) as store:
            store.create_queue("jobs")
            store.send_many("jobs", [str(n) for n in range(MESSAGES)])
        fill(disk)
        yield path


def test_threads_take_everything_and_store_nothing(full: Path) -> None:
    taken: list[bytes | None] = []
    refused: list[Exception] = []

    def work(store: Store) -> None:
        while messages := store.receive("jobs", 3):
            with pytest.raises(StoreFull) as caught:
                store.send("jobs", "more")
            refused.append(caught.value)
            store.ack([message.receipt or "" for message in messages])
            taken.extend(message.value for message in messages)

    with Store.open(full) as store:
        threads = [threading.Thread(target=work, args=(store,)) for _ in range(WORKERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
        status = store.queue("jobs")

    assert sorted(taken, key=str) == sorted((b"%d" % n for n in range(MESSAGES)), key=str)
    assert (status.ready, status.leased, status.acknowledged) == (0, 0, MESSAGES)
    assert len(refused) >= MESSAGES / 3


def test_tasks_take_everything_and_store_nothing(full: Path) -> None:
    taken: list[bytes | None] = []

    async def work(store: AsyncStore) -> None:
        while messages := await store.receive("jobs", 3):
            with pytest.raises(StoreFull):
                await store.send("jobs", "more")
            await store.ack([message.receipt or "" for message in messages])
            taken.extend(message.value for message in messages)

    async def main() -> tuple[int, int | None]:
        async with AsyncStore.open(full) as store:
            await asyncio.gather(*(work(store) for _ in range(WORKERS)))
            status = await store.queue("jobs")
            return status.ready, status.leased

    assert asyncio.run(main()) == (0, 0)
    assert len(set(taken)) == len(taken) == MESSAGES
