"""What it costs to look for the dead: a look at each process, however much it holds."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from store import Store
from store.model.clock import ManualClock

_looks: list[str] = []
_is_counting = False


def _note(event: str, arguments: tuple[object, ...]) -> None:
    # An audit hook stays for as long as the process lives.
    if _is_counting and event == "open" and str(arguments[0]).endswith("/stat"):
        _looks.append(str(arguments[0]))


sys.addaudithook(_note)


@contextmanager
def counted() -> Iterator[list[str]]:
    """The processes that are looked at within the block."""
    global _is_counting
    _looks.clear()
    _is_counting = True
    try:
        yield _looks
    finally:
        _is_counting = False


@pytest.fixture
def held(store: Store) -> Store:
    """A queue of which five attached holders have twenty messages each, and some are left."""
    store.create_queue("q", lease=600)
    store.send_many("q", [b"x"] * 110)
    for number in range(5):
        store.receive("q", 20, holder=f"worker-{number}", attached=True)
    return store


@pytest.mark.parametrize(
    "look",
    [lambda s: s.queue("q"), Store.stalls, lambda s: s.leases("q"), Store.snapshot],
    ids=["queue", "stalls", "leases", "snapshot"],
)
def test_a_view_looks_once_at_each_process(held: Store, look: Callable[[Store], object]) -> None:
    look(held)
    with counted() as looks:
        look(held)
    assert len(looks) <= 5


def test_a_receive_that_finds_something_looks_once_a_second(
    held: Store, clock: ManualClock
) -> None:
    clock.advance(1)
    with counted() as looks:
        for _ in range(4):
            held.receive("q", 2)
    assert len(looks) == 5


def test_a_receive_that_finds_nothing_looks_ten_times_a_second(
    held: Store, clock: ManualClock
) -> None:
    held.receive("q", 100)
    clock.advance(1)
    with counted() as looks:
        for _ in range(10):
            assert held.receive("q") == []
    assert len(looks) == 5
    clock.advance(0.1)
    with counted() as looks:
        held.receive("q")
    assert len(looks) == 5
