"""`mq backup`: copy the store while it is in use."""

from typing import Annotated

import typer

from mq.cli.context import current_context
from mq.cli.reporting import report_document
from mq.commands import SingleCommand
from store.model.errors import BadInput
from store.model.text import describe_size

app = SingleCommand()


@app.command()
def backup(path: Annotated[str, typer.Argument(metavar="PATH", help="A new file.")]) -> None:
    """Write a consistent, compact copy of the store to a new file, while others go on.

    The copy is a store itself: to use it, name it with -s.
    """
    if not path or path.endswith("/"):
        raise BadInput("PATH names no file", hint="mq backup copy.db")
    context = current_context()
    with (
        context.open_file() as store,
        context.diagnostics.progress("back up", in_bytes=True) as progress,
    ):
        size = store.backup(path, progress=progress.at)
    report_document(context, {"path": path, "bytes": size}, f"{path}: {describe_size(size)}")
