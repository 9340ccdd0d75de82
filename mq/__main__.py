"""The process of one command line, and its garbage collection."""

from __future__ import annotations

import gc
import os
import sys
from contextlib import suppress

# A start makes some 30,000 objects and keeps nearly all: collecting them over and over would take a
# tenth of a short command.
_OBJECTS_OF_A_START = 50_000
_UTF8_MODE = ["-X", "utf8"]


def main() -> int:
    """Run the arguments of this process and return its exit code."""
    _start_in_utf8()
    gc.set_threshold(_OBJECTS_OF_A_START)
    from mq.command_line import run

    code = run(sys.argv[1:])
    # Started with -m, CPython ends as if killed by SIGINT after a Ctrl-C left the evaluation of a
    # text, such as the import of a named tuple, even a handled one; another evaluation makes it
    # forget.
    eval("None")
    # Everything is flushed and closed: the rest needs no last collection either.
    gc.freeze()
    return code


def _start_in_utf8() -> None:
    """Restart this process in Python's UTF-8 mode where its locale is not UTF-8.

    Then the same bytes mean the same in every locale: in words, paths, files and the environment.
    """
    if sys.getfilesystemencoding() == "utf-8" or sys.orig_argv[1:3] == _UTF8_MODE:
        return
    words = sys.argv[1:]
    # A caller with other words is a program of its own, which must not restart.
    if sys.orig_argv[len(sys.orig_argv) - len(words) :] == words:
        with suppress(OSError):
            os.execv(sys.executable, [sys.executable, *_UTF8_MODE, *sys.orig_argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
