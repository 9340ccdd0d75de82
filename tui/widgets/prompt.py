"""The prompt at the foot: an input for a place to go to or a text to filter by."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widgets import Input, Static

Answer = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class PromptSpec:
    """A request for input: the sign before it, a hint, and the call that takes the answer.

    With `as_typed` every change is an answer, and not only enter.
    """

    sign: str
    hint: str
    answer: Answer
    as_typed: bool = False


class Prompt(Horizontal):
    """Hidden until a request comes; enter answers.

    `when_closed` is called after the last request, to move the focus elsewhere.
    """

    def __init__(self, when_closed: Callable[[], None]) -> None:
        super().__init__(id="prompt-row")
        self._when_closed = when_closed
        self._asking: PromptSpec | None = None

    def compose(self) -> ComposeResult:
        """Yield a sign and the line."""
        yield Static("", id="prompt-sign", markup=False)
        yield Input(id="prompt")

    @property
    def is_open(self) -> bool:
        """Whether a request is open."""
        return self._asking is not None

    def ask(self, asking: PromptSpec, value: str = "") -> None:
        """Open a request with an initial value; the next key goes into the input."""
        self._asking = asking
        self.query_one("#prompt-sign", Static).update(asking.sign)
        self.display = True
        entry = self.query_one("#prompt", Input)
        entry.value, entry.placeholder = value, asking.hint
        self.screen.set_focus(entry)

    @on(Input.Changed)
    def _change(self, event: Input.Changed) -> None:
        if self._asking is not None and self._asking.as_typed:
            self._asking.answer(event.value)

    @on(Input.Submitted)
    def _submit(self, event: Input.Submitted) -> None:
        asking = self._asking
        self.close()
        if asking is not None:
            asking.answer(event.value.strip())

    def close(self) -> None:
        """Close the request."""
        self._asking = None
        self.display = False
        self._when_closed()
