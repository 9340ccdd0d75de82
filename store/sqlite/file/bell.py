"""The bell: a number in the lock file that each commit changes while processes wait for one.

A caller takes the number, looks at the store, and waits:

    seen = bell.listen()
    if database.changed() == since:
        bell.wait(seen, 1.0)

A commit after `listen` ends that wait, or keeps it from beginning. Commits of programs other than
mq ring nothing: look at the store once a second all the same. `waiting` does all of this.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from struct import Struct
from time import monotonic_ns, sleep

from store.sqlite.file import futex
from store.sqlite.file.lockfile import LISTENS, LISTENS_AT, RUNG_AT, lock_path

_NUMBER, _RUNG = Struct("<I"), Struct("<II")


class Bell:
    """One process's ear at the commits of all processes; its threads may wait at once.

    It needs the lock file and Linux; without them it is mute. It closes with its last reference,
    never under a thread that waits.
    """

    def __init__(self, store_path: Path) -> None:
        self._descriptor = -1
        self._page: futex.SharedPage | None = None
        with suppress(OSError):
            self._descriptor = os.open(
                lock_path(store_path), os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW
            )
            self._page = futex.open_page(self._descriptor)

    def listen(self) -> int:
        """Return the bell's number, and have later commits change it; for `wait`."""
        if self._page is None:
            return 0
        # In this order: a ring in between clears the flag, and ends the wait by its number.
        seen = rung(self._descriptor)
        with suppress(OSError):
            os.pwrite(self._descriptor, LISTENS, LISTENS_AT)
        return seen

    def wait(self, seen: int, seconds: float) -> bool:
        """Sleep for so many seconds, until a commit after `seen = bell.listen()` or a signal.

        Return whether to look at the store. Without a bell there always is a reason.
        """
        if self._page is None:
            sleep(max(seconds, 0.0))
            return True
        self._page.wait(RUNG_AT, seen, seconds)
        return rung(self._descriptor) != seen

    def ring(self) -> None:
        """End the waits of all processes, for nothing: a thread that waits is to stop."""
        if self._page is not None:
            ring(self._descriptor, self._page)

    @property
    def is_mute(self) -> bool:
        """Whether commits ring nothing here, so that each wait has to be short."""
        return self._page is None

    def __del__(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)


def rung(descriptor: int) -> int:
    """Return the bell's number, from the lock file; 0 if it was never rung."""
    with suppress(OSError):
        content = os.pread(descriptor, _NUMBER.size, RUNG_AT)
        if len(content) == _NUMBER.size:
            return int(_NUMBER.unpack(content)[0])
    return 0


def ring(descriptor: int, page: futex.SharedPage | None) -> futex.SharedPage | None:
    """Change the number and end all waits; return the page, once it was opened, for the next time.

    The number only has to differ from earlier ones, so the clock gives it. A waiter that goes on
    waiting sets the flag again.
    """
    page = page or futex.open_page(descriptor)
    with suppress(OSError):
        os.pwrite(descriptor, _RUNG.pack(monotonic_ns() & 0xFFFFFFFF, 0), RUNG_AT)
    if page is not None:
        page.wake(RUNG_AT)
    return page
