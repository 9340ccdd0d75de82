"""The options of commands that read a topic as a member of a group, or run a command."""

from __future__ import annotations

from typing import Annotated

import typer

DEFAULT_SESSION_TIMEOUT = "45s"

Group = Annotated[
    str | None,
    typer.Option("-g", "--group", metavar="GROUP", help="Group that reads a topic."),
]
Member = Annotated[str | None, typer.Option(metavar="ID", help="Name of the member.")]
SessionTimeout = Annotated[
    str,
    typer.Option(
        metavar="DURATION", help="Time without a sign of life before members lose partitions."
    ),
]
Command = Annotated[
    list[str], typer.Argument(metavar="-- COMMAND…", help="Command to run, without a shell.")
]
