"""`mq plan`: what applying topology files would do."""

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
        bool, typer.Option("--exit-code", help="End with 10 when there is something to do.")
    ] = False,
) -> int:
    """Show what `mq apply` would do: + create, ~ change (old → new), - delete.

    What the files leave out of a thing means its default; what they leave out altogether stays,
    unless --prune. An ! marks what can't be undone or breaks an order that was promised, and why.
    """
    context = current_context()
    sources = read_sources(files)
    with context.open_store() as store:
        planned = store.plan(sources, prune=prune)
    warn(context, planned)
    show(context, planned)
    context.diagnostics.success(summary(planned, done=False))
    return ExitCode.CONDITION_TRUE if exit_code and planned.steps else ExitCode.OK
