"""The engines: each case of the real systems runs on each of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from store import Store
from store.engine.broker import Broker
from store.model.clock import ManualClock
from tests.support.sqs_frame import Queues


@dataclass(frozen=True, slots=True)
class Engine:
    """An engine under test.

    `open` opens an empty place whose time the clock tells. `lacks` are the cases that this engine
    departs from beside those that mq does on every engine, each with the reason.
    """

    name: str
    open: Callable[[Path, ManualClock], AbstractContextManager[Broker]]
    lacks: Mapping[str, str] = field(default_factory=dict)

    def must_pass(self, case: str) -> None:
        """Skip a case that this engine departs from."""
        if case in self.lacks:
            pytest.skip(self.lacks[case])


def open_file(path: Path, clock: ManualClock) -> Store:
    """Create a store in a file."""
    return Store.open(path, create=True, durability="normal", clock=clock)


ENGINES = [Engine("sqlite", open_file)]


@pytest.fixture(params=ENGINES, ids=lambda engine: engine.name)
def engine(request: pytest.FixtureRequest) -> Engine:
    """Each engine in turn."""
    engine: Engine = request.param
    return engine


@pytest.fixture
def store(engine: Engine, path: Path, clock: ManualClock) -> Iterator[Broker]:
    """An open, empty place of the engine."""
    with engine.open(path, clock) as opened:
        yield opened


@pytest.fixture
def queues(store: Broker, clock: ManualClock) -> Queues:
    """The same place, with calls in the words of the cases."""
    return Queues(store, clock)
