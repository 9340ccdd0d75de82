"""`mq extend`: keep received messages for longer."""

from typing import Annotated

import typer

from mq.cli.context import current_context
from mq.commands import SingleCommand
from mq.commands.lease.receipts import Receipts, read_receipts, report_settled
from store.model.text import parse_duration

app = SingleCommand()


@app.command()
def extend(
    receipts: Receipts,
    duration: Annotated[
        str,
        typer.Option(
            "--for", metavar="DURATION", help="Time from now; 0s gives them back at once."
        ),
    ],
) -> None:
    """Let leases last DURATION from now.

    Of several, the good ones are extended and the others refused (4).
    """
    seconds = parse_duration(duration) / 1000
    context = current_context()
    with context.open_store() as store:
        given = read_receipts(receipts)
        store.extend(given, seconds)
    report_settled(context, given, f"leased for {duration}")
