"""`mq salvage`: copy the intact part of a damaged store to a new one."""

from pathlib import Path
from typing import Annotated

import typer

from mq.cli.context import absolute, current_context
from mq.cli.output import Column
from mq.commands import SingleCommand
from store.model.errors import BadInput, Damaged, NotFound
from store.model.maintenance import Lost
from store.model.text import counted

app = SingleCommand()

LOST: list[Column[Lost]] = [
    Column("address", lambda one: one.address),
    Column("kind", lambda one: one.kind),
    Column("problem", lambda one: one.problem),
]


@app.command()
def salvage(
    old: Annotated[
        str, typer.Argument(metavar="OLD", help="The damaged store; it stays as it is.")
    ],
    new: Annotated[str, typer.Argument(metavar="NEW", help="A new file.")],
) -> None:
    """Copy every intact record, message, lease, offset and setting of a damaged store to a new one.

    Losses are listed by their addresses, and end in exit code 7. Ids and offsets stay the same.
    Records are compared with their checksums. It works where SQLite can't read the file.
    """
    from store import Store

    context = current_context()
    source, target = _source(old), absolute(new)
    if not new:
        raise BadInput("NEW names no file", hint="mq salvage OLD NEW")
    with context.diagnostics.progress("salvage") as progress:
        salvaged = Store.salvage(source, target, timeout=context.timeout, progress=progress.at)
    context.output.listing(LOST, salvaged.lost)
    copied = counted(salvaged.records, "record")
    if salvaged.lost:
        raise Damaged(
            f"{target} has {copied}; {counted(len(salvaged.lost), 'thing')} could not be copied",
            hint=f"look at it with mq -s {target} verify, then put it in the store's place:"
            f" mq restore {target} --to {source}",
        )
    context.diagnostics.success(f"{target}: {copied}, nothing lost")


def _source(old: str) -> Path:
    source = absolute(old)
    if not old or not source.exists():
        raise NotFound(f"there is no store at {source}", hint="name the damaged file")
    return source
