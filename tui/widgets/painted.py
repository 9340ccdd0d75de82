"""Widgets that paint lines of spans: no markup is ever parsed, and tones follow the theme."""

from __future__ import annotations

from collections.abc import Sequence

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widget import Widget

from tui.widgets.plain_signs import in_ascii
from tui.widgets.spans import EMPTY, Ground, Line, fit
from tui.widgets.themes import style


class Painted(Widget):
    """Base of widgets that paint lines of spans in the colours of the theme."""

    def paint(self, content: Line, width: int, base: Style, ground: Ground | None = None) -> Strip:
        """Return the line in exactly `width` cells over the style, or the ground, of its widget."""
        theme, is_ascii = self.app.theme, getattr(self.app, "is_ascii", False)
        segments: list[Segment] = []
        for text, tone, own, shade in fit(content, width):
            over = style(theme, base, tone, own or ground, shade)
            if is_ascii:
                text = in_ascii(text)
            if segments and segments[-1].style == over:
                text = segments.pop().text + text
            segments.append(Segment(text, over))
        return Strip(segments, width)


class Band(Painted):
    """A few lines that are always visible, as tall as their content."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._lines: Sequence[Line] = ()

    def show_lines(self, lines: Sequence[Line]) -> None:
        """Show these lines; the same lines are not painted again."""
        if lines == self._lines:
            return
        is_taller = len(lines) != len(self._lines)
        self._lines = lines
        if is_taller:
            self.styles.height = len(lines)
        self.refresh(layout=is_taller)

    def render_line(self, y: int) -> Strip:
        """Return one line of the band."""
        content = self._lines[y] if y < len(self._lines) else EMPTY
        return self.paint(content, self.size.width, self.rich_style)


class ScrolledLines(ScrollView, Painted, can_focus=True):
    """Lines that may be taller and wider than the screen: text to scroll through."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._lines: Sequence[Line] = ()

    def show_lines(self, lines: Sequence[Line]) -> None:
        """Show these lines and keep the scroll position."""
        if lines == self._lines:
            return
        self._lines = lines
        self.virtual_size = Size(self.scrollable_content_region.width, len(lines))
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """Return one visible line."""
        at = y + self.scroll_offset.y
        content = self._lines[at] if at < len(self._lines) else EMPTY
        return self.paint(content, self.scrollable_content_region.width, self.rich_style)
