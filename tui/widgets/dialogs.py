"""Dialogs before a change: a preview, the exact command, and a yes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import ClassVar, TypeVar

from textual import on
from textual.app import ComposeResult
from textual.await_complete import AwaitComplete
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.css.query import NoMatches
from textual.screen import ModalScreen
from textual.widgets import Input

from store.engine.broker import Broker
from store.model.actions import WayOut
from store.model.shell_texts import as_command
from tui.widgets.painted import Band, ScrolledLines
from tui.widgets.spans import EMPTY, Line, Tone, joined, line, toned
from tui.widgets.values import wrapped

Result = TypeVar("Result")
_MOST_COMMAND_LINES = 6


class Dialog(ModalScreen[Result]):
    """A dialog that answers once; escape leaves it, and it ignores keys after its answer."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Leave", priority=True)
    ]

    def on_mount(self) -> None:
        """Fill the dialog in, unless it was left before its parts were mounted."""
        with suppress(NoMatches):
            self.fill()

    def fill(self) -> None:
        """Fill in what the parts of the dialog show."""

    def dismiss(self, result: Result | None = None) -> AwaitComplete:
        """Close the dialog with an answer, if it is open and on top."""
        if self.app.screen is not self:
            return AwaitComplete()
        return super().dismiss(result)


@dataclass(frozen=True, slots=True)
class ProposedAction:
    """A proposed action: its preview, the steps whose commands do the same, and the call.

    `run` returns the changes in a few words. A severe action has a `name` that must be typed.
    """

    title: str
    preview: Sequence[Line]
    steps: Sequence[WayOut]
    run: Callable[[Broker], str]
    name: str | None = None

    @property
    def command(self) -> str:
        """The commands that do the same, one a line."""
        return "\n".join(map(as_command, self.steps))


class Confirm(Dialog[bool]):
    """Shows the preview and the command, and asks; a severe action wants the name typed."""

    AUTO_FOCUS = "Input"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "agree", "Do it"),
        Binding("y", "copy", "Copy the command"),
    ]

    def __init__(self, deed: ProposedAction) -> None:
        super().__init__()
        self.deed = deed

    def compose(self) -> ComposeResult:
        """Yield the preview, the command, and the possible answers."""
        deed = self.deed
        with Vertical(classes="dialog" if deed.name is None else "dialog -severe") as dialog:
            dialog.border_title = deed.title
            yield ScrolledLines(id="preview")
            yield Band(id="command")
            if deed.name is not None:
                yield Input(id="name", placeholder=f"type {deed.name} to go on")
            yield Band(id="answers")

    def fill(self) -> None:
        """Fill in the preview."""
        preview = self.query_one("#preview", ScrolledLines)
        preview.can_focus = False
        preview.styles.height = min(len(self.deed.preview), 16)
        preview.show_lines([line(" ", *content) for content in self.deed.preview])
        room = min(100, self.app.size.width * 9 // 10) - 8
        commands = [
            line(toned("   " if at else " $ ", Tone.DIM), toned(part, Tone.STRONG))
            for command in self.deed.command.split("\n")
            for at, part in enumerate([*wrapped(command, room)][:_MOST_COMMAND_LINES])
        ]
        self.query_one("#command", Band).show_lines([EMPTY, *commands, EMPTY])
        self.query_one("#answers", Band).show_lines([_answers(self.deed.name is not None)])

    def action_agree(self) -> None:
        """Agree, unless a name has to be typed."""
        if self.deed.name is None:
            self.dismiss(True)

    def action_copy(self) -> None:
        """Copy the command instead."""
        self.app.copy_to_clipboard(self.deed.command)
        self.dismiss(False)

    @on(Input.Submitted, "#name")
    def _named(self, event: Input.Submitted) -> None:
        if event.value == self.deed.name:
            self.dismiss(True)
            return
        wrong = toned("   that is not the name", Tone.STALLED)
        self.query_one("#answers", Band).show_lines([line(*_answers(True), wrong)])


def _answers(is_severe: bool) -> Line:
    enter = "do it" if not is_severe else "do it, once the name is typed"
    copy: Line = EMPTY if is_severe else line(toned("y", Tone.KEY), " copy the command   ")
    return line(
        toned(" enter", Tone.KEY), f" {enter}   ", copy, toned("esc", Tone.KEY), " leave it"
    )


@dataclass(frozen=True, slots=True)
class FormField:
    """A line to fill in: its name, its value, and an example."""

    name: str
    value: str = ""
    example: str = ""


class Form(Dialog[dict[str, str] | None]):
    """A few fields to fill in; answers values by field name, or `None`."""

    def __init__(self, title: str, fields: Sequence[FormField], note: str = "") -> None:
        super().__init__()
        self._title = title
        self._fields = fields
        self._note = note

    def compose(self) -> ComposeResult:
        """Yield a line for each field."""
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = self._title
            for at, field in enumerate(self._fields):
                with Horizontal(classes="field"):
                    yield Band(id=f"label-{at}")
                    yield Input(field.value, placeholder=field.example, id=f"field-{at}")
            yield Band(id="answers")

    def fill(self) -> None:
        """Name the fields and begin in the first empty one."""
        for at, field in enumerate(self._fields):
            self.query_one(f"#label-{at}", Band).show_lines([toned(f" {field.name}", Tone.DIM)])
        keys = joined(
            [
                line(toned(cap, Tone.KEY), f" {does}")
                for cap, does in (("enter", "preview"), ("tab", "next field"), ("esc", "leave it"))
            ],
            "   ",
        )
        note = [toned(f" {self._note}", Tone.DIM)] if self._note else []
        self.query_one("#answers", Band).show_lines([EMPTY, *note, line(" ", keys)])
        empty = next((at for at, field in enumerate(self._fields) if not field.value), 0)
        self.query_one(f"#field-{empty}", Input).focus()

    @on(Input.Submitted)
    def _answer(self) -> None:
        self.dismiss(
            {
                field.name: self.query_one(f"#field-{at}", Input).value
                for at, field in enumerate(self._fields)
            }
        )
