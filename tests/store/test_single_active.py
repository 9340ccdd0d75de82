"""A single active consumer: who receives, who waits, and when the next one takes over."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from store import NewMessage, Store
from store.model.clock import ManualClock

PATIENCE = 10

WORKER = """
import sys
from store import Store

with Store.open(sys.argv[1]) as store:
    taken = store.receive("q", 2, wait=30, holder="worker", attached=True)
    print(*(message.value.decode() for message in taken), flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def line(store: Store) -> Store:
    """A queue for one at a time, with ten messages."""
    store.create_queue("q", single_active=True, lease=60)
    store.send_many("q", [NewMessage(b"%d" % n) for n in range(10)])
    return store


def receive(store: Store, holder: str, most: int = 1) -> list[str]:
    return [(m.value or b"").decode() for m in store.receive("q", most, holder=holder)]


def test_only_the_first_to_ask_receives(line: Store) -> None:
    assert receive(line, "a") == ["0"]
    assert receive(line, "b") == []
    assert receive(line, "a") == ["1"]


def test_who_leaves_makes_way_for_the_next_in_line(line: Store) -> None:
    for holder in "abc":
        receive(line, holder)
    line.leave("q", "a")

    assert receive(line, "c") == []
    assert receive(line, "b") == ["1"]


def test_who_left_may_still_settle(line: Store) -> None:
    (message,) = line.receive("q", holder="a")
    line.leave("q", "a")
    line.ack([message.receipt or ""])

    assert line.queue("q").acknowledged == 1


def test_who_has_work_in_hand_stays_active(line: Store, clock: ManualClock) -> None:
    receive(line, "a")
    clock.advance(PATIENCE + 1)

    assert receive(line, "b") == []


def test_who_holds_nothing_and_does_not_ask_is_succeeded(line: Store, clock: ManualClock) -> None:
    (message,) = line.receive("q", holder="a")
    receive(line, "b")
    line.ack([message.receipt or ""])
    clock.advance(PATIENCE - 1)
    assert receive(line, "b") == []
    clock.advance(1)
    assert receive(line, "b") == ["1"]


def test_who_comes_back_stands_at_the_end(line: Store, clock: ManualClock) -> None:
    (message,) = line.receive("q", holder="a")
    line.ack([message.receipt or ""])
    clock.advance(PATIENCE)
    receive(line, "b")

    assert receive(line, "a") == []
    assert receive(line, "b") == ["2"]


def test_the_successor_gets_what_was_left_in_order(line: Store, clock: ManualClock) -> None:
    receive(line, "a", 3)
    receive(line, "b")
    clock.advance(61)

    assert receive(line, "b", 5) == ["0", "1", "2", "3", "4"]


def test_when_the_active_process_is_killed_the_next_takes_over(path: Path) -> None:
    with Store.open(path, create=True, durability="normal") as store:
        store.create_queue("q", single_active=True, lease=600)
        store.send_many("q", [NewMessage(b"%d" % n) for n in range(4)])
        worker = subprocess.Popen(
            [sys.executable, "-c", WORKER, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert worker.stdout is not None
        assert worker.stdout.readline() == "0 1\n"
        assert store.receive("q") == []
        os.kill(worker.pid, signal.SIGKILL)
        worker.communicate()

        taken = store.receive("q", 4, wait=10)
        assert [message.value for message in taken] == [b"0", b"1", b"2", b"3"]


class TestPrefetch:
    def test_a_holder_never_has_more_in_hand(self, store: Store) -> None:
        store.create_queue("q")
        store.send_many("q", [NewMessage(b"%d" % n) for n in range(8)])
        for holder in "abab":
            store.receive("q", 5, holder=holder, prefetch=2)

        held = [lease.holder for lease in store.leases("q")]
        assert sorted(held) == ["a", "a", "b", "b"]

    def test_there_is_room_again_after_an_ack(self, store: Store) -> None:
        store.create_queue("q")
        store.send_many("q", [NewMessage(b"%d" % n) for n in range(3)])
        taken = store.receive("q", 5, holder="a", prefetch=2)
        store.ack([taken[0].receipt or ""])

        assert len(store.receive("q", 5, holder="a", prefetch=2)) == 1
