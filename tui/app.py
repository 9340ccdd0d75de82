"""The dashboard: a header, the stall strip, a view, and the keys; all of it follows one poller."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from signal import SIGTERM
from typing import ClassVar

from textual import events, on
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.notifications import SeverityLevel
from textual.screen import ModalScreen
from textual.widgets import Input, TextArea

from store import MqError, Overview, Stall, Store
from store.text import printable
from tui.asking import ask_publish
from tui.bands import footer_line, header_line
from tui.dialogs import Confirm, Deed
from tui.help import Help
from tui.keys import BY_ID, KEYS, SCREENS, footer_keys
from tui.painted import Band
from tui.palette import Palette
from tui.places import find_place, make_screen
from tui.poller import Polled, Poller, PollFailed
from tui.prompt import Asking, Prompt
from tui.screens.records import MessagesView, RecordsView
from tui.screens.stall import StallView
from tui.spans import Tone, line, toned
from tui.strip import StallStrip
from tui.themes import THEMES, theme_after
from tui.view import View

_SHORTEST, _LONGEST = 0.25, 60.0


class Dashboard(App[None]):
    """`mq dashboard`: what is stuck, why, since when, and what to do about it."""

    CSS_PATH = "app.tcss"
    COMMANDS = {Palette}  # noqa: RUF012 (as Textual declares it)
    TITLE = "mq"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            key.key, f"press('{key.id}')", key.help,
            id=key.id, show=False, priority=key.opens_input,
        )
        for key in KEYS
    ]  # fmt: skip

    def __init__(
        self, store: Store, *, read_only: bool = False, refresh: float = 1.0, ticking: bool = True
    ) -> None:
        super().__init__()
        self.store = store
        self.read_only = read_only
        self.filter_text = ""
        self.faults_only = False
        self.overview: Overview | None = None
        self.poller = Poller(store, refresh, ticking=ticking)
        self._views: list[View] = []
        self._prompt = Prompt(when_closed=self._refocus)
        self._writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="write")
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = THEMES[0].name

    def compose(self) -> ComposeResult:
        """Header, strip, body, prompt, footer."""
        yield Band(id="header")
        yield StallStrip(id="strip")
        yield Container(id="body")
        yield self._prompt
        yield Band(id="footer")
        yield self.poller

    async def on_mount(self) -> None:
        """Begin with the overview."""
        if not self.is_headless:
            self.set_interval(1.0, self._leave_without_terminal)
            # Killed, it would leave a terminal that echoes nothing.
            asyncio.get_running_loop().add_signal_handler(SIGTERM, self.exit, None, 128 + SIGTERM)
        await self.show_screen("overview")

    def _leave_without_terminal(self) -> None:
        # Else it would wait for keys, at the cost of a core, from a terminal that is gone.
        if not os.isatty(0):
            self.exit()

    async def on_unmount(self) -> None:
        """End the threads."""
        self._writer.shutdown(wait=False, cancel_futures=True)

    # What is on screen

    @property
    def view(self) -> View:
        """The view in the body."""
        return self._views[-1]

    async def open_view(self, view: View) -> None:
        """Put a view over the present one; escape goes back."""
        if self._views:
            self.view.display = False
        self._views.append(view)
        await self.query_one("#body").mount(view)
        self._arrived()

    async def go_back(self) -> None:
        """Close the view and show the one below."""
        if len(self._views) > 1:
            await self._views.pop().remove()
            self.view.display = True
            self._arrived()

    async def show_screen(self, id: str) -> None:
        """Show one of the six screens; what was over the present one is closed."""
        if self._views and self._views[0].title == id:
            while len(self._views) > 1:
                await self.go_back()
            return
        for view in self._views:
            await view.remove()
        self._views.clear()
        await self.open_view(make_screen(id))

    def _arrived(self) -> None:
        self.poller.question = self.view.question()
        self._refocus()
        if self.overview is not None:
            self.view.show_known(self.overview)
        self.poller.look()
        self._paint_bands()

    def _refocus(self) -> None:
        # A view that opens late must not take the keys from somebody who types.
        if not self._prompt.is_open:
            self.view.refocus()

    @on(Polled)
    def _polled(self, event: Polled) -> None:
        if event.question is not self.poller.question:
            return
        self.overview = event.sight.overview
        with self.batch_update():
            self.view.receive(event.sight.overview, event.sight.detail)
            self._paint_bands()

    @on(PollFailed)
    def _poll_failed(self, event: PollFailed) -> None:
        # In the header, where it stays until a look succeeds: every look would bring a toast.
        trouble = line(" ", toned("■ can't look: ", Tone.STALLED), event.error.message)
        self.query_one("#header", Band).show_lines([trouble])

    def ask_again(self) -> None:
        """The view asks something else now."""
        self.poller.question = self.view.question()
        self.poller.look()

    def _paint_bands(self) -> None:
        width = self.size.width
        ids = self.view.key_ids()
        if len(self._views) > 1:
            ids = ("back", *ids)
        keys = footer_keys(ids, self.view.LABELS)
        footer = footer_line(keys, width, read_only=self.read_only)
        self.query_one("#footer", Band).show_lines([footer])
        if self.overview is None:
            return
        only = [f"/{self.filter_text}"] if self.filter_text else []
        only += ["faults only"] if self.faults_only else []
        header = header_line(
            self.overview, width,
            is_paused=self.poller.is_paused, read_only=self.read_only, only="  ".join(only),
        )  # fmt: skip
        self.query_one("#header", Band).show_lines([header])
        strip = self.query_one(StallStrip)
        strip.show_stalls(self.overview.stalls, self.overview.stall_count)
        if strip.has_focus and not strip.can_focus:
            self._refocus()

    def on_resize(self, event: events.Resize) -> None:
        """Lay everything out for the new size."""
        if self._views and self.overview is not None:
            self._paint_bands()
            self.poller.look()

    # Keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Leave the keys that open an input to one that is open, and to dialogs.

        They come before the bindings of the table, so that what is typed after them goes into the
        input even when all of it arrives at once.
        """
        if action == "press" and BY_ID[str(parameters[0])].opens_input:
            is_typing = isinstance(self.focused, Input | TextArea)
            return not is_typing and not isinstance(self.screen, ModalScreen)
        return super().check_action(action, parameters)

    async def action_press(self, id: str) -> None:
        """Do what a key of the registry says: the view's way, else the dashboard's."""
        if not self.may_write(id):
            return
        for owner in (self.view, self):
            handler = getattr(owner, f"press_{id}", None)
            if handler is not None:
                result = handler()
                if asyncio.iscoroutine(result):
                    await result
                return
        self.say(f"{BY_ID[id].cap} does nothing here")

    def may_write(self, id: str) -> bool:
        """Whether this key may be used; if it may not, say why."""
        if BY_ID[id].writes and self.read_only:
            self.say(f"{BY_ID[id].cap} writes, and this is mq dashboard --read-only", "warning")
            return False
        return True

    def press_help(self) -> None:
        """Show all keys."""
        self.push_screen(Help(read_only=self.read_only))

    async def press_back(self) -> None:
        """Drop the filter first, then go back a view."""
        if self.filter_text:
            self._set_filter("")
        else:
            await self.go_back()

    def press_filter(self) -> None:
        """Ask for a text that rows must contain, and follow as it is typed."""
        hint = "text that rows contain, or !text"
        self._prompt.ask(Asking("/", hint, self._set_filter, as_typed=True), self.filter_text)

    def press_jump(self) -> None:
        """Ask where to go."""
        self._prompt.ask(Asking(":", "a name, an address, or a screen", self.jump))

    def press_stall(self) -> None:
        """Choose the next stall on the strip."""
        self.query_one(StallStrip).choose_next()

    def press_faults(self) -> None:
        """Show only what is not well, or everything again."""
        self.faults_only = not self.faults_only
        self.say("only what is not well; z shows all" if self.faults_only else "everything")
        self.show_again()

    def press_copy(self) -> None:
        """Copy the command for what is selected, through the terminal (OSC 52)."""
        command = self.view.command()
        if command is None:
            self.say("nothing is selected")
            return
        self.copy_to_clipboard(command)
        self.say(f"copied: {command}")

    def press_pause(self) -> None:
        """Stand still, or go on."""
        self.poller.is_paused = not self.poller.is_paused
        if not self.poller.is_paused:
            self.poller.look()
        self._paint_bands()

    def press_slower(self) -> None:
        """Look half as often."""
        self._set_pace(min(self.poller.interval * 2, _LONGEST))

    def press_faster(self) -> None:
        """Look twice as often."""
        self._set_pace(max(self.poller.interval / 2, _SHORTEST))

    def _set_pace(self, interval: float) -> None:
        self.poller.set_pace(interval)
        self.say(f"looks every {interval:g} s, and when something changes")

    def press_theme(self) -> None:
        """Go on to the next theme."""
        self.theme = theme_after(self.theme).name

    def press_quit(self) -> None:
        """Leave."""
        self.exit()

    async def press_overview(self) -> None:
        """Screen 1."""
        await self.show_screen("overview")

    async def press_topics(self) -> None:
        """Screen 2."""
        await self.show_screen("topics")

    async def press_queues(self) -> None:
        """Screen 3."""
        await self.show_screen("queues")

    async def press_letters(self) -> None:
        """Screen 4."""
        await self.show_screen("letters")

    async def press_topology(self) -> None:
        """Screen 5."""
        await self.show_screen("topology")

    async def press_advice(self) -> None:
        """Screen 6."""
        await self.show_screen("advice")

    def press_publish(self) -> None:
        """Ask what to publish, and where to."""
        self.run_worker(ask_publish(self, self.view.destination()), group="deed")

    # Going places

    def jump(self, place: str) -> None:
        """Go to a screen, a name or an address."""
        if place:
            self.run_worker(self._jump(place))

    async def _jump(self, place: str) -> None:
        screen = next((id for id in SCREENS if id.startswith(place.casefold())), None)
        try:
            view = await self.poller.ask(lambda store: find_place(store, place))
        except MqError as error:
            if screen is None:
                self.report(error)
            else:
                await self.show_screen(screen)
            return
        await self.open_view(view)

    @on(StallStrip.Opened)
    async def _open_stall(self, event: StallStrip.Opened) -> None:
        await self.open_stall(event.stall)

    async def open_stall(self, stall: Stall) -> None:
        """Open a stall's card, or show it on the one that is open."""
        if isinstance(self.view, StallView):
            self.view.follow(stall)
            self.show_again()
        else:
            await self.open_view(StallView(stall))

    async def open_records(self, topic: str, partition: int, group: str = "") -> None:
        """Open the records of a partition, from where a group stands."""
        await self.open_view(RecordsView(topic, partition, group))

    async def open_messages(self, queue: str) -> None:
        """Open the messages of a queue."""
        await self.open_view(MessagesView(queue))

    def _set_filter(self, text: str) -> None:
        self.filter_text = text
        self.show_again()

    def show_again(self) -> None:
        """Show what is known once more, after a change of the filter or of a form."""
        if self.overview is not None:
            self.view.show_known(self.overview)
            self._paint_bands()

    # Doing things

    def propose(self, prepare: Callable[[Store], Deed]) -> None:
        """Prepare a deed, show its preview and its command, and do it if the person agrees."""
        self.run_worker(self._propose(prepare), group="deed")

    async def _propose(self, prepare: Callable[[Store], Deed]) -> None:
        try:
            deed = await self.poller.ask(prepare)
            if not await self.push_screen_wait(Confirm(deed)):
                return
            loop = asyncio.get_running_loop()
            self.say(await loop.run_in_executor(self._writer, deed.run, self.store))
        except MqError as error:
            self.report(error)
        self.poller.look()

    def say(self, text: str, severity: SeverityLevel = "information") -> None:
        """Say something in a toast."""
        self.notify(printable(text), severity=severity, timeout=4, markup=False)

    def report(self, error: MqError) -> None:
        """Say what went wrong, and the way out."""
        hint = f"\n{printable(error.hint)}" if error.hint else ""
        self.notify(printable(error.message) + hint, severity="error", timeout=8, markup=False)
