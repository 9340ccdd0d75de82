"""`mq bind`: lead an exchange to a queue, a topic or another exchange."""

from mq.cli.context import current_context
from mq.cli.reporting import report_document
from mq.commands import SingleCommand
from mq.commands.exchange.columns import given_document
from mq.commands.exchange.options import Destination, ExchangeName, Headers, Key, Match
from mq.text.headers import parse_headers

app = SingleCommand()


@app.command()
def bind(
    exchange: ExchangeName,
    destination: Destination,
    key: Key = "",
    header: Headers = None,
    match: Match = "all",
) -> None:
    """Bind: matching messages are stored there too. Binding the same again changes nothing.

    A direct exchange compares the key, a topic exchange its words (* is one, # any number; quote
    them), a headers exchange the headers; a fanout exchange takes everything.
    """
    context = current_context()
    headers = parse_headers(header or [])
    with context.open_store() as store:
        is_new = store.bind(exchange, destination, key=key, headers=headers, match=match)
    document = given_document(exchange, destination, key, headers, match)
    told = "" if is_new else ", and did so already"
    report_document(
        context, {**document, "created": is_new}, f"{exchange} leads to {destination}{told}"
    )
