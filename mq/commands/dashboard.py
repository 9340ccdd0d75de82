"""`mq dashboard`: stuck messages, the cause, since when, and the ways out, live on the terminal."""

import os
import sys
from typing import Annotated

import typer

from mq.cli.context import current_context, is_typed
from mq.commands import SingleCommand
from store.model.errors import BadInput
from store.model.text import parse_duration

app = SingleCommand()

_LONGEST_WAIT = 0.5
_SHORTEST_REFRESH = 0.25


@app.command()
def dashboard(
    read_only: Annotated[
        bool, typer.Option("--read-only", help="No keys that change the store.")
    ] = False,
    refresh: Annotated[
        str,
        typer.Option(metavar="DURATION", help="Longest time between looks; changes show at once."),
    ] = "1s",
) -> None:
    """Watch the store live: what is stuck, why, since when, and what to do about it.

    `?` shows the keys, `1` to `6` are the screens, `q` quits. A key that changes the store shows a
    preview and the exact command first.
    """
    is_terminal = is_typed() and sys.stdout.isatty() and sys.stderr.isatty()
    if not is_terminal or os.environ.get("TERM") == "dumb":
        raise BadInput(
            "the dashboard needs a terminal", hint="mq status and mq stalls tell the same in text"
        )
    seconds = parse_duration(refresh) / 1000
    if seconds < _SHORTEST_REFRESH:
        raise BadInput(f"--refresh {refresh} is too often", hint="250ms is the least")
    context = current_context()
    # Quitting waits for a write that is under way, so that wait is short.
    context.timeout = min(context.timeout, _LONGEST_WAIT)
    with context.open_store() as store:
        from tui.app import Dashboard

        shown = Dashboard(store, read_only=read_only, refresh=seconds, environment=os.environ)
        shown.run()
    if shown.failure is not None:
        raise shown.failure
    if shown.return_code:
        raise typer.Exit(shown.return_code)
