"""Take the picture of the dashboard in a browser: `python docs/capture_web.py`.

It needs Chromium and mq[web], and writes docs/captures/web.png. The story of the other pictures
ends now for it, since a browser shows a store as it is.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from docs.shop_story import tell  # noqa: E402
from store import Store  # noqa: E402
from store.model.clock import ManualClock, SystemClock  # noqa: E402
from tests.support.browser import page, served  # noqa: E402

TARGET = ROOT / "docs" / "captures" / "web.png"
SIZE = (1270, 730)
LENGTH = 4_937
"""Seconds that the story takes."""


class RecentClock(ManualClock):
    """A clock that begins so long ago that the story ends about now."""

    def __init__(self) -> None:
        self._real = SystemClock()
        super().__init__(wall=self._real.wall() - LENGTH * 1000)

    def boot(self) -> int:
        """Return the milliseconds since this machine started, moved as the wall clock is."""
        return self._real.boot() - (self._real.wall() - self.wall())

    def boot_id(self) -> str:
        """Return the identity of this machine's start."""
        return self._real.boot_id()


async def picture(url: str, folder: Path) -> bytes:
    """Return the overview as a browser shows it, with the second row selected."""
    async with page(folder) as seen:
        await seen.open(url, SIZE)
        await seen.wait_for(b"webhooks")
        await seen.press("ArrowDown")
        await seen.wait_for(b"reports")
        return await seen.picture()


def main() -> None:
    """Write the picture."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        clock = RecentClock()
        store = stack.enter_context(Store.open(folder / "shop.db", create=True, clock=clock))
        for consumer in tell(store, clock):
            stack.callback(consumer.close)
        print(f"the story ended {time.time() - clock.wall() / 1000:.0f} s ago")
        with served(store.path) as url:
            TARGET.write_bytes(asyncio.run(picture(url, folder / "profile")))


if __name__ == "__main__":
    main()
