"""The process of one command line, and when it looks for garbage."""

from __future__ import annotations

import gc
import os
import sys
from contextlib import suppress

# A start makes some 30,000 objects and keeps nearly all: to search them for garbage over and over
# would take a tenth of a short command.
_OBJECTS_OF_A_START = 50_000
_UTF8_MODE = ["-X", "utf8"]


def main() -> int:
    """Run the words of this process and return its exit code."""
    _start_in_utf8()
    gc.set_threshold(_OBJECTS_OF_A_START)
    from mq.command_line import run

    code = run(sys.argv[1:])
    # Started with -m, CPython would end as if killed by SIGINT once Ctrl-C had left the evaluation
    # of a text, as importing a named tuple is one, however it was met; another one makes it forget.
    eval("None")
    # All is flushed and closed: what is left needs no last search either.
    gc.freeze()
    return code


def _start_in_utf8() -> None:
    """Start this process anew where its locale is not UTF-8, in the mode in which Python is.

    Then the same bytes mean the same in every locale: in words, paths, files and the environment.
    """
    if sys.getfilesystemencoding() == "utf-8" or sys.orig_argv[1:3] == _UTF8_MODE:
        return
    words = sys.argv[1:]
    # What calls this with other words is a program of its own, which must not begin anew.
    if sys.orig_argv[len(sys.orig_argv) - len(words) :] == words:
        with suppress(OSError):
            os.execv(sys.executable, [sys.executable, *_UTF8_MODE, *sys.orig_argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
