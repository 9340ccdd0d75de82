"""Programs whose threads share commits: `python commit_programs.py NAME ARGUMENT…`."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from concurrent.futures import Future
from functools import partial
from pathlib import Path

from store import MqError, RecordId, Store
from store.aio import AsyncStore
from tests.support.programs import say

ROOT = Path(__file__).parents[2]
THREADS = 12


def start(name: str, *arguments: object, **variables: str) -> subprocess.Popen[str]:
    """Run one of these programs, with a pipe as stdout."""
    return subprocess.Popen(
        [sys.executable, __file__, name, *map(str, arguments)],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | variables,
    )


def work(path: str, run: str, steps: str) -> None:
    """Send, receive and acknowledge in many threads, and tell each thing that is confirmed."""
    with Store.open(path) as store:
        begin = threading.Barrier(THREADS)

        def one(number: int) -> None:
            begin.wait()
            for step in range(int(steps)):
                value = f"{run}.{number}.{step}"
                store.send("jobs", value)
                say("sent", value)
                for message in store.receive("jobs"):
                    taken = (message.value or b"").decode()
                    say("acking", taken)
                    store.ack([message.receipt or ""])
                    say("acked", taken)

        threads = [threading.Thread(target=one, args=(number,)) for number in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def send_together(path: str) -> None:
    """Send in threads that wait for the same transaction, and tell what became of each send."""
    with Store.open(path) as store:

        def one(number: int) -> None:
            try:
                say(store.send("jobs", str(number)).sequence)
            except MqError as error:
                say(error.code)

        threads = [threading.Thread(target=one, args=(number,)) for number in range(THREADS)]
        with store.transaction(timeout=600):
            for waiting, thread in enumerate(threads, 1):
                thread.start()
                while len(store._database.queue) < waiting:
                    thread.join(0.001)
        for thread in threads:
            thread.join()


def work_in_tasks(path: str, run: str, steps: str) -> None:
    """Do the same in tasks of asyncio."""

    async def one(store: AsyncStore, number: int) -> None:
        for step in range(int(steps)):
            value = f"{run}.{number}.{step}"
            await store.send("jobs", value)
            say("sent", value)
            for message in await store.receive("jobs"):
                taken = (message.value or b"").decode()
                say("acking", taken)
                await store.ack([message.receipt or ""])
                say("acked", taken)

    async def main() -> None:
        async with AsyncStore.open(path) as store:
            await asyncio.gather(*(one(store, number) for number in range(THREADS)))

    asyncio.run(main())


def load(path: str, count: str) -> None:
    """Load numbers through a named producer that buffers, and tell each that is confirmed."""
    with (
        Store.open(path) as store,
        store.producer("load", linger=0, buffer_bytes=200_000) as producer,
    ):
        for n in range(int(count)):
            future = producer.produce("orders", str(n))
            future.add_done_callback(partial(_confirm, n))


def _confirm(number: int, future: Future[RecordId | None]) -> None:
    if future.exception() is None:
        say("confirmed", number)


if __name__ == "__main__":
    # The folder of this file must not come before the packages that it imports.
    sys.path.remove(str(Path(__file__).parent))
    globals()[sys.argv[1]](*sys.argv[2:])
