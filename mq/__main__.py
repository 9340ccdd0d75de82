"""The process of one command line, and when it looks for garbage."""

from __future__ import annotations

import gc
import sys

# A start makes some 30,000 objects and keeps nearly all: to search them for garbage over and over
# would take a tenth of a short command.
_OBJECTS_OF_A_START = 50_000


def main() -> int:
    """Run the words of this process and return its exit code."""
    gc.set_threshold(_OBJECTS_OF_A_START)
    from mq.command_line import run

    code = run(sys.argv[1:])
    # Started with -m, CPython would end as if killed by SIGINT once Ctrl-C had left the evaluation
    # of a text, as importing a named tuple is one, however it was met; another one makes it forget.
    eval("None")
    # All is flushed and closed: what is left needs no last search either.
    gc.freeze()
    return code


if __name__ == "__main__":
    sys.exit(main())
