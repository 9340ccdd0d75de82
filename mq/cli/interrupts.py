"""Ctrl-C and SIGTERM, handled where nothing is half done."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any

# Seconds for which a begun chunk may go on after a signal, if its reader takes nothing.
PATIENCE = 0.2
# The signals that ask a command to end in order: from a supervisor, or from a terminal that closes.
STOPS = (signal.SIGTERM, signal.SIGHUP)


class Interrupts:
    """Signals that end a command: each raises KeyboardInterrupt, except while it is held back.

    `received` says which signal came last, `count` how many did. One that the process was started
    to ignore, as `nohup` or a shell's background job does it, stays ignored.
    """

    def __init__(self, *signals: signal.Signals) -> None:
        self.received: int | None = None
        self.count = 0
        self._signals = signals
        self._held = False
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Interrupts:
        for number in self._signals:
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def hold(self) -> None:
        """Note signals from here on, until `release` or `allowed`."""
        self._held = True

    def release(self) -> None:
        """Raise at a signal from here on, and at one that was held back."""
        self._held = False
        if self.received is not None:
            raise KeyboardInterrupt

    @contextmanager
    def allowed(self) -> Iterator[None]:
        """Raise at signals within a block, while they are held back."""
        try:
            self.release()
            yield
        finally:
            self._held = True

    @property
    def is_stop(self) -> bool:
        """Whether the last signal was not Ctrl-C but a request to end in order."""
        return self.received in STOPS

    def has_come(self) -> bool:
        """Return whether a signal came, held back or not."""
        return self.received is not None

    def obey(self) -> None:
        """Let the signal that came do its usual work on a process without handlers.

        To be called after the `with` block, when nothing is left half done.
        """
        if self.received is not None:
            signal.raise_signal(self.received)

    def wait_to_write(self, wait: Callable[[float | None], bool], begun: bool) -> bool:
        """Wait until stdout takes more bytes; return False when the rest must stay unwritten.

        `wait` takes a number of seconds, or `None` for no limit. After a signal only a chunk that
        has `begun` is finished, and only while its reader keeps reading: a stopped one can't hold
        us.
        """
        try:
            with self.allowed():
                return wait(None)
        except KeyboardInterrupt:
            return begun and wait(PATIENCE)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self.received = number
        self.count += 1
        if not self._held:
            raise KeyboardInterrupt
