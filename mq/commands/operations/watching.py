"""`--watch`: show something again and again until interrupted."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import datetime
from threading import Event
from typing import Annotated

import typer

from mq.cli.context import Context
from mq.cli.diagnostics import ExitCode
from mq.cli.output import Format
from store.model.errors import BadInput
from store.model.text import parse_duration

_CLEAR_SCREEN = b"\x1b[H\x1b[2J"

Watch = Annotated[
    str | None,
    typer.Option(
        metavar="DURATION",
        help="Repetition until interrupted, or until --exit-code has its answer.",
    ),
]


def repeat(context: Context, every: str | None, show: Callable[[], ExitCode]) -> ExitCode:
    """Show once, or at intervals while the exit code of each showing is 0.

    On a terminal each time replaces the one before it, under the time of day; in a pipe a blank
    line parts tables.
    """
    if every is None:
        return show()
    pause = parse_duration(every) / 1000
    if pause <= 0:
        raise BadInput("--watch needs a duration of more than 0", hint="--watch 2s")
    _clear(context, every)
    while (code := show()) is ExitCode.OK:
        Event().wait(pause)
        if not _clear(context, every) and not context.output.is_json:
            context.output.text("")
    return code


def _clear(context: Context, every: str) -> bool:
    output = context.output
    if not output.is_terminal or output.format is not Format.TABLE:
        return False
    if os.environ.get("TERM") == "dumb":
        return False
    if not output.records([_CLEAR_SCREEN]):
        raise output.failure()
    output.text(f"every {every}, at {datetime.now():%H:%M:%S}", style="dim")
    return True
