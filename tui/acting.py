"""The part of the dashboard that acts for a person: questions, proposals, and toasts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from textual.notifications import SeverityLevel
from textual.screen import ModalScreen

from store import MqError
from store.engine.broker import Broker
from store.model.text import printable
from tui.poller import Poller
from tui.terminal import TerminalApp
from tui.view import Answer
from tui.widgets.dialogs import Confirm, ProposedAction


class ActingApp(TerminalApp):
    """An app that shows a preview before it changes the store, and writes in a thread."""

    def __init__(self, store: Broker, poller: Poller) -> None:
        super().__init__()
        self.store = store
        self.poller = poller
        self._writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="write")

    async def on_unmount(self) -> None:
        """End the thread."""
        self._writer.shutdown(wait=False, cancel_futures=True)

    async def fetch(self, question: Callable[[Broker], Answer]) -> Answer:
        """Ask the store something in the poller's thread; raises what the question raises."""
        return await self.poller.fetch(question)

    async def ask(self, dialog: ModalScreen[Answer]) -> Answer | None:
        """Show a dialog and wait for its answer; only the work of `begin` may call this."""
        return await self.push_screen_wait(dialog)

    def begin(self, work: Coroutine[Any, Any, None]) -> None:
        """Begin work that asks the person."""
        self.run_worker(work, group="deed")

    def propose(self, prepare: Callable[[Broker], ProposedAction]) -> None:
        """Prepare an action, show its preview and its command, and do it if the person agrees."""
        self.begin(self._propose(prepare))

    async def _propose(self, prepare: Callable[[Broker], ProposedAction]) -> None:
        try:
            deed = await self.poller.fetch(prepare)
            if not await self.push_screen_wait(Confirm(deed)):
                return
            loop = asyncio.get_running_loop()
            self.say(await loop.run_in_executor(self._writer, deed.run, self.store))
        except MqError as error:
            self.report(error)
        self.poller.look()

    def say(self, text: str, severity: SeverityLevel = "information") -> None:
        """Show a text in a toast, unless it is shown already."""
        if all(note.message != printable(text) for note in self._notifications):
            self.notify(printable(text), severity=severity, timeout=4, markup=False)

    def report(self, error: MqError) -> None:
        """Show an error and its hint."""
        hint = f"\n{printable(error.shell_hint)}" if error.hint else ""
        self.notify(printable(error.message) + hint, severity="error", timeout=8, markup=False)
