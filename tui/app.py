"""The dashboard: tabs, vitals, the stall strip, a view, and the keys; all follow one poller."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen
from textual.widgets import Input, TextArea

from store import MqError, Overview, Stall
from store.engine.broker import Broker
from tui.acting import ActingApp
from tui.actions.asking import ask_publish
from tui.actions.dead_letter_deeds import prepare_undo
from tui.keys import BY_ID, EVERYWHERE, footer_keys
from tui.places import KEYS, SCREEN_BY_ID, find_place
from tui.poller import Inquiry, Polled, Poller, PollFailed
from tui.screens.help import Help
from tui.screens.stall import StallView
from tui.view import View, ViewHost
from tui.view_stack import ViewRequested, ViewStack
from tui.widgets.frame import footer_line, shown_rows, tab_counts, trouble_line, vitals_line
from tui.widgets.painted import Band
from tui.widgets.palette import Palette, offer_rows, place_of
from tui.widgets.plain_signs import is_ascii_terminal
from tui.widgets.prompt import Prompt, PromptSpec
from tui.widgets.strip import StallStrip
from tui.widgets.tabs import TabBar
from tui.widgets.themes import PALETTES, theme_after, usual_theme

_SHORTEST, _LONGEST = 0.25, 60.0


class Dashboard(ActingApp):
    """`mq dashboard`: the stuck messages, the cause, since when, and the ways out."""

    CSS_PATH = "app.tcss"
    ENABLE_COMMAND_PALETTE = False
    TITLE = "mq"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+p", "offer", show=False, priority=True),
        *(
            Binding(key.key, f"press('{key.id}')", key.help, id=key.id, show=False, priority=True)
            for key in KEYS
        ),
    ]

    def __init__(
        self, store: Broker, *, read_only: bool = False, refresh: float = 1.0, ticking: bool = True,
        environment: Mapping[str, str] | None = None,
    ) -> None:  # fmt: skip
        super().__init__(store, Poller(store, refresh, ticking=ticking))
        self.is_ascii = is_ascii_terminal(environment or {})
        self.read_only = read_only
        self.filter_text = ""
        self.faults_only = False
        self.findings: int | None = None
        self.overview: Overview | None = None
        self._body = ViewStack()
        self._prompt = Prompt(when_closed=self._refocus)
        for palette in PALETTES.values():
            self.register_theme(palette.theme())
        self.theme = usual_theme(environment or {})

    def compose(self) -> ComposeResult:
        """Compose tabs, vitals, strip, body, prompt and footer."""
        yield TabBar(KEYS[: len(SCREEN_BY_ID)], id="tabs")
        yield Band(id="vitals")
        yield StallStrip(id="strip")
        yield self._body
        yield self._prompt
        yield Band(id="footer")
        yield self.poller

    async def on_mount(self) -> None:
        """Begin with the overview."""
        await self.show_screen("overview")

    # The screen

    @property
    def view(self) -> View:
        """The view in the body."""
        return self._body.top

    def open_view(self, view: View, over: View) -> None:
        """Open a view over another one, unless the person has left that one by then."""
        self.post_message(ViewRequested(view, over))

    @on(ViewRequested)
    async def _open(self, event: ViewRequested) -> None:
        if event.over is self.view:
            await self._put(event.view)

    async def _put(self, view: View) -> None:
        await self._body.put(view)
        self._arrived()

    async def go_back(self) -> None:
        """Close the view and show the one below."""
        await self._body.drop_top()
        self._arrived()

    async def show_screen(self, id: str) -> None:
        """Show one of the screens and close the views over the present one."""
        bottom = self._body.bottom
        if bottom is not None and bottom.title == id:
            await self._body.drop_to(bottom)
        else:
            await self._body.replace(SCREEN_BY_ID[id]())
        self._arrived()

    def _arrived(self) -> None:
        self.poller.give_up()
        self._inquire()
        self._refocus()
        if self.overview is not None:
            self.view.show_known(self.overview)
        self._paint_bands()

    def _inquire(self) -> None:
        self.poller.inquiry = Inquiry(self.view, self.view.question())
        self.poller.look()

    def _refocus(self) -> None:
        # A view that opens late must not take the keys from a person who types.
        if not self._prompt.is_open:
            self.view.refocus()

    @on(Polled)
    def _polled(self, event: Polled) -> None:
        if event.inquiry is not self.poller.inquiry:
            return
        self.overview = event.sight.overview
        with self.batch_update():
            event.inquiry.view.receive(event.sight.overview, event.sight.detail)
            self._paint_bands()

    @on(PollFailed)
    def _poll_failed(self, event: PollFailed) -> None:
        # Shown in the header until a look succeeds: a toast would come with every look.
        trouble = trouble_line(event.error.message, self.overview)
        self.query_one("#vitals", Band).show_lines([trouble])

    def ask_again(self) -> None:
        """Ask the view's question again, after it has changed."""
        self._inquire()

    def _paint_bands(self) -> None:
        width, view = self.size.width, self.view
        ids = ("back", *view.key_ids()) if self._body.is_deep else view.key_ids()
        keys = footer_keys(ids, view.LABELS, view.ENTER, view.TAB)
        everywhere = footer_keys(EVERYWHERE, {})
        footer = footer_line(keys, everywhere, width, read_only=self.read_only)
        self.query_one("#footer", Band).show_lines([footer])
        bottom = self._body.bottom or view
        self.query_one(TabBar).show_tabs(
            bottom.title, width, tab_counts(self.overview, self.findings)
        )
        if self.overview is None:
            return
        only = shown_rows(self.filter_text, faults_only=self.faults_only)
        vitals = vitals_line(
            self.overview, width, is_paused=self.poller.is_paused, read_only=self.read_only,
            pace=self.poller.interval, only=only,
        )  # fmt: skip
        self.query_one("#vitals", Band).show_lines([vitals])
        strip = self.query_one(StallStrip)
        strip.show_stalls(self.overview.stalls, self.overview.stall_count)
        strip.follow(view.stall if isinstance(view, StallView) else None)
        if strip.has_focus and not strip.can_focus:
            self._refocus()

    @property
    def crumbs(self) -> tuple[str, ...]:
        """The names of the views below the present one, the screen first."""
        return tuple(view.crumb for view in self._body.below)

    @on(TabBar.Opened)
    async def _open_tab(self, event: TabBar.Opened) -> None:
        await self.show_screen(event.screen)

    def on_resize(self, event: events.Resize) -> None:
        """Lay everything out for the new size."""
        if self.overview is not None:
            self._paint_bands()
            self.poller.look()

    # Keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Leave keys to focused inputs, except escape, and to dialogs.

        Keys come before all other bindings, in the order in which they were typed, so a key takes
        effect where the previous one led, even when all arrive at once.
        """
        if action not in {"press", "offer"}:
            return super().check_action(action, parameters)
        is_typing = isinstance(self.focused, Input | TextArea) and "back" not in parameters
        return not is_typing and not isinstance(self.screen, ModalScreen)

    async def action_press(self, id: str) -> None:
        """Do the action of a key: the view's own, or otherwise the dashboard's."""
        if id == "back" and self._prompt.is_open:
            self._prompt.close()
            return
        if id in SCREEN_BY_ID:
            await self.show_screen(id)
            return
        if not self.may_write(id):
            return
        for owner in (self.view, self):
            handler = getattr(owner, f"press_{id}", None)
            if handler is not None:
                result = handler()
                if asyncio.iscoroutine(result):
                    await result
                return
        self.say(f"{BY_ID[id].cap} does nothing here; ? shows the keys")

    def on_key(self, event: events.Key) -> None:
        """Answer a key that has no meaning anywhere."""
        if event.is_printable and not isinstance(self.focused, Input | TextArea):
            self.say(f"{event.character} does nothing; ? shows the keys")

    def may_write(self, id: str) -> bool:
        """Return whether this key may be used; say why if it may not."""
        if BY_ID[id].writes and self.read_only:
            self.say(f"{BY_ID[id].cap} writes, and this is mq dashboard --read-only", "warning")
            return False
        return True

    def press_help(self) -> None:
        """Show all keys."""
        self.push_screen(Help(KEYS, read_only=self.read_only))

    async def press_back(self) -> None:
        """Give up a pending question; without one drop the filter; without a filter go back."""
        if self.poller.give_up():
            return
        if self.filter_text:
            self._set_filter("")
        elif self._body.is_deep:
            await self.go_back()
        else:
            self.say("esc does nothing here; q quits")

    def press_filter(self) -> None:
        """Ask for a text that rows must contain, and follow as it is typed."""
        hint = "text that rows contain, or !text"
        self._prompt.ask(PromptSpec("/", hint, self._set_filter, as_typed=True), self.filter_text)

    def press_jump(self) -> None:
        """Ask for a place to go to."""
        self._prompt.ask(PromptSpec(":", "a name, an address, or a screen", self.jump))

    async def action_offer(self) -> None:
        """Offer every action and every place."""
        subjects = self.overview.subjects if self.overview else ()
        rows = offer_rows(KEYS, subjects, read_only=self.read_only)
        await self.push_screen(Palette(rows), self._do_offered)

    async def _do_offered(self, key: str | None) -> None:
        place = place_of(key or "")
        if place is not None:
            self.jump(place)
        elif key is not None:
            await self.action_press(key)

    def press_stall(self) -> None:
        """Choose the next stall on the strip."""
        if not self.query_one(StallStrip).choose_next():
            self.say("nothing is stalled")

    def press_faults(self) -> None:
        """Show only rows with faults, or all rows again."""
        self.faults_only = not self.faults_only
        self.say("only rows with faults; z shows all" if self.faults_only else "everything")
        self.show_again()

    def press_copy(self) -> None:
        """Copy the command for the selection."""
        self.copy_command()

    def copy_command(self) -> None:
        """Copy the command for the selection, through the terminal (OSC 52)."""
        command = self.view.command()
        if command is None:
            self.say("nothing is selected")
            return
        self.copy_to_clipboard(command)
        self.say(f"copied: {command}")

    def press_pause(self) -> None:
        """Pause, or go on."""
        self.poller.is_paused = not self.poller.is_paused
        if not self.poller.is_paused:
            self.poller.look()
        self._paint_bands()

    def press_slower(self) -> None:
        """Look half as often."""
        self._set_pace(self.poller.interval * 2)

    def press_faster(self) -> None:
        """Look twice as often."""
        self._set_pace(self.poller.interval / 2)

    def _set_pace(self, interval: float) -> None:
        self.poller.set_pace(min(max(interval, _SHORTEST), _LONGEST))
        self._paint_bands()
        self.say(f"looks every {self.poller.interval:g} s, and when something changes")

    def press_theme(self) -> None:
        """Go on to the next theme."""
        self.theme = theme_after(self.theme)

    def press_quit(self) -> None:
        """Leave."""
        self.exit()

    def press_undo(self) -> None:
        """Take back the last redrive or edit of dead letters."""
        self.propose(prepare_undo)

    def press_publish(self) -> None:
        """Ask for a message and its destination, and publish it."""
        self.begin(ask_publish(self, self.view.destination()))

    # Places

    def jump(self, place: str) -> None:
        """Go to a screen, a name or an address."""
        if place:
            self.run_worker(self._jump(place))

    async def _jump(self, place: str) -> None:
        over = self.view
        screen = next((id for id in SCREEN_BY_ID if id.startswith(place.casefold())), None)
        try:
            view = await self.poller.fetch(lambda store: find_place(store, place))
        except MqError as error:
            if screen is None:
                self.report(error)
            else:
                self.call_later(self.show_screen, screen)
            return
        self.open_view(view, over)

    @on(StallStrip.Opened)
    async def _open_stall(self, event: StallStrip.Opened) -> None:
        await self.open_stall(event.stall)

    async def open_stall(self, stall: Stall) -> None:
        """Open a stall's card, or show it on the one that is open."""
        if isinstance(self.view, StallView):
            self.view.follow(stall)
            self.show_again()
        else:
            await self._put(StallView(stall))

    def _set_filter(self, text: str) -> None:
        self.filter_text = text
        self.show_again()

    def show_again(self) -> None:
        """Show the last answer again, after a change of the filter or of a form."""
        if self.overview is not None:
            self.view.show_known(self.overview)
            self._paint_bands()


if TYPE_CHECKING:

    def _is_a_host(dashboard: Dashboard) -> ViewHost:
        return dashboard
