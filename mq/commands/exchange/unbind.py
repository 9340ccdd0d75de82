"""`mq unbind`: undo a binding."""

from mq.cli.context import current_context
from mq.cli.reporting import report_document
from mq.commands import SingleCommand
from mq.commands.exchange.columns import given_document
from mq.commands.exchange.options import Destination, ExchangeName, Headers, Key, Match
from mq.text.headers import parse_headers

app = SingleCommand()


@app.command()
def unbind(
    exchange: ExchangeName,
    destination: Destination,
    key: Key = "",
    header: Headers = None,
    match: Match = "all",
) -> None:
    """Undo a binding, named by the same arguments that made it; stored messages stay.

    Exit code 3 when there is no such binding.
    """
    context = current_context()
    headers = parse_headers(header or [])
    with context.open_store() as store:
        store.unbind(exchange, destination, key=key, headers=headers, match=match)
    document = given_document(exchange, destination, key, headers, match)
    report_document(context, document, f"{exchange} no longer leads to {destination} by that")
