"""`mq produce`: store records or messages, from arguments, a file or stdin."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated

import typer

from mq.commands import SingleCommand
from mq.commands.reporting import count
from mq.context import Context, current_context
from mq.destinations import Destination, Id, QueueDestination, TopicDestination
from mq.formatting import parse_delimiter
from mq.framing import Framing, InputForm
from mq.interrupts import Interrupts
from mq.json_text import ValuePath
from mq.loading import BATCH_BYTES, Loader
from mq.message_input import GivenMessage, parse_message_envelope
from mq.output import Format, ReaderGone, to_json
from mq.record_input import Given, Named, from_file, from_values, opened
from mq.records import parse_headers
from store.addresses import Address, parse_address
from store.broker import Store
from store.errors import BadInput
from store.models import NewRecord
from store.text import describe_size, parse_duration

app = SingleCommand()


@dataclass(frozen=True)
class Request:
    """What the command line asks for."""

    destination: str
    given: Given
    message: GivenMessage
    form: InputForm
    values: Sequence[str]
    file: str | None
    tombstone: bool
    batch: int
    producer: str | None


@app.command()
def produce(
    destination: Annotated[
        str, typer.Argument(metavar="DEST", help="A topic, a partition or a queue.")
    ],
    values: Annotated[
        list[str] | None,
        typer.Argument(metavar="[VALUE]...", help="A record each; without any, stdin is read."),
    ] = None,
    key: Annotated[str | None, typer.Option("-k", "--key", help="The key of every record.")] = None,
    partition: Annotated[
        int | None, typer.Option("-P", "--partition", min=0, help="The partition of every record.")
    ] = None,
    header: Annotated[
        list[str] | None,
        typer.Option(
            "-H", "--header", metavar="NAME=TEXT",
            help="A header of every record; NAME:=JSON is typed, NAME alone is null; repeatable.",
        ),
    ] = None,
    file: Annotated[
        str | None, typer.Option("-f", "--file", metavar="FILE", help="Read this; - is stdin.")
    ] = None,
    key_delimiter: Annotated[
        str | None,
        typer.Option(
            "-K", "--key-delimiter", metavar="DELIM",
            help=r"Split key from value at the first DELIM (\t \xHH); without it, no key.",
        ),
    ] = None,
    key_from: Annotated[
        str | None, typer.Option(metavar="value.PATH", help="The key is this field of the value.")
    ] = None,
    timestamp_from: Annotated[
        str | None, typer.Option(metavar="value.PATH", help="The time is this field of the value.")
    ] = None,
    tombstone: Annotated[
        bool, typer.Option("--tombstone", help="One record without a value: its key is deleted.")
    ] = False,
    framing: Annotated[
        Framing, typer.Option(help="Where one record of the input ends and the next begins.")
    ] = Framing.LINES,
    batch: Annotated[
        int,
        typer.Option(
            min=1, metavar="N",
            help="How many records one transaction stores, all of them or none; fewer past"
            f" {describe_size(BATCH_BYTES)}, and whenever a pipe has nothing more for now.",
        ),
    ] = 1000,
    delay: Annotated[
        str | None, typer.Option(metavar="DURATION", help="Queue: deliver the messages later.")
    ] = None,
    message_group: Annotated[
        str | None,
        typer.Option(
            "--message-group", "--group", metavar="GROUP",
            help="Queue: the messages of a group stay in order; a FIFO queue needs one.",
        ),
    ] = None,
    dedup_id: Annotated[
        str | None,
        typer.Option(metavar="ID", help="FIFO queue: what is sent again with it is not stored."),
    ] = None,
    priority: Annotated[
        int | None, typer.Option(min=0, metavar="N", help="Queue: higher ones are delivered first.")
    ] = None,
    producer: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Topic: make the load resumable: run again on the same input, it skips what"
            " is stored.",
        ),
    ] = None,
) -> None:  # fmt: skip
    """Append records, or send messages: each VALUE, or each line of FILE or stdin.

    With -o ndjson each record's address is printed when it is stored. At a record that can't be
    stored the command ends: nothing of its batch is stored, the batches before it are.
    """
    name, given = _given(parse_address(destination), key, partition, header or [])
    seconds = None if delay is None else parse_duration(delay) / 1000
    message = GivenMessage(seconds, message_group, dedup_id, priority)
    form = _form(framing, key_delimiter, key_from, timestamp_from)
    request = Request(name, given, message, form, values or [], file, tombstone, batch, producer)
    _check(request)
    context = current_context()
    if context.format in {Format.TABLE, Format.TSV}:
        raise BadInput("addresses of stored records are not a table", hint="-o ndjson or name")
    with context.open_store() as store:
        if store.kind(request.destination) == "queue":
            form = replace(request.form, parse_envelope=parse_message_envelope)
            _produce(context, store, replace(request, form=form), _queue(store, request))
        else:
            _produce(context, store, request, _topic(store, request))


def _given(
    address: Address, key: str | None, partition: int | None, header: Sequence[str]
) -> tuple[str, Given]:
    if address.offset is not None:
        raise BadInput(f"{address} is one record; new ones go to the end", hint=address.name)
    if address.partition is not None:
        if partition not in {None, address.partition}:
            raise BadInput("two partitions are given", hint=f"{address}, or -P {partition}")
        partition = address.partition
    encoded = None if key is None else os.fsencode(key)
    return address.name, Given(encoded, parse_headers(header), partition)


def _form(
    framing: Framing, key_delimiter: str | None, key_from: str | None, timestamp_from: str | None
) -> InputForm:
    return InputForm(
        framing,
        None if key_delimiter is None else parse_delimiter(key_delimiter),
        None if key_from is None else ValuePath(key_from),
        None if timestamp_from is None else ValuePath(timestamp_from),
    )


def _check(request: Request) -> None:
    keyed_by_input = request.form.key_delimiter is not None or request.form.key_from is not None
    if request.given.key is not None and keyed_by_input:
        raise BadInput("the key comes from one place", hint="give -k, -K or --key-from")
    if request.values and request.file is not None:
        raise BadInput("records come from one place", hint="give VALUEs, or a FILE with -f")
    if request.tombstone:
        if request.values or request.file is not None:
            raise BadInput("a tombstone has no value", hint="leave out VALUE and -f")
        if request.given.key is None:
            raise BadInput("a tombstone needs the key that it deletes", hint="give it with -k")


def _topic(store: Store, request: Request) -> TopicDestination:
    if request.message != GivenMessage():
        store.topic(request.destination)
        raise BadInput(
            f"{request.destination} is a topic",
            hint="--delay, --message-group, --dedup-id and --priority are for a queue",
        )
    placed = request.form.framing is Framing.NDJSON
    return TopicDestination(
        store, request.destination, request.given, request.producer, placed=placed
    )


def _queue(store: Store, request: Request) -> QueueDestination:
    if request.tombstone or request.producer is not None:
        raise BadInput(
            f"{request.destination} is a queue", hint="--tombstone and --producer are for a topic"
        )
    return QueueDestination(store, request.destination, request.given, request.message)


def _produce(
    context: Context, store: Store, request: Request, destination: Destination[Id]
) -> None:
    with Interrupts(signal.SIGINT) as interrupts, _progress(context, request) as advance:
        confirm = partial(_confirm, context, interrupts, advance, destination)
        loader = Loader(
            store, destination, batch=request.batch, confirm=confirm, interrupts=interrupts
        )
        try:
            with _records(context, request, loader) as records:
                loader.load(destination.completed(records))
        except KeyboardInterrupt:
            context.diagnostics.note(f"interrupted; {_stored(loader, destination)}")
            raise
        finally:
            for warning in destination.warnings():
                context.diagnostics.warning(warning)
    if loader.skipped:
        skipped = count(loader.skipped, "record")
        context.diagnostics.note(f"skipped {skipped} that {request.producer} stored before")
    if destination.duplicates:
        told = count(destination.duplicates, "duplicate")
        context.diagnostics.note(f"{told} of messages sent before; not stored again")
    context.diagnostics.success(f"{_stored(loader, destination)} in {destination.name}")


def _stored(loader: Loader[Id], destination: Destination[Id]) -> str:
    return f"{count(loader.stored - destination.duplicates, destination.noun)} stored"


@contextmanager
def _records(context: Context, request: Request, loader: Loader[Id]) -> Iterator[Named]:
    if request.tombstone:
        yield iter([("", NewRecord(None))])
    elif request.values:
        yield from_values(request.values, request.form)
    else:
        with opened(request.file) as file:
            if file.isatty():
                context.diagnostics.success("reading records from the terminal; Ctrl-D ends them")
            yield from_file(file, request.form, loader.flush)


def _confirm(
    context: Context,
    interrupts: Interrupts,
    advance: Callable[[int], None],
    destination: Destination[Id],
    ids: list[Id],
) -> None:
    """Print where records were stored, whole even when a signal comes meanwhile."""
    advance(len(ids))
    if context.format is None:
        return
    lines = b"".join(_address_line(context.format, destination, id) for id in ids)
    wait = partial(interrupts.wait_to_write, context.output.wait_until_writable, True)
    if not context.output.records([lines], lambda _begun: wait()) and interrupts.received is None:
        raise ReaderGone


def _address_line(format: Format, destination: Destination[Id], id: Id) -> bytes:
    text = f"{id}" if format is Format.NAME else to_json(destination.document(id))
    return text.encode() + b"\n"


def _progress(context: Context, request: Request) -> AbstractContextManager[Callable[[int], None]]:
    typed = request.file is None and sys.stdin is not None and sys.stdin.isatty()
    if typed or context.format is not None:
        return nullcontext(lambda _count: None)
    return context.diagnostics.progress(f"storing in {request.destination}")
