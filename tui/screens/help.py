"""The help: the keys and the commands that do the same."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical

from tui.keys import Key
from tui.widgets.dialogs import Dialog
from tui.widgets.figures import STATES
from tui.widgets.painted import ScrolledLines
from tui.widgets.spans import EMPTY, Line, Tone, line, span, toned

_HELP_WIDTH = 47


def help_lines(keys: Iterable[Key], *, read_only: bool) -> list[Line]:
    """Return the meaning of the signs, and a line for each key."""
    signs = line(*(span(f" {glyph} {word}  ", tone) for glyph, word, tone in STATES.values()))
    lines = [_key_line(key, read_only=read_only) for key in keys]
    note = toned(" writing keys are off: mq dashboard --read-only", Tone.LAGGING)
    return [signs, *([note] if read_only else []), EMPTY, *lines]


def _key_line(key: Key, *, read_only: bool) -> Line:
    is_off = read_only and key.writes
    return line(
        toned(f" {key.cap:>6}  ", Tone.DIM if is_off else Tone.KEY),
        toned(f"{key.help:<{_HELP_WIDTH}} ", Tone.DIM if is_off else Tone.TEXT),
        toned(key.command, Tone.DIM),
    )


class Help(Dialog[None]):
    """All keys on one page."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("question_mark,q,enter", "dismiss", "Close", priority=True)
    ]

    def __init__(self, keys: Iterable[Key], *, read_only: bool) -> None:
        super().__init__()
        self._keys = keys
        self._read_only = read_only

    def compose(self) -> ComposeResult:
        """Yield a page to scroll through."""
        with Vertical(classes="dialog", id="help") as dialog:
            dialog.border_title = "mq dashboard · ↑↓ scroll · esc close"
            yield ScrolledLines(id="keys")

    def fill(self) -> None:
        """Fill the page."""
        lines = help_lines(self._keys, read_only=self._read_only)
        page = self.query_one(ScrolledLines)
        page.styles.height = min(len(lines), self.app.size.height - 6)
        page.show_lines(lines)
