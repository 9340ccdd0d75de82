"""A server for all tests of a module, and a client of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import pytest

from store import Store
from tests.support.serving import Server, running_server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of SQS on a store of its own."""
    path = tmp_path_factory.mktemp("serve") / "store.db"
    Store.open(path, create=True, durability="normal").close()
    with running_server(path) as running:
        yield running


@pytest.fixture(scope="module")
def sqs(server: Server) -> Any:
    """A boto3 client."""
    return server.client()


_numbers = count()


@pytest.fixture
def make_queue(sqs: Any) -> Callable[..., str]:
    """Create a queue with a name of its own; its URL."""

    def make(**attributes: object) -> str:
        fifo = ".fifo" if attributes.get("FifoQueue") else ""
        texts = {name: str(value) for name, value in attributes.items()}
        name = f"queue-{next(_numbers)}{fifo}"
        return str(sqs.create_queue(QueueName=name, Attributes=texts)["QueueUrl"])

    return make


@pytest.fixture
def queue(make_queue: Callable[..., str]) -> str:
    """The URL of a standard queue."""
    return make_queue()
