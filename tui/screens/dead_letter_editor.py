"""The value of a dead letter in an editor, to be mended."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import TextArea

from store import Message, MqError
from store.model.addresses import parse_address
from store.model.text import printable
from tui.actions.dead_letter_deeds import prepare_edit
from tui.view import ViewHost
from tui.widgets.dialogs import Dialog
from tui.widgets.painted import Band
from tui.widgets.spans import EMPTY, Tone, line, toned


async def ask_edit(host: ViewHost, address: str) -> None:
    """Let a person edit the value of a dead letter, and propose to send the result."""
    place = parse_address(address)
    assert place.offset is not None
    name, sequence = place.name, place.offset
    try:
        letter = await host.fetch(lambda store: store.message(name, sequence))
    except MqError as error:
        host.report(error)
        return
    text = editable(letter)
    if text is None:
        why = f"{address} holds bytes that can't be shown as text"
        host.say(f"{why}: mq dlq edit {address} --file FILE", "warning")
        return
    new = await host.ask(Editor(address, text))
    if new == text:
        host.say(f"{address}: nothing was changed")
    elif new is not None:
        host.propose(prepare_edit(letter, new.encode()))


def editable(letter: Message) -> str | None:
    """Return the value as text, or `None` if a terminal can't show it as it is."""
    try:
        text = (letter.value or b"").decode()
    except UnicodeDecodeError:
        return None
    return text if printable(text, block=True) == text else None


class Editor(Dialog[str | None]):
    """A text to edit; answers the new text, or `None`."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s", "done", "Preview", priority=True),
    ]

    def __init__(self, title: str, text: str) -> None:
        super().__init__()
        self._title = title
        self._text = text

    def compose(self) -> ComposeResult:
        """Yield the text, and the keys that end the editor."""
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = f"edit {self._title}"
            yield TextArea(self._text, id="text", soft_wrap=True)
            yield Band(id="answers")

    def fill(self) -> None:
        """Begin in the text."""
        keys = line(toned(" ctrl+s", Tone.KEY), " preview   ", toned("esc", Tone.KEY), " leave it")
        self.query_one("#answers", Band).show_lines([EMPTY, keys])
        self.query_one(TextArea).focus()

    def action_done(self) -> None:
        """Answer with the text."""
        self.dismiss(self.query_one(TextArea).text)
