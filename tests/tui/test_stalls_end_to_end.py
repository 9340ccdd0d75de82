"""Four stalls in a store in use: each is seen within two seconds, and ended by its first DO."""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from store import NewRecord, Stall, Store
from store.model.clock import SystemClock
from tests.tui.conftest import Person
from tui.actions.remedies import KEY_IDS
from tui.app import Dashboard

PROMPT = 2.0
"""Within so many seconds a stall is seen, and seen to be over."""
SLOW_MACHINE = 15
HOLDER = """
import sys
from store import Store
from tests.tui.test_stalls_end_to_end import SetBack
with Store.open(sys.argv[1], clock=SetBack()) as store:
    store.receive("invoices", lease=14400, holder="bookkeeper")
    print("has it", flush=True)
    sys.stdin.read()
"""


class SetBack(SystemClock):
    """The clocks of this machine, two hours ago; what happens then is old once it is set right."""

    back = 7_200_000

    def wall(self) -> int:
        return super().wall() - self.back

    def boot(self) -> int:
        return super().boot() - self.back


@pytest.fixture
def busy(path: Path) -> Iterator[tuple[Store, SetBack]]:
    """A store in which four things went wrong two hours ago, by a clock that still says so."""
    clock = SetBack()
    with ExitStack() as stack:
        store = stack.enter_context(Store.open(path, create=True, durability="normal", clock=clock))
        for topic in ("orders", "uploads", "clicks"):
            store.create_topic(topic)
            store.produce_many(topic, [NewRecord(f"{n}", key=f"k{n % 3}") for n in range(20)])
        store.create_queue("orders.dlq")
        store.create_queue("invoices", fifo=True)
        for number in range(5):
            store.send("invoices", f"{number}", message_group="acct-1")
        store.create_share("thumbnails", "uploads", max_in_flight=8)
        _poison(store, stack)
        _pin(store)
        with store.consumer("heatmap", ["clicks"]) as left:
            left.poll(3, timeout=0)
            left.commit()
        yield store, clock


def _poison(store: Store, stack: ExitStack) -> None:
    billing = stack.enter_context(
        store.consumer("billing", ["orders"], session_timeout=86_400, max_poll_interval=86_400)
    )
    (record,) = billing.poll(1, timeout=0)
    for _ in range(6):
        billing.fail(record, "card_api 502")


def _pin(store: Store) -> None:
    held = store.acquire("thumbnails", 8, lease=14_400, holder="resizer")
    store.ack([record.receipt for record in held[1:]])


@pytest.fixture
def stopped(busy: tuple[Store, SetBack], path: Path) -> Iterator[None]:
    """A process that has the first invoice and was stopped by a signal."""
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=os.environ | {"PYTHONPATH": "."},
    )  # fmt: skip
    assert holder.stdout is not None
    holder.stdout.readline()
    holder.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        holder.kill()
        holder.communicate()


async def _until(app: Dashboard, holds: Callable[[], bool]) -> float:
    """How many seconds it takes until something holds, while the dashboard looks by itself."""
    began = time.perf_counter()
    while not holds():
        seen = [_told(stall) for stall in app.overview.stalls] if app.overview else None
        assert time.perf_counter() - began < PROMPT * SLOW_MACHINE, seen
        await asyncio.sleep(0.02)
    return time.perf_counter() - began


def _mq(path: Path, *words: str) -> str:
    command = [sys.executable, "-m", "mq", "-s", str(path), *words]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


def _told(stall: Stall | dict[str, Any]) -> tuple[str, str, int]:
    read: Any = stall.get if isinstance(stall, dict) else partial(getattr, stall)
    return read("blocker"), read("cause"), read("blocked")


def test_each_stall_is_seen_at_once_as_the_command_tells_it_and_ended_by_its_first_way_out(
    busy: tuple[Store, SetBack], stopped: None, path: Path
) -> None:
    store, clock = busy

    async def at_the_dashboard() -> None:
        app = Dashboard(store, refresh=0.5)
        async with app.run_test(size=(140, 40)) as pilot:
            person = Person(app, pilot)
            await _until(app, lambda: app.overview is not None)
            clock.back = 0
            seen = await _until(app, lambda: len(app.overview.stalls if app.overview else ()) == 4)
            print(f"seen after {seen:.2f} s")
            assert app.overview is not None
            commanded = [
                json.loads(row) for row in _mq(path, "stalls", "-o", "ndjson").split("\n") if row
            ]
            assert {_told(stall) for stall in app.overview.stalls} == {_told(s) for s in commanded}
            assert {stall.cause for stall in app.overview.stalls} >= {"poison", "unassigned"}
            for stall in app.overview.stalls:
                await _end(person, stall, path)
                over = await _until(app, partial(_is_over, app, stall))
                print(f"over after {over:.2f} s")

    asyncio.run(at_the_dashboard())


def _is_over(app: Dashboard, stall: Stall) -> bool:
    assert app.overview is not None
    return stall.blocker not in {other.blocker for other in app.overview.stalls}


async def _end(person: Person, stall: Stall, path: Path) -> None:
    """Do the first thing that the card says: with a key, or what it says to run in a shell."""
    first = stall.remedies[0]
    if first.kind in KEY_IDS:
        await person.app.open_stall(stall)
        await person.press("enter", "enter", "1")
    else:
        _mq(path, *shlex.split(first.command)[1:])
