"""`mq peek`: look at records or messages; nothing is leased, committed or written."""

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Annotated

import typer

from mq.cli.context import current_context
from mq.commands import SingleCommand
from mq.commands.peek.history import show_history
from mq.commands.peek.queue import choose_messages
from mq.read.topic import Scan, parse_until, record_address
from mq.text.conditions import parse_conditions
from mq.text.envelopes import MESSAGE_COLUMNS, RECORD_COLUMNS
from mq.text.listing import show_messages, show_records
from store.model.addresses import Address, parse_address
from store.model.errors import BadInput
from store.model.positions import Position, parse_position
from store.model.topics import Record

if TYPE_CHECKING:
    from store.engine.broker import Broker

app = SingleCommand()


@app.command()
def peek(
    address: Annotated[
        str,
        typer.Argument(
            metavar="ADDRESS",
            help="A topic, partition or queue, or one record or message.",
        ),
    ],
    number: Annotated[int, typer.Option("-n", min=1, metavar="N", help="Most records.")] = 10,
    start: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="OFFSET-WORD",
            help="Where to begin: earliest (default), last, an offset, -N, 15m, a time; in a queue"
            " earliest, a sequence number or a time.",
        ),
    ] = None,
    state: Annotated[
        list[str] | None,
        typer.Option(
            metavar="STATE,…", help="Queue: only ready, leased, delayed or blocked messages."
        ),
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(metavar="'FIELD OP VALUE'", help="Condition; repeatable (and)."),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option(metavar="end|OFFSET|TIME", help="Topic: end in each partition; exclusive."),
    ] = None,
    json_value: Annotated[
        bool, typer.Option("--json-value", help="Objects and arrays in values as JSON, not text.")
    ] = False,
    history: Annotated[
        bool,
        typer.Option("--history", help="History of one message or record, first to last."),
    ] = False,
) -> None:
    """Look at records or messages, the oldest first; nothing is leased, committed or written.

    An address with an offset, as orders/2@4711 or emails@12, is that one alone, and 3 where it is
    not there; --from begins with it and goes on.

    --history lists the failed deliveries of one message or record, as in emails@12 --history, with
    their holders, times and errors, and the moves between queues; they are kept for 14 days.

    A table on a terminal, TSV in a pipe, and a stream of envelopes with -o json or ndjson. A
    damaged one is marked, without a value; then the exit code is 7.
    """
    context = current_context()
    context.json_value = json_value
    source = parse_address(address)
    with context.open_store() as store:
        if history:
            show_history(context, store, source)
            return
        is_queue = store.kind(source.name, "topic", "queue") == "queue"
        begin = _start(source, start, store.wall())
        if is_queue:
            if until is not None:
                raise BadInput(f"{source.name} is a queue", hint="--where 'timestamp < 09:00'")
            messages = choose_messages(store, source, begin, state or [], where or [])
            show_messages(context, islice(messages, number), MESSAGE_COLUMNS, store.wall())
            return
        if state:
            raise BadInput("only messages of a queue have a state", hint="leave out --state")
        condition = parse_conditions(where or [], store.wall())
        records = filter(condition, _records(store, record_address(source), begin, until))
        show_records(context, islice(records, number), RECORD_COLUMNS, store.wall())


def _start(source: Address, word: str | None, now: int) -> Position:
    if source.offset is not None and word is not None:
        rest = source._replace(offset=None)
        raise BadInput(f"{source} is one alone", hint=f"mq peek {rest} --from {word}")
    if word == "committed":
        raise BadInput("only a group has a committed offset", hint="mq group show GROUP")
    return parse_position(word or "earliest", now)


def _records(
    store: "Broker", source: Address, begin: Position, until: str | None
) -> Iterator[Record]:
    if source.partition is not None and source.offset is not None:
        place = (source.name, source.partition, source.offset)
        return iter([store.record(*place, mark_damaged=True)])
    end = parse_until(until, store.wall())
    return Scan(store, source, begin, end, mark_damaged=True).records()
