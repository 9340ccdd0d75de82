"""The engines: each behaviour runs on each of them, or is refused by name where it is absent."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import cast

import pytest

from store import Store, Unsupported, open_place
from store.engine.broker import Broker
from store.engine.features import Feature
from tests.support import kafka_mock, kafka_server, rabbitmq_server, sqs_server

NewTopic = Callable[[str, int], None]


def by_call(url: str, broker: Broker, name: str, partitions: int) -> None:
    """Create a topic as any caller does."""
    broker.create_topic(name, partitions=partitions)


def by_library(url: str, broker: Broker, name: str, partitions: int) -> None:
    """Create a topic of the mock, which has no call for it."""
    kafka_mock.create_topic(url, name, partitions)


@dataclass(frozen=True, slots=True)
class Engine:
    """An engine under test; `place` makes an empty place of it and yields its path or URL."""

    name: str
    place: Callable[[Path], AbstractContextManager[str]]
    gaps: Mapping[str, str] = field(default_factory=dict)
    """Tests, by name, that the engine passes and the server of the tests can't show, and why."""
    has_long_gaps: bool = False
    """Whether a gap is not worth the wait for it to show."""
    create_topic: Callable[[str, Broker, str, int], None] = by_call


@contextmanager
def file(folder: Path) -> Iterator[str]:
    """Make a store in a file."""
    path = folder / "store.db"
    Store.open(path, create=True, durability="normal").close()
    yield str(path)


@contextmanager
def rabbitmq(folder: Path) -> Iterator[str]:
    """Make a vhost on the server of the tests."""
    with rabbitmq_server.vhost() as url:
        yield url


@contextmanager
def kafka(folder: Path) -> Iterator[str]:
    """Empty the cluster of the tests."""
    with kafka_server.emptied() as url:
        yield url


@contextmanager
def mock_of_kafka(folder: Path) -> Iterator[str]:
    """Make a mock cluster inside librdkafka."""
    with kafka_mock.cluster() as url:
        yield url


@contextmanager
def sqs(folder: Path) -> Iterator[str]:
    """Make a part of an account on the server of the tests."""
    with sqs_server.account() as url:
        yield url


@contextmanager
def served_sqs(folder: Path) -> Iterator[str]:
    """Serve a store in a file to the engine of SQS."""
    with sqs_server.served() as url:
        yield url


ENGINES = [
    Engine("sqlite", file),
    Engine("rabbitmq", rabbitmq),
    Engine("kafka", kafka),
    Engine("kafka mock", mock_of_kafka, kafka_mock.gaps("kafka mock"), True, by_library),
    Engine("sqs", sqs, sqs_server.gaps()),
    Engine("sqs served", served_sqs),
]
# Each test of it starts a server; the gateway's own tests are the short form.
_NIGHTLY = {"sqs served"}


def _marks(engine: Engine) -> list[pytest.MarkDecorator]:
    if engine.name in _NIGHTLY:
        return [pytest.mark.nightly]
    return [pytest.mark.xdist_group(engine.name)] if engine.name in {"kafka", "sqs"} else []


# One worker for all tests of the one cluster, and of the one Moto: to start it costs seconds.
_PARAMETERS = [pytest.param(engine, id=engine.name, marks=_marks(engine)) for engine in ENGINES]


_BROKER = pytest.StashKey[Broker]()
_ENGINE = pytest.StashKey[Engine]()


@pytest.fixture(params=_PARAMETERS)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty place of each engine in turn."""
    engine: Engine = request.param
    reason = engine.gaps.get(request.node.name)
    if reason and engine.has_long_gaps:
        pytest.skip(f"{engine.name}: {reason}")
    if reason:
        request.applymarker(pytest.mark.xfail(reason=reason, strict=True))
    with engine.place(tmp_path) as made:
        request.node.stash[_ENGINE] = engine
        yield made


@pytest.fixture
def new_topic(place: str, broker: Broker, request: pytest.FixtureRequest) -> NewTopic:
    """Creates a topic by its name and number of partitions, in the way of the engine."""
    engine = request.node.stash[_ENGINE]
    return partial(engine.create_topic, place, broker)


@pytest.fixture
def broker(place: str, request: pytest.FixtureRequest) -> Iterator[Broker]:
    """An open, empty place."""
    with open_place(place) as opened:
        request.node.stash[_BROKER] = opened
        yield opened


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, object, object]:
    """Let a fixture be refused what the test needs; the test itself judges it."""
    try:
        return (yield)
    except Unsupported as refusal:
        if not any(item.iter_markers("needs")):
            raise
        _refuse(cast("pytest.Function", item), refusal)
        return None


def _refuse(item: pytest.Function, refusal: Unsupported) -> None:
    """Let the test, whose fixtures are not all there, raise the refusal as it would itself."""

    def refuse(**fixtures: object) -> None:
        raise refusal

    item.obj = refuse
    item.funcargs = {**dict.fromkeys(item.fixturenames), **item.funcargs}


# Without them a test does not come as far as what it needs of them.
_NOUNS = (Feature.TOPICS, Feature.TOPIC_ADMIN, Feature.QUEUES, Feature.EXCHANGES)


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    """Expect a refusal where the engine lacks what the test needs: if it works, that fails."""
    marks = list(pyfuncitem.iter_markers("needs"))
    if not marks:
        return (yield)
    broker = pyfuncitem.stash[_BROKER]
    needed: set[Feature] = {feature for mark in marks for feature in mark.args}
    absent = {feature.word for feature in needed if broker.features.lacks(feature)}
    if not absent:
        return (yield)
    engine, lacks = broker.features.engine, broker.features.lacks
    try:
        yield
    except Unsupported as refusal:
        if refusal.feature not in absent | {noun.word for noun in _NOUNS if lacks(noun)}:
            raise AssertionError(f"{engine} refuses {refusal.feature}, not {absent}") from refusal
        return True
    raise AssertionError(f"{engine} declares {absent} absent, and it works")
