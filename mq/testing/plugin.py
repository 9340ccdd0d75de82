"""The pytest plugin `mq`: a server of SQS for tests, empty for each of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from mq.testing.served import ServedPorts


@pytest.fixture(scope="session")
def mq_server() -> Iterator[ServedPorts]:
    """Run one server for all tests, with a store of its own."""
    # Every run of pytest loads this plugin, and few use it.
    from mq.testing.served import serve

    with serve() as ports:
        yield ports


@pytest.fixture
def mq_sqs(mq_server: ServedPorts, monkeypatch: pytest.MonkeyPatch) -> ServedPorts:
    """Empty the server, and let clients of SQS in this process find it by their environment."""
    mq_server.reset()
    for name, value in mq_server.environment().items():
        monkeypatch.setenv(name, value)
    return mq_server
