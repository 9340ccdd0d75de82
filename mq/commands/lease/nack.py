"""`mq nack`: give received messages back, or refuse them for good."""

import os
from typing import Annotated

import typer

from mq.cli.context import current_context
from mq.commands import SingleCommand
from mq.commands.lease.receipts import Receipts, read_receipts, report_settled
from store.model.errors import BadInput
from store.model.text import parse_duration

app = SingleCommand()


@app.command()
def nack(
    receipts: Receipts,
    delay: Annotated[
        str | None,
        typer.Option(metavar="DURATION", help="Wait before the next delivery (the queue's)."),
    ] = None,
    reject: Annotated[
        bool, typer.Option("--reject", help="To the DLQ at once, or dropped without one.")
    ] = False,
    error: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Error, kept with the message.")
    ] = None,
) -> None:
    """Give messages back: they are delivered again, or go to the DLQ after their last delivery.

    Of several, the good ones are given back and the others refused (4).
    """
    if reject and delay is not None:
        raise BadInput("a rejected message is not delivered again", hint="leave out --delay")
    seconds = None if delay is None else parse_duration(delay) / 1000
    reason = None if error is None else os.fsencode(error).decode(errors="backslashreplace")
    context = current_context()
    with context.open_store() as store:
        given = read_receipts(receipts)
        if reject:
            store.reject(given, error=reason)
        else:
            store.nack(given, delay=seconds, error=reason)
    report_settled(context, given, "rejected" if reject else "given back")
