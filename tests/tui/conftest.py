"""A store with things to see, and a person at a dashboard that looks only when told to."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator

import pytest
from textual import events
from textual.keys import _character_to_key
from textual.pilot import Pilot
from textual.screen import ModalScreen

from store import NewRecord, Store
from store.model.clock import ManualClock
from tui.app import Dashboard
from tui.widgets.live_table import LiveTable
from tui.widgets.spans import plain

HOSTILE = b"[/x] [bold]\x1b[31m\xc2\x9b2J\xe2\x80\xaeevil\x07"
"""Rich markup, escapes in both forms, and a change of the writing direction."""


@pytest.fixture
def shop(store: Store) -> Store:
    """Orders, mails with a DLQ, and invoices in order; keys and values are hostile."""
    store.create_topic("orders", partitions=2)
    store.create_queue("emails.dlq")
    store.create_queue("emails", max_deliveries=2, dlq="emails.dlq")
    store.create_queue("invoices", fifo=True)
    store.produce_many("orders", [NewRecord(HOSTILE, key=b"cust-88", partition=0)] * 30)
    store.send("emails", HOSTILE, key=HOSTILE)
    for number in range(4):
        store.send("invoices", b"%d" % number, message_group="acct-1")
    return store


@pytest.fixture
def stalled(shop: Store, clock: ManualClock) -> Iterator[Store]:
    """The shop, with `billing` stuck at orders/0@0 and `invoices` at its first message."""
    with shop.consumer("billing", ["orders"], member="worker-7", session_timeout=3600) as consumer:
        for _ in range(6):
            record = consumer.poll(1, timeout=0)[0]
            consumer.fail(record, "card_api 502 [/x]")
            consumer.seek("orders", 0, 0)
        shop.receive("invoices", lease=3600, holder="bookkeeper")
        clock.advance(60)
        yield shop


class Person:
    """Somebody at the dashboard: presses keys, and reads the screen."""

    def __init__(self, app: Dashboard, pilot: Pilot[None]) -> None:
        self.app = app
        self._pilot = pilot

    async def press(self, *keys: str) -> None:
        """Press keys one after the other, each when the one before has had its effect."""
        for key in keys:
            await self._pilot.press(key)
            await self.settle()

    async def click(self, selector: str, x: int, y: int = 0) -> None:
        """Click on a cell of a widget."""
        await self._pilot.click(selector, offset=(x, y))
        await self.settle()

    async def type(self, text: str) -> None:
        """Type text into what has the focus."""
        await self._pilot.press(*("space" if char == " " else char for char in text))
        await self.settle()

    async def burst(self, text: str) -> None:
        """Send keys all at once, as a paste or a fast typist does, none waiting for the others."""
        for char in text:
            key = _UNSEEN.get(char) or _character_to_key(char)
            self.app.post_message(events.Key(key, char))
        await self.settle()

    async def send(self, key: str) -> None:
        """Press a key while something else is under way, and have it taken in."""
        await self._pilot.press(key)

    async def look(self) -> None:
        """Let the dashboard look at the store again."""
        self.app.poller.look()
        await self.settle()

    async def settle(self) -> None:
        """Wait until nothing is under way: no look, and no deed that does not wait for us."""
        await self._pilot.pause()
        while self._is_busy():
            await self._pilot.pause()
        await self._pilot.pause()

    def _is_busy(self) -> bool:
        asks = isinstance(self.app.screen, ModalScreen)
        return any(
            not worker.is_finished and not (worker.group == "deed" and asks)
            for worker in self.app.workers
        )

    @property
    def toasts(self) -> list[str]:
        """What was said in toasts."""
        return [note.message for note in self.app._notifications]

    def screen(self) -> str:
        """The text on the screen."""
        return screen_text(self.app)

    def rows(self, table: str) -> list[str]:
        """The rows of a table as text."""
        rows = self.app.query_one(f"#{table}", LiveTable).rows
        return ["|".join(plain(cell) for cell in row.cells) for row in rows]


def screen_text(app: Dashboard) -> str:
    """The grid of characters on the screen, without spaces at the ends of lines."""
    strips = app.screen._compositor.render_strips()
    return "\n".join(strip.text.rstrip() for strip in strips)


_UNSEEN = {"\r": "enter", "\x1b": "escape", "\x10": "ctrl+p"}
Errand = Callable[[Person], Awaitable[None]]


@pytest.fixture
def run() -> Callable[..., None]:
    """Run an errand at a dashboard over a store."""

    def run_errand(
        store: Store, errand: Errand, size: tuple[int, int] = (120, 40), read_only: bool = False
    ) -> None:
        import asyncio

        async def at_the_dashboard() -> None:
            app = Dashboard(store, read_only=read_only, ticking=False)
            async with app.run_test(size=size) as pilot:
                person = Person(app, pilot)
                await person.settle()
                await errand(person)

        asyncio.run(at_the_dashboard())

    return run_errand
