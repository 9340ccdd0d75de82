"""The dashboard in a browser: what it shows, and who may see it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from store import Store

pytest.importorskip("textual_serve", reason="mq[web] is not installed")

import aiohttp

from tests.support.browser import CHROMIUM, PATIENCE, page, served
from tui.web import is_loopback, may_ask

pytestmark = pytest.mark.xdist_group("browser")
needs_chromium = pytest.mark.skipif(
    CHROMIUM is None and "CI" not in os.environ, reason="Chromium is not installed"
)


@needs_chromium
def test_a_browser_shows_the_dashboard_and_its_keys_work(store: Store, tmp_path: Path) -> None:
    store.create_queue("mails")

    async def errand(url: str) -> None:
        async with page(tmp_path / "profile") as seen:
            await seen.open(url, (1400, 800))
            await seen.wait_for(b"Overview")
            await seen.wait_for(b"mails")
            await seen.press("3")
            await seen.wait_for(b"lease 30s")
            assert (await seen.picture()).startswith(b"\x89PNG")

    with served(store.path) as url:
        run(errand(url))


@needs_chromium
def test_a_page_is_read_only_unless_writes_are_allowed(store: Store, tmp_path: Path) -> None:
    store.create_queue("mails")

    async def errand(url: str, answer: bytes) -> None:
        async with page(tmp_path / url.rpartition(":")[2]) as seen:
            await seen.open(url, (1400, 800))
            await seen.wait_for(b"mails")
            await seen.press("P")
            await seen.wait_for(answer)

    with served(store.path) as url:
        run(errand(url, b"--read-only"))
    with served(store.path, "--allow-writes") as url:
        run(errand(url, b"preview"))


@needs_chromium
def test_a_page_loads_nothing_from_elsewhere(store: Store, tmp_path: Path) -> None:
    async def errand(url: str) -> list[str]:
        async with page(tmp_path / "profile") as seen:
            await seen.open(url, (1000, 600))
            await seen.wait_for(b"Overview")
            names = "performance.getEntriesByType('resource').map(one => one.name).join(' ')"
            return str(await seen.evaluate(names)).split()

    with served(store.path) as url:
        loaded = run(errand(url))
        assert [name for name in loaded if not name.startswith(url)] == []


def test_another_page_and_another_name_are_refused(store: Store) -> None:
    async def errand(url: str) -> list[int]:
        answers = []
        async with aiohttp.ClientSession() as session:
            for path, headers in (
                ("/", {}),
                ("/", {"Host": "evil.example"}),
                ("/ws", {"Host": "evil.example"}),
                ("/ws", {"Origin": "http://evil.example"}),
            ):
                async with session.get(url + path, headers=headers) as answer:
                    answers.append(answer.status)
        return answers

    with served(store.path) as url:
        assert run(errand(url)) == [200, 403, 403, 403]


@pytest.mark.parametrize(
    ("listens_on", "host", "origin", "is_allowed"),
    [
        ("127.0.0.1", "127.0.0.1:8321", None, True),
        ("127.0.0.1", "localhost:8321", "http://localhost:8321", True),
        ("127.0.0.1", "mq.example:8321", "http://mq.example:8321", False),
        ("127.0.0.1", "localhost:8321", "http://localhost:9000", False),
        ("127.0.0.1", "localhost:8321", "null", False),
        ("0.0.0.0", "mq.example:8321", "http://mq.example:8321", True),
        ("0.0.0.0", "mq.example:8321", "http://evil.example", False),
    ],
)
def test_only_its_own_page_may_ask(
    listens_on: str, host: str, origin: str | None, is_allowed: bool
) -> None:
    assert may_ask(listens_on, host, origin) is is_allowed


@pytest.mark.parametrize(
    ("host", "is_own"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("10.0.0.1", False),
    ],
)
def test_only_loopback_addresses_are_of_this_machine_alone(host: str, is_own: bool) -> None:
    assert is_loopback(host) is is_own


def run(work: Coroutine[Any, Any, Any]) -> Any:
    async def in_time() -> Any:
        return await asyncio.wait_for(work, PATIENCE)

    return asyncio.run(in_time())
