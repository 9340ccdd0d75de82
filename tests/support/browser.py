"""Chromium without a window, driven over its DevTools protocol, and a dashboard served to it."""

from __future__ import annotations

import base64
import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import aiohttp

ROOT = Path(__file__).parents[2]
PATIENCE = 60
_NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next(filter(None, map(shutil.which, _NAMES)), None)
_FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--hide-scrollbars",
    "--disable-dev-shm-usage", "--remote-debugging-port=0", "about:blank",
)  # fmt: skip
_CODES = {"ArrowDown": 40}
"""Keys that write nothing, by the number of the key."""


class Page:
    """A page: what its web sockets received, the keys pressed on it, and a picture of it."""

    def __init__(self, tools: aiohttp.ClientWebSocketResponse) -> None:
        self._tools = tools
        self._number = 0
        self.received = b""

    async def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call a method of the protocol; frames that come meanwhile are taken in."""
        self._number += 1
        await self._tools.send_json({"id": self._number, "method": method, "params": parameters})
        while True:
            message = await self._next()
            if message.get("id") == self._number:
                result: dict[str, Any] = message.get("result", {})
                return result

    async def _next(self) -> dict[str, Any]:
        message: dict[str, Any] = await self._tools.receive_json(timeout=PATIENCE)
        if message.get("method") == "Network.webSocketFrameReceived":
            frame = message["params"]["response"]
            is_text = frame["opcode"] == 1
            data = frame["payloadData"]
            self.received += data.encode() if is_text else base64.b64decode(data)
        return message

    async def open(self, url: str, size: tuple[int, int]) -> None:
        """Go to an address, in a window of so many pixels."""
        await self.call("Network.enable")
        await self.call(
            "Emulation.setDeviceMetricsOverride",
            width=size[0], height=size[1], deviceScaleFactor=1, mobile=False,
        )  # fmt: skip
        await self.call("Page.navigate", url=url)

    async def wait_for(self, wanted: bytes) -> None:
        """Take in frames until this came."""
        while wanted not in self.received:
            await self._next()

    async def press(self, key: str) -> None:
        """Press a key in the terminal of the page, with the frames so far forgotten."""
        await self.evaluate("document.querySelector('.xterm-helper-textarea').focus()")
        self.received = b""
        for kind in ("keyDown", "keyUp"):
            more: dict[str, Any] = {"text": key} if kind == "keyDown" else {}
            if key in _CODES:
                more = {"code": key, "windowsVirtualKeyCode": _CODES[key]}
            await self.call("Input.dispatchKeyEvent", type=kind, key=key, **more)

    async def evaluate(self, script: str) -> Any:
        """Return the value of a script."""
        result = await self.call("Runtime.evaluate", expression=script, awaitPromise=True)
        return result["result"].get("value")

    async def picture(self) -> bytes:
        """Return the page as a PNG."""
        shot = await self.call("Page.captureScreenshot", format="png")
        return base64.b64decode(shot["data"])


@asynccontextmanager
async def page(folder: Path) -> AsyncIterator[Page]:
    """A page of a browser whose profile lies in a folder."""
    assert CHROMIUM is not None
    process = subprocess.Popen(
        [CHROMIUM, f"--user-data-dir={folder}", *_FLAGS],
        stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, start_new_session=True,
    )  # fmt: skip
    try:
        assert process.stderr is not None
        # It names its address once it listens.
        said = next(line for line in process.stderr if "DevTools listening on" in line)
        port = said.rsplit(":", 1)[1].split("/", 1)[0]
        async with aiohttp.ClientSession() as session:
            async with session.get(f"http://127.0.0.1:{port}/json") as answer:
                targets = json.loads(await answer.text())
            target = next(one for one in targets if one["type"] == "page")
            url = target["webSocketDebuggerUrl"]
            async with session.ws_connect(url, max_msg_size=0) as tools:
                yield Page(tools)
    finally:
        _end(process)


@contextmanager
def served(store: Path, *options: str) -> Iterator[str]:
    """`mq dashboard --web` on a free port of this machine, as the address of its page."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "mq", "-s", str(store), "dashboard", "--web", str(port)]
    process = subprocess.Popen(
        [*command, *options], cwd=ROOT, stderr=subprocess.PIPE, text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    try:
        assert process.stderr is not None
        assert "ctrl+c ends it" in process.stderr.readline()
        yield f"http://127.0.0.1:{port}"
    finally:
        _end(process)


def _end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    process.communicate(timeout=PATIENCE)
