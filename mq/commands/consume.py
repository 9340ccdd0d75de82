"""`mq consume`: print the records of a topic, alone or in a group, or the messages of a queue."""

import signal
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from mq.cli.context import Context, current_context
from mq.cli.diagnostics import ExitCode
from mq.cli.interrupts import STOPS, Interrupts
from mq.commands import SingleCommand
from mq.commands.membership_options import (
    DEFAULT_SESSION_TIMEOUT,
    Member,
    SessionTimeout,
)
from mq.read.printer import RecordPrinter
from mq.read.source import BATCH_RECORDS, Item, Source, batches
from mq.read.topic import Scan, Until, parse_until
from mq.text.envelopes import message_lines, record_lines
from store.model.addresses import Address, parse_address
from store.model.errors import BadInput
from store.model.positions import Position, parse_position
from store.model.text import parse_duration
from store.model.topics import Record

if TYPE_CHECKING:
    from mq.text.conditions import Condition
    from store.engine.broker import Broker

app = SingleCommand()

# The number of messages that one batch leases while it is printed.
_LEASED = 100


class _Request(NamedTuple):
    """The options of the command line."""

    source: Address
    group: str | None
    member: str | None
    session_timeout: str
    start: str | None
    until: str | None
    limit: int | None
    follow: bool
    format: str | None
    where: Sequence[str]
    auto_ack: bool


@app.command()
def consume(
    source: Annotated[
        str, typer.Argument(metavar="SOURCE", help="A topic, a partition or a queue.")
    ],
    group: Annotated[
        str | None,
        typer.Option("-g", "--group", metavar="GROUP", help="Group to read as a member of."),
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="OFFSET-WORD",
            help="Where to begin: earliest (default), latest, last, an offset, -N, 15m, a time;"
            " with -g only where nothing is committed.",
        ),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option(metavar="end|OFFSET|TIME", help="End in each partition; exclusive."),
    ] = None,
    limit: Annotated[
        int | None, typer.Option("-n", min=1, metavar="N", help="End after N records.")
    ] = None,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Wait for new records.")] = False,
    format: Annotated[
        str | None,
        typer.Option(
            "-F",
            "--format",
            metavar="FORMAT",
            help=r"For each: %t topic or queue %p partition %o offset or sequence %k key %s value"
            r" %h headers %T timestamp %d deliveries %% and \n \t \xHH.",
        ),
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(metavar="'FIELD OP VALUE'", help="Condition on records; repeatable (and)."),
    ] = None,
    auto_ack: Annotated[
        bool,
        typer.Option("--auto-ack", help="Messages acknowledged as received, printed or not."),
    ] = False,
    json_value: Annotated[
        bool, typer.Option("--json-value", help="Objects and arrays in values as JSON, not text.")
    ] = False,
    member: Member = None,
    session_timeout: SessionTimeout = DEFAULT_SESSION_TIMEOUT,
    fail_empty: Annotated[
        bool, typer.Option("--fail-empty", help="Exit 10 if nothing was printed.")
    ] = False,
) -> ExitCode:
    """Print records: the value and a newline, unless -F or -o says otherwise.

    A tombstone is an empty line. Without --follow it stops at the end that was there when it
    started. With -g it joins the group, commits what it printed, and leaves. Messages of a queue
    are leased, printed, and acknowledged once they are written, until none is ready; with
    --auto-ack they are acknowledged first. Into a pipe they go one by one, so that
    | head takes no more than it prints.
    """
    request = _Request(
        parse_address(source), group, member, session_timeout, start, until, limit, follow, format,
        where or [], auto_ack,
    )  # fmt: skip
    context = current_context()
    context.json_value = json_value
    _check(request)
    with context.open_store() as store:
        name = request.source.name
        kind = store.kind(name, "topic") if group else store.kind(name, "topic", "queue")
        is_queue = kind == "queue"
        if auto_ack and not is_queue:
            raise BadInput(f"{name} is a topic: it has no acknowledgements", hint="a group commits")
        # Leased and unprinted messages go back, however this ends.
        in_order = STOPS if follow or is_queue else ()
        with Interrupts(signal.SIGINT, *in_order) as interrupts:
            reading = _Reading(context, store, request, interrupts)
            printed = reading.print_messages() if is_queue else reading.print_records()
    if not follow:
        interrupts.obey()
    return ExitCode.CONDITION_TRUE if fail_empty and not printed else ExitCode.OK


