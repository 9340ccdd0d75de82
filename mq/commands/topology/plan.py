"""`mq plan`: the changes that applying topology files would make."""

from typing import Annotated

import typer

from mq.cli.context import current_context
from mq.cli.diagnostics import ExitCode
from mq.cli.topology_files import Files, Prune, read_sources
from mq.commands import SingleCommand
from mq.commands.topology.steps import show, summary, warn

app = SingleCommand()


@app.command()
def plan(
    files: Files,
    prune: Prune = False,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="Exit 10 when there is something to do.")
    ] = False,
) -> int:
    """Show what `mq apply` would do: + create, ~ change (old → new), - delete.

    An omitted setting has its default; an omitted thing stays, unless --prune. An ! marks steps
    that can't be undone or break a promised order, and why.
    """
    context = current_context()
    sources = read_sources(files)
    with context.open_store() as store:
        planned = store.plan(sources, prune=prune)
    warn(context, planned)
    show(context, planned)
    context.diagnostics.success(summary(planned, done=False))
    return ExitCode.CONDITION_TRUE if exit_code and planned.steps else ExitCode.OK
