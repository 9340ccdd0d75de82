"""The bar of tabs: the screens with their keys, of which a click opens one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from textual import events
from textual.message import Message

from tui.keys import Key
from tui.widgets.frame import tab_line
from tui.widgets.painted import Band
from tui.widgets.spans import Line


class TabBar(Band):
    """The tabs of the screens, and beside a name the count of what needs attention there."""

    class Opened(Message):
        """A request to open a screen."""

        def __init__(self, screen: str) -> None:
            super().__init__()
            self.screen = screen

    def __init__(self, screens: Sequence[Key], *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._screens = screens
        self._ends: list[tuple[int, str]] = []

    def show_tabs(self, open_id: str, width: int, counts: Mapping[str, Line]) -> None:
        """Show the tabs, one of them open, with counts by the ids of screens."""
        content, self._ends = tab_line(self._screens, open_id, width, counts)
        self.show_lines([content])

    def on_click(self, event: events.Click) -> None:
        """Open the screen whose tab was clicked."""
        screen = next((id for end, id in self._ends if event.x < end), None)
        if screen is not None:
            self.post_message(self.Opened(screen))
