"""The stall strip: a line per stall on every screen, hidden when there is none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message

from store import Stall
from tui.widgets.bands import is_same_stall, strip_lines
from tui.widgets.painted import Band


class StallStrip(Band, can_focus=True):
    """The stalls, worst first; `n` chooses one, enter opens its card."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "choose(-1)", "Worse", show=False),
        Binding("down", "choose(1)", "Less bad", show=False),
        Binding("enter", "open", "Open", show=False),
    ]

    class Opened(Message):
        """A request to open the card of a stall."""

        def __init__(self, stall: Stall) -> None:
            super().__init__()
            self.stall = stall

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._stalls: Sequence[Stall] = ()
        self._count = 0
        self._chosen = -1
        self.is_open = False

    def follow(self, stall: Stall | None) -> None:
        """Keep the stall chosen whose card is open."""
        before = self._chosen, self.is_open
        self.is_open = stall is not None
        places = (at for at, one in enumerate(self._stalls) if stall and is_same_stall(one, stall))
        # A stall that is over is on no line.
        self._chosen = next(places, self._chosen if stall is None else -1)
        if (self._chosen, self.is_open) != before:
            self._show_again()

    def show_stalls(self, stalls: Sequence[Stall], count: int) -> None:
        """Show these stalls, possibly not all; the choice stays with its stall."""
        chosen = self._stalls[self._chosen] if 0 <= self._chosen < len(self._stalls) else None
        places = (at for at, stall in enumerate(stalls) if chosen and is_same_stall(stall, chosen))
        self._chosen = next(places, min(self._chosen, len(stalls) - 1))
        self._stalls, self._count = stalls, count
        self.can_focus = bool(stalls)
        shown = self._chosen if self.has_focus or self.is_open else None
        width, height = self.app.size
        self.show_lines(strip_lines(stalls, count, width, height, shown))

    def choose_next(self) -> bool:
        """Choose the next stall, or the first after the last; return whether there is one."""
        if not self._stalls:
            return False
        self._chosen = (self._chosen + 1) % len(self._stalls)
        self.focus()
        self._show_again()
        return True

    def action_choose(self, by: int) -> None:
        """Move the choice."""
        self._chosen = max(0, min(self._chosen + by, len(self._stalls) - 1))
        self._show_again()

    def action_open(self) -> None:
        """Open the card of the chosen stall."""
        if self._stalls:
            self.post_message(self.Opened(self._stalls[max(0, self._chosen)]))

    def on_click(self, event: events.Click) -> None:
        """Open the card of the stall that was clicked."""
        most = len(self._lines) - (len(self._lines) < self._count)
        first = max(0, self._chosen - most + 1) if self.has_focus or self.is_open else 0
        if first + event.y < len(self._stalls):
            self._chosen = first + event.y
            self.action_open()

    def on_focus(self) -> None:
        """Show the choice."""
        self._chosen = max(0, self._chosen)
        self._show_again()

    def on_blur(self) -> None:
        """Hide the choice."""
        self._show_again()

    def _show_again(self) -> None:
        self.show_stalls(self._stalls, self._count)
