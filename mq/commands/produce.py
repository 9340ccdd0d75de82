"""`mq produce`: store records or messages, from arguments, a file or stdin."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from mq.cli.context import Context, current_context
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
from mq.write.requests import (
    LoadRequest,
    MessageDefaults,
    RecordDefaults,
    check_format,
    for_a_queue,
    message_defaults,
    store_value,
)
from store.model.addresses import Address, parse_address
from store.model.errors import BadInput
from store.model.topics import HeaderValue

if TYPE_CHECKING:
    from mq.write.destinations import TopicDestination
    from mq.write.message_destinations import QueueDestination
    from store.engine.broker import Broker

app = SingleCommand()

_NOT_GIVEN = (None,) * 5
_PLAIN = {FramingKind.LINES, FramingKind.NUL, FramingKind.WHOLE}


@app.command()
def produce(
    destination: Annotated[
        str, typer.Argument(metavar="DEST", help="A topic, a partition or a queue.")
    ],
    values: Values = None,
    key: Annotated[
        str | None, typer.Option("-k", "--key", metavar="KEY", help="Key of every record.")
    ] = None,
    partition: Annotated[
        int | None,
        typer.Option(
            "-P", "--partition", min=0, metavar="PARTITION", help="Partition of every record."
        ),
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
    producer: ProducerName = None,
) -> None:
    """Append records, or send messages: each VALUE, or each line of FILE or stdin.

    With -o ndjson each record's address is printed when it is stored. At a record that can't be
    stored the command ends: nothing of its batch is stored, the batches before it are.
    """
    name, defaults = _defaults(parse_address(destination), key, partition, header or [])
    message = message_defaults(delay, message_group, dedup_id, priority, ttl)
    context = current_context()
    check_format(context)
    # One value, as a script gives it, is no stream of records: it takes the short way.
    is_plain = framing in _PLAIN and not tombstone
    is_plain &= (file, key_delimiter, key_from, timestamp_from, producer) == _NOT_GIVEN
    if is_plain and values is not None and len(values) == 1:
        with context.open_store() as store:
            store_value(context, store, name, os.fsencode(values[0]), defaults, message)
        return
    from mq.write.ingest import check, input_form

    form = input_form(framing, key_delimiter, key_from, timestamp_from)
    request = LoadRequest(
        name, defaults, message, form, values or [], file, tombstone, batch, producer
    )
    check(context, request)
    with context.open_store() as store:
        _store_stream(context, store, request)


def _store_stream(context: Context, store: "Broker", request: LoadRequest) -> None:
    from mq.write.ingest import store_input

    if store.kind(request.destination, "topic", "queue") == "queue":
        store_input(context, store, _for_messages(request), _queue(store, request))
    else:
        store_input(context, store, request, _topic(store, request))


def _defaults(
    address: Address, key: str | None, partition: int | None, header: Sequence[str]
) -> tuple[str, RecordDefaults]:
    if address.offset is not None:
        raise BadInput(f"{address} is one record; new ones go to the end", hint=address.name)
    if address.partition is not None:
        if partition not in {None, address.partition}:
            raise BadInput("two partitions are given", hint=f"{address}, or -P {partition}")
        partition = address.partition
    encoded = None if key is None else os.fsencode(key)
    return address.name, RecordDefaults(encoded, _parse_headers(header), partition)


def _parse_headers(words: Sequence[str]) -> dict[str, HeaderValue]:
    if not words:
        return {}
    from mq.text.headers import parse_headers

    return parse_headers(words)


def _topic(store: "Broker", request: LoadRequest) -> "TopicDestination":
    from mq.write.destinations import TopicDestination

    if request.message != MessageDefaults():
        store.topic(request.destination)
        raise for_a_queue(request.destination)
    return TopicDestination(store, request)


def _for_messages(request: LoadRequest) -> LoadRequest:
    return request._replace(form=request.form._replace(messages=True))


def _queue(store: "Broker", request: LoadRequest) -> "QueueDestination":
    from mq.write.message_destinations import QueueDestination

    if request.tombstone:
        raise BadInput(f"{request.destination} is a queue", hint="--tombstone is for a topic")
    return QueueDestination(store, request)
