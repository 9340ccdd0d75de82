"""`mq publish`: store messages in every destination of an exchange."""

import os
from shlex import quote
from typing import Annotated

import typer

from mq.cli.context import current_context
from mq.commands import SingleCommand
from mq.commands.input_options import (
    Batch,
    DedupId,
    Delay,
    File,
    Framing,
    Headers,
    KeyDelimiter,
    KeyFrom,
    MessageGroup,
    Priority,
    ProducerName,
    TimestampFrom,
    TimeToLive,
    Tombstone,
    Values,
)
from mq.text.framing import Framing as FramingKind
from mq.text.headers import parse_headers
from mq.write.ingest import check, input_form, store_input
from mq.write.message_destinations import ExchangeDestination
from mq.write.requests import LoadRequest, RecordDefaults, message_defaults
from store import model
from store.model.errors import Hint, Unroutable
from store.model.text import counted

app = SingleCommand()


@app.command()
def publish(
    exchange: Annotated[str, typer.Argument(metavar="EXCHANGE")],
    values: Values = None,
    key: Annotated[
        str | None,
        typer.Option("-k", "--key", metavar="KEY", help="The routing key, and the key stored."),
    ] = None,
    header: Headers = None,
    file: File = None,
    key_delimiter: KeyDelimiter = None,
    key_from: KeyFrom = None,
    timestamp_from: TimestampFrom = None,
    tombstone: Tombstone = False,
    framing: Framing = FramingKind.LINES,
    batch: Batch = 1000,
    delay: Delay = None,
    message_group: MessageGroup = None,
    dedup_id: DedupId = None,
    priority: Priority = None,
    ttl: TimeToLive = None,
    mandatory: Annotated[
        bool, typer.Option("--mandatory", help="Exit 3 if a message has nowhere to go.")
    ] = False,
    producer: ProducerName = None,
) -> None:
    """Publish each VALUE, or each line of FILE or stdin: route by key and headers, then store.

    A message is stored in every queue and topic that it reaches, once each, or in none. With -o
    ndjson a line per message names the destinations. A message without a destination is dropped;
    with --mandatory it is returned: the rest is stored, and the exit code is 3.
    """
    encoded = None if key is None else os.fsencode(key)
    defaults = RecordDefaults(encoded, parse_headers(header or []), None)
    message = message_defaults(delay, message_group, dedup_id, priority, ttl)
    form = input_form(framing, key_delimiter, key_from, timestamp_from)._replace(messages=True)
    request = LoadRequest(
        exchange, defaults, message, form, values or [], file, tombstone, batch, producer
    )
    context = current_context()
    check(context, request)
    with context.open_store() as store:
        destination = ExchangeDestination(store, request, mandatory=mandatory)
        store_input(context, store, request, destination)
    if destination.returned:
        key = quote(os.fsdecode(destination.first_key or ""))
        raise Unroutable(
            f"{counted(destination.returned, 'message')} had nowhere to go from {exchange}",
            hint=Hint("{}", model.looks.ExplainRoute(exchange, key)),
        )
