"""The options of commands that read a topic as a member of a group, or run a command."""

from __future__ import annotations

from typing import Annotated

import typer

DEFAULT_SESSION_TIMEOUT = "45s"

Group = Annotated[
    str | None,
    typer.Option("-g", "--group", metavar="GROUP", help="Read a topic as this group."),
]
Member = Annotated[str | None, typer.Option(metavar="ID", help="The name to join the group under.")]
SessionTimeout = Annotated[
    str,
    typer.Option(metavar="DURATION", help="How long the group waits for a sign of life from us."),
]
Command = Annotated[
    list[str], typer.Argument(metavar="-- COMMAND…", help="What to run; not in a shell.")
]
