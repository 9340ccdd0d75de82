"""`mq dashboard`: stuck messages, the cause, since when, and the ways out, live on the terminal."""

import os
import shlex
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
_PORT = 8321
_WEB_DRIVER = "textual.drivers.web_driver:WebDriver"
"""Named by the environment of a page's process, which has no terminal."""


@app.command()
def dashboard(
    port: Annotated[
        int | None,
        typer.Argument(metavar="[PORT]", min=1, max=65_535, help="With --web: the port (8321)."),
    ] = None,
    read_only: Annotated[
        bool, typer.Option("--read-only", help="No keys that change the store.")
    ] = False,
    refresh: Annotated[
        str,
        typer.Option(metavar="DURATION", help="Longest time between looks; changes show at once."),
    ] = "1s",
    web: Annotated[
        bool, typer.Option("--web", help="Serve it to browsers, read-only, until ctrl+c.")
    ] = False,
    host: Annotated[
        str, typer.Option(metavar="HOST", help="With --web: the address to listen on.")
    ] = "127.0.0.1",
    allow_writes: Annotated[
        bool, typer.Option("--allow-writes", help="With --web: keys that change the store.")
    ] = False,
) -> None:
    """Watch the store live: what is stuck, why, since when, and what to do about it.

    `?` shows the keys, `1` to `6` are the screens, `q` quits. A key that changes the store shows a
    preview and the exact command first.

    `mq dashboard --web` serves it on http://127.0.0.1:8321, to this machine alone and without keys
    that write, unless --host and --allow-writes say otherwise; it needs mq[web].
    """
    seconds = parse_duration(refresh) / 1000
    if seconds < _SHORTEST_REFRESH:
        raise BadInput(f"--refresh {refresh} is too often", hint="250ms is the least")
    if web:
        if read_only and allow_writes:
            raise BadInput("--read-only and --allow-writes exclude each other")
        _serve(host, port or _PORT, refresh, allow_writes=allow_writes)
        return
    if port is not None or allow_writes or host != "127.0.0.1":
        raise BadInput("PORT, --host and --allow-writes are for --web", hint="mq dashboard --web")
    _show(seconds, read_only=read_only)


def _show(seconds: float, *, read_only: bool) -> None:
    is_page = os.environ.get("TEXTUAL_DRIVER") == _WEB_DRIVER
    is_terminal = is_typed() and sys.stdout.isatty() and sys.stderr.isatty()
    if not is_page and (not is_terminal or os.environ.get("TERM") == "dumb"):
        raise BadInput(
            "the dashboard needs a terminal", hint="mq status and mq stalls tell the same in text"
        )
    context = current_context()
    # Quitting waits for a write that is under way, so that wait is short.
    context.timeout = min(context.timeout, _LONGEST_WAIT)
    with context.open_store() as store:
        from tui.app import Dashboard

        environment = {"COLORTERM": "truecolor"} if is_page else os.environ
        shown = Dashboard(store, read_only=read_only, refresh=seconds, environment=environment)
        shown.run()
    if shown.failure is not None:
        raise shown.failure
    if shown.return_code:
        raise typer.Exit(shown.return_code)


def _serve(host: str, port: int, refresh: str, *, allow_writes: bool) -> None:
    """Serve a dashboard to each page that is opened, as a process of this same command."""
    try:
        from tui.web import is_loopback, serve
    except ImportError as error:
        raise BadInput(
            f"--web needs the package textual-serve ({error.name} is missing)",
            hint="pip install 'mq[web]'",
        ) from None
    context = current_context()
    with context.open_store() as store:
        location = store.location
    named = ["-s", context.store] if context.store else []
    words = [sys.executable, "-m", "mq", *named, "dashboard", "--refresh", refresh]
    command = shlex.join([*words, *([] if allow_writes else ["--read-only"])])

    def announce() -> None:
        may = "keys may change the store" if allow_writes else "read-only"
        context.diagnostics.note(f"http://{host}:{port} shows {location}, {may}; ctrl+c ends it")
        if not is_loopback(host):
            context.diagnostics.note("all who reach that address see the store: it has no password")

    try:
        serve(command, host, port, f"mq {location}", announce)
    except OSError as error:
        raise BadInput(f"can't listen on {host}:{port}: {error.strerror}") from None
