"""A dashboard with a fault: `t` fails where the first argument says; the rest is a command line."""

from __future__ import annotations

import sys
from pathlib import Path

# The folder of this file must not come before the packages that it imports.
sys.path.remove(str(Path(__file__).parent))

from mq.command_line import run
from tui.app import Dashboard
from tui.terminal import Keyboard

where = sys.argv[1]


def fail(*ignored: object) -> None:
    """Fail in a way that nobody has thought of."""
    raise RuntimeError(f"failed on purpose in a {where}")


def press_theme(dashboard: Dashboard) -> None:
    """Have something fail."""
    if where == "key":
        fail()
    elif where == "look":
        dashboard.view.question = lambda: fail  # type: ignore[method-assign]
        dashboard.ask_again()
    elif where == "worker":
        dashboard.propose(fail)  # type: ignore[arg-type]
    elif where == "timer":
        dashboard.set_timer(0.01, fail)
    else:
        Keyboard.read = fail  # type: ignore[method-assign,assignment]


Dashboard.press_theme = press_theme  # type: ignore[method-assign,assignment]
sys.exit(run(sys.argv[2:]))
