"""The terminal under the dashboard: any input from it, and any way in which it goes away."""

from __future__ import annotations

import os
import selectors
import sys
from codecs import getincrementaldecoder
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from io import BufferedWriter, FileIO, TextIOWrapper
from signal import SIGTERM
from typing import TYPE_CHECKING, Any

from rich.console import RenderableType
from textual import constants, events
from textual._xterm_parser import XTermParser
from textual.app import App
from textual.drivers.linux_driver import LinuxDriver
from textual.message import Message
from textual.messages import InBandWindowResize
from textual.worker import WorkerFailed

from store.model.text import printable

if TYPE_CHECKING:
    from typing_extensions import Buffer

_MOST_READ = 4096
_LARGEST = 1000
_PAUSE = 0.1
"""Seconds after which an escape is the key, and not the start of a sequence."""


class Keyboard:
    """Turns the bytes from a terminal into messages; meaningless bytes are dropped."""

    def __init__(self) -> None:
        self._decode = getincrementaldecoder("utf-8")("replace").decode
        self._parser = XTermParser()

    def read(self, sent: bytes) -> Iterator[Message]:
        """Yield the messages that these bytes complete; without bytes, after a pause."""
        for character in self._decode(sent):
            yield from self._meant(partial(self._parser.feed, character))
        yield from self._meant(self._parser.tick)

    def _meant(self, parse: Callable[[], Iterable[Message]]) -> Iterator[Message]:
        try:
            messages = list(parse())
        except Exception:
            # A sequence with a number that is no character, for example; the parser is unusable
            # now.
            self._parser = XTermParser()
            return
        for message in messages:
            if isinstance(message, events.Paste):
                yield events.Paste(harmless(message.text))
            elif _is_meant(message):
                yield message


def _is_meant(message: Message) -> bool:
    if isinstance(message, events.Key):
        # Text has no half of a surrogate pair, and none can be stored with it.
        return message.character is None or not ("\ud800" <= message.character[:1] <= "\udfff")
    # Ask the system for the size, and not the stream, which may be anything.
    return not isinstance(message, events.Resize | InBandWindowResize)


def harmless(text: str) -> str:
    """Return text without the characters that a terminal obeys instead of showing."""
    if text.isprintable():
        return text
    return "".join(char for char in text if char in "\r\n\t" or printable(char) == char)


class Outlet(FileIO):
    """A file whose reader may go away: writes after that are lost, without an error."""

    def write(self, data: Buffer, /) -> int:
        """Write the text as far as it is readable."""
        try:
            return super().write(data)
        except OSError:
            return memoryview(data).nbytes


class Terminal(LinuxDriver):
    """A driver that no input can end, and that ends with its terminal."""

    def __init__(self, app: App[Any], **settings: Any) -> None:
        super().__init__(app, **settings)
        # Otherwise the writing thread would die, and the thread that hands it pages would wait
        # forever.
        outlet = BufferedWriter(Outlet(sys.stderr.fileno(), "w", closefd=False))
        self._file = TextIOWrapper(outlet, encoding="utf-8", errors="backslashreplace")

    def start_application_mode(self) -> None:
        """Take the terminal; SIGTERM gives it back, which a kill would leave without echo."""
        self._loop.add_signal_handler(SIGTERM, self._app.exit, None, 128 + SIGTERM)
        super().start_application_mode()  # type: ignore[no-untyped-call]

    def _run_input_thread(self) -> None:
        try:
            self.run_input_thread()
        except Exception as error:
            self._app.call_later(self._app._handle_exception, error)

    def run_input_thread(self) -> None:
        """Pass on the input until the dashboard ends, or its terminal is gone."""
        keyboard = Keyboard()
        with selectors.DefaultSelector() as selector:
            selector.register(self.fileno, selectors.EVENT_READ)
            while not self.exit_event.is_set():
                sent = self._read() if selector.select(_PAUSE) else b""
                if sent is None:
                    self._app.call_later(self._app.exit)
                    return
                for message in keyboard.read(sent):
                    self.process_message(message)

    def _read(self) -> bytes | None:
        """Read the input; `None` at its end."""
        try:
            return os.read(self.fileno, _MOST_READ) or None
        except OSError:
            return None

    def _get_terminal_size(self) -> tuple[int, int]:
        # Don't read it from $COLUMNS, which keeps its value when the terminal is resized.
        try:
            columns, lines = os.get_terminal_size(self.fileno)
        except OSError:
            columns, lines = 0, 0
        return min(columns or 80, _LARGEST), min(lines or 24, _LARGEST)

    def _query_in_band_window_resize(self) -> None:
        # The system reports a new size by a signal.
        return


class TerminalApp(App[None]):
    """An app that always restores the terminal, and leaves its errors to its caller."""

    def __init__(self) -> None:
        # A page in a browser names its own driver.
        super().__init__(driver_class=None if constants.DRIVER else Terminal)

    @property
    def failure(self) -> Exception | None:
        """The error that ended it, if one did."""
        error = self._exception
        cause = error.error if isinstance(error, WorkerFailed) else error
        return cause if isinstance(cause, Exception) else error

    def _handle_exception(self, error: Exception) -> None:
        # Work that is under way when a person leaves may miss widgets that are closed already.
        if not self._exit:
            super()._handle_exception(error)

    def panic(self, *renderables: RenderableType) -> None:
        """End without output: the caller of `run` reports the failure."""
        self._close_messages_no_wait()

    def _fatal_error(self) -> None:
        self.panic()
