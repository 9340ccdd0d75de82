"""`mq ack`: acknowledge received messages."""

from mq.cli.context import current_context
from mq.commands import SingleCommand
from mq.commands.lease.receipts import Receipts, read_receipts, report_settled

app = SingleCommand()


@app.command()
def ack(receipts: Receipts) -> None:
    """Acknowledge messages: they are deleted.

    Of several, the good ones are acknowledged and the others refused (4). Repeating an ack that
    succeeded succeeds.
    """
    context = current_context()
    with context.open_store() as store:
        given = read_receipts(receipts)
        store.ack(given)
    report_settled(context, given, "acknowledged")