def _check(request: _Request) -> None:
    if request.source.offset is not None:
        raise BadInput(
            f"{request.source} is one record",
            hint=f"mq peek {request.source}, or --from {request.source.offset}",
        )
    if request.follow and request.until == "end":
        raise BadInput("--follow goes on after the end", hint="leave out --until end")
    if request.group is None:
        _check_alone(request)
    elif request.source.partition is not None:
        raise BadInput(
            f"a group reads whole topics, not {request.source} alone",
            hint=f"-g with {request.source.name}, or {request.source} without -g",
        )


def _check_alone(request: _Request) -> None:
    if request.member is not None:
        raise BadInput("--member is for a group", hint="name it with -g")
    if request.start == "committed":
        raise BadInput("only a group has a committed offset", hint="name it with -g")


def _check_queue(request: _Request) -> None:
    name = request.source.name
    if request.where:
        raise BadInput(
            f"{name} is a queue: to look at a message would lease it, wanted or not",
            hint=f"mq peek {name} --where … leases nothing",
        )
    if request.source.partition is not None:
        raise BadInput(f"{name} is a queue: it has no partitions", hint=name)
    if request.group is not None or request.start is not None or request.until is not None:
        raise BadInput(
            f"{name} is a queue: each message goes to one reader, the next one first",
            hint="-g, --from and --until are for a topic",
        )


def _condition(where: Sequence[str], now: int) -> "Condition | None":
    if not where:
        return None
    from mq.text.conditions import parse_conditions

    return parse_conditions(where, now)


class _Reading:
    """One run of the command; prints what was asked for, and counts it."""

    def __init__(
        self, context: Context, store: "Broker", request: _Request, interrupts: Interrupts
    ) -> None:
        self._context = context
        self._store = store
        self._request = request
        self._interrupts = interrupts

    def print_records(self) -> int:
        """Print the records of a topic, alone or as a member of a group."""
        request, now = self._request, self._store.wall()
        until = parse_until(request.until, now)
        start = parse_position(request.start or "earliest", now)
        printer = RecordPrinter[Record](
            self._context.output,
            self._interrupts,
            record_lines(self._context, request.format),
            _condition(request.where, now),
            request.limit,
        )

        def open_source() -> "Source[Record]":
            if request.group is not None:
                return self._join(request.group, start, until)
            return Scan(self._store, request.source, start, until)

        return self._print_all(printer, open_source, lambda: BATCH_RECORDS)

    def print_messages(self) -> int:
        """Lease the messages of a queue, print them, and acknowledge what is written."""
        from mq.read.leases import AutoAckSource, QueueSource, require_lease, warn_of_chaos
        from mq.read.paced import PacedPrinter, narrow_pipe
        from store.model.messages import Message

        request, name = self._request, self._request.source.name
        _check_queue(request)
        config = self._store.queue_config(name)
        if not request.auto_ack:
            require_lease(name, config)
        warn_of_chaos(self._context.diagnostics, name, config)
        lines = message_lines(self._context, request.format)
        paced = not request.auto_ack and narrow_pipe()
        kind: type[RecordPrinter[Message]] = PacedPrinter if paced else RecordPrinter
        printer = kind(self._context.output, self._interrupts, lines, None, request.limit)

        def open_source() -> QueueSource:
            if request.auto_ack:
                return AutoAckSource(self._store, name, self._context.diagnostics)
            return QueueSource(self._store, name)

        return self._print_all(printer, open_source, lambda: printer.most(_LEASED))

    def _join(self, group: str, start: Position, until: Until) -> "Source[Record]":
        from mq.read.group import GroupSource, Subscription

        request = self._request
        session_timeout = parse_duration(request.session_timeout) / 1000
        subscription = Subscription(
            group, request.source.name, session_timeout, request.member, start
        )
        return GroupSource(
            self._context, self._store, subscription, self._interrupts,
            until=until, follow=request.follow,
        )  # fmt: skip

    def _print_all(
        self, printer: RecordPrinter[Item], open_source: "Callable[[], Source[Item]]",
        most: Callable[[], int],
    ) -> int:  # fmt: skip
        diagnostics, follow = self._context.diagnostics, self._request.follow
        label, shown = f"consume {self._request.source}", self._context.output.is_in_file
        try:
            source = open_source()
            self._interrupts.hold()
            with source, diagnostics.progress(label, shown=shown and not follow) as progress:
                progress.expect(lambda: printer.most(source.remaining()))
                items = batches(source, most, self._interrupts, diagnostics, follow=follow)
                while not printer.is_done and (batch := next(items, None)):
                    progress.advance(printer.pass_on(source, batch))
            printer.finish()
        except KeyboardInterrupt:
            if not self._interrupts.is_stop:
                raise
        return printer.printed
