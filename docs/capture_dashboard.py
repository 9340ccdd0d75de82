"""Take pictures of the dashboard: `python docs/capture_dashboard.py` writes docs/captures/.

It makes a store in which a shop has a bad quarter of an hour, runs the dashboard on it without a
terminal, and writes every screen as text and as SVG. Time stands still but for what the story says,
so the pictures are the same on every machine.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from random import Random
from typing import Any
from unittest.mock import patch

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from textual.pilot import Pilot  # noqa: E402

from docs.shop_story import TOPOLOGY, StoryClock, tell  # noqa: E402
from docs.terminal_picture import picture as draw  # noqa: E402
from store import Diagnosis, Overview, Store  # noqa: E402
from store.model.maintenance import StoreStatus  # noqa: E402
from store.sqlite.leases.receipts import TOKEN_BITS  # noqa: E402
from tui.app import Dashboard  # noqa: E402
from tui.places import KEYS  # noqa: E402
from tui.widgets import themes  # noqa: E402
from tui.widgets.spans import Ground, Tone  # noqa: E402

TARGET = ROOT / "docs" / "captures"
PAGE = ROOT / "docs" / "dashboard.md"
SIZES = ((80, 24), (140, 40), (200, 50))
PALETTES = {"": "mq-dark", "-light": "mq-light", "-no-color": "mq-no-color"}
"""The themes of the pictures by the ends of their names; their text is the same."""
PICTURES: dict[str, tuple[str, ...]] = {
    "overview": ("1", "down"),
    "stall": ("n", "n", "enter"),
    "message": ("p",),
    "topics": ("2", "down"),
    "queues": ("3", "down"),
    "letters": ("4",),
    "topology": ("5", "down", "down", "w", *"order.7.paid", "enter"),
    "advice": ("6",),
}
"""The keys that lead to each picture."""


@contextmanager
def story() -> Iterator[Store]:
    """The store with the whole story in it, as it looks from its own folder."""
    clock = StoryClock()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        _pin(stack, folder)
        (folder / "orders.yaml").write_bytes(TOPOLOGY)
        store = stack.enter_context(
            Store.open(folder / "shop.db", create=True, clock=clock, durability="normal")
        )
        for consumer in tell(store, clock):
            stack.callback(consumer.close)
        _steady(stack, store)
        yield store


def _pin(stack: ExitStack, folder: Path) -> None:
    """Keep out of the pictures what is another on each machine and in each run."""
    stack.callback(os.chdir, os.getcwd())
    os.chdir(folder)
    stack.enter_context(patch.dict(os.environ, {"TZ": "UTC", "COLORTERM": "truecolor"}))
    stack.enter_context(patch("os.urandom", lambda size: bytes(range(size))))
    token = partial(Random(7).getrandbits, TOKEN_BITS)
    stack.enter_context(patch("store.sqlite.leases.receipts.new_token", token))
    time.tzset()
    stack.callback(time.tzset)


def _steady(stack: ExitStack, store: Store) -> None:
    snapshot, doctor = store.snapshot, store.doctor

    def shown(*arguments: Any, **named: Any) -> Overview:
        seen = snapshot(*arguments, **named)
        assert isinstance(seen.status, StoreStatus)
        status = replace(seen.status, location="/srv/shop/shop.db", wal_bytes=4 << 20)
        stalls = tuple(
            replace(s, holder_pid=s.holder_pid and 8812, holder_host=s.holder_host and "shop-3")
            for s in seen.stalls
        )
        return replace(seen, status=status, stalls=stalls)

    def found() -> list[Diagnosis]:
        # What it says of the SQLite underneath is about this machine.
        return [one for one in doctor() if not one.code.startswith("sqlite")]

    stack.enter_context(patch.object(store, "snapshot", shown, create=True))
    stack.enter_context(patch.object(store, "doctor", found, create=True))


def take(
    store: Store, size: tuple[int, int], *, draws: bool
) -> dict[str, tuple[str, dict[str, str]]]:
    """All pictures of the dashboard at one size: as text, and if it `draws`, as SVG by palette."""

    async def at_the_dashboard() -> dict[str, tuple[str, dict[str, str]]]:
        app = Dashboard(store, ticking=False)
        taken = {}
        async with app.run_test(size=size) as pilot:
            await _settle(app, pilot)
            for picture, keys in PICTURES.items():
                for key in keys:
                    await pilot.press("full_stop" if key == "." else key)
                    await _settle(app, pilot)
                # What follows the width of a table is right from the second look on.
                app.poller.look()
                await _settle(app, pilot)
                taken[picture] = _text(app), await _drawn(app, pilot) if draws else {}
        return taken

    return asyncio.run(at_the_dashboard())


async def _drawn(app: Dashboard, pilot: Pilot[None]) -> dict[str, str]:
    found = {}
    for end, theme in PALETTES.items():
        app.theme = theme
        for widget in app.screen.walk_children():
            # Two themes may differ in nothing that a style sheet knows.
            widget.refresh()
        await _settle(app, pilot)
        palette = themes.PALETTES[theme]
        strips = app.screen._compositor.render_strips()
        found[end] = draw(strips, palette.grounds[Ground.BASE], palette.tones[Tone.TEXT])
    app.theme = PALETTES[""]
    for widget in app.screen.walk_children():
        widget.refresh()
    return found


async def _settle(app: Dashboard, pilot: Pilot[None]) -> None:
    await pilot.pause()
    while any(not worker.is_finished for worker in app.workers):
        await pilot.pause()
    await pilot.pause()


def _text(app: Dashboard) -> str:
    strips = app.screen._compositor.render_strips()
    return "\n".join(strip.text.rstrip() for strip in strips) + "\n"


def texts(store: Store) -> dict[str, str]:
    """Every picture as text, by the name of its file."""
    return {
        _name(picture, size, ".txt"): text
        for size in SIZES
        for picture, (text, _) in take(store, size, draws=False).items()
    }


def _name(picture: str, size: tuple[int, int], suffix: str) -> str:
    return f"{picture}-{size[0]}x{size[1]}{suffix}"


def keys_table() -> str:
    """The registry of keys as a table."""
    rows = [
        f"| `{key.cap}` | {key.help} | {_DANGERS[key.danger]} | {_commands(key.command)} |"
        for key in KEYS
    ]
    return "\n".join(["| Key | What it does | Writes | The same by |", "|---|---|---|---|", *rows])


def _commands(text: str) -> str:
    return ", ".join(f"`{command}`" for command in text.split(" · ")) if text else ""


_DANGERS = {"none": "", "writes": "yes", "severe": "asks for the name"}


def page(text: str) -> str:
    """The page of the dashboard with the keys as they are."""
    head, rest = text.split("<!-- keys", 1)
    first, rest = rest.split("-->\n", 1)
    _, tail = rest.split("<!-- end of keys -->", 1)
    return f"{head}<!-- keys{first}-->\n\n{keys_table()}\n\n<!-- end of keys -->{tail}"


def main() -> None:
    """Write all pictures, and the keys into the page."""
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    TARGET.mkdir(exist_ok=True)
    with story() as store:
        for size in SIZES:
            for picture, (text, drawn) in take(store, size, draws=True).items():
                (TARGET / _name(picture, size, ".txt")).write_text(text, encoding="utf-8")
                for end, svg in drawn.items():
                    (TARGET / _name(picture, size, f"{end}.svg")).write_text(svg, encoding="utf-8")


if __name__ == "__main__":
    main()
