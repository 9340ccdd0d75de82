"""`mq binding`: list bindings."""

from typing import Annotated

import typer

from mq.cli.context import current_context
from mq.commands import CommandGroup
from mq.commands.exchange.columns import BINDINGS

app = CommandGroup(help="Bindings: the ways out of exchanges; see mq bind.")


@app.command("list")
def list_bindings(
    exchange: Annotated[
        str | None, typer.Argument(metavar="[EXCHANGE]", help="Exchange whose bindings to list.")
    ] = None,
    to: Annotated[
        str | None,
        typer.Option(metavar="DEST", help="Destination: a queue, a topic or exchange:NAME."),
    ] = None,
) -> None:
    """List bindings, by exchange and in the order in which they were made."""
    context = current_context()
    with context.open_store() as store:
        bindings = store.bindings(exchange, to)
    context.output.listing(BINDINGS, bindings)
