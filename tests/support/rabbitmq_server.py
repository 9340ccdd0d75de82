"""The RabbitMQ of the tests: a vhost for each test, made and removed by its administrator."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any
from urllib.parse import quote, urlsplit
from uuid import uuid4

import pytest

from store.engine.places import Place, read_place

VARIABLE = "MQ_TEST_RABBITMQ"
ADMINISTRATOR = "guest"
PASSWORD = "guest"
PATIENCE = 60


def server() -> Place:
    """The server of the tests; without one they are skipped by name, and fail where CI is set."""
    url = os.environ.get(VARIABLE)
    if url:
        return read_place(url)
    told = f"no RabbitMQ: ${VARIABLE} is not set (.ci/rabbitmq start FOLDER prints it)"
    if os.environ.get("CI"):
        pytest.fail(told)
    pytest.skip(told)


def manage(method: str, path: str, body: dict[str, Any] | None = None) -> Any:
    """Call the management API as its administrator."""
    login = base64.b64encode(f"{ADMINISTRATOR}:{PASSWORD}".encode()).decode()
    request = urllib.request.Request(
        f"{server().options['management']}/api/{path}",
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"Basic {login}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        text = answer.read()
    return json.loads(text) if text else None


@contextmanager
def vhost() -> Iterator[str]:
    """Make a vhost for one test; yield its place as a URL without a password."""
    name = f"test-{uuid4().hex[:12]}"
    manage("PUT", f"vhosts/{name}", {})
    manage("PUT", f"permissions/{name}/{ADMINISTRATOR}", permissions())
    try:
        yield at(name)
    finally:
        manage("DELETE", f"vhosts/{name}")


def permissions(allowed: str = ".*") -> dict[str, str]:
    """Permissions for what matches."""
    return {"configure": allowed, "write": allowed, "read": allowed}


def at(name: str, user: str | None = None, **options: str) -> str:
    """The place of a vhost as a URL."""
    place = server()
    host = urlsplit(place.url).netloc.rpartition("@")[2]
    given = {**place.options, **options}
    query = "&".join(f"{key}={value}" for key, value in given.items())
    login = f"{user}@" if user else ""
    return f"rabbitmq://{login}{host}/{quote(name, safe='')}?{query}"


@contextmanager
def user(name: str, password: str, *tags: str, vhost: str, allowed: str = ".*") -> Iterator[None]:
    """Make a user with tags, and permissions for what matches in a vhost."""
    manage("PUT", f"users/{name}", {"password": password, "tags": ",".join(tags)})
    manage("PUT", f"permissions/{vhost}/{name}", permissions(allowed))
    try:
        yield
    finally:
        manage("DELETE", f"users/{name}")


def vhost_of(url: str) -> str:
    """The vhost of a place."""
    return read_place(url).path


def until(holds: Callable[[], bool]) -> None:
    """Look again and again until it holds; each look is a call of the server."""
    deadline = monotonic() + PATIENCE
    while not holds():
        assert monotonic() < deadline


def run_mq(place: str, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """A process of mq on a place."""
    return subprocess.run(
        [sys.executable, "-m", "mq", "-s", place, *words], env=os.environ | variables,
        capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=PATIENCE, check=False,
    )  # fmt: skip
