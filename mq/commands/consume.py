"""`mq consume`: print the records of a topic, alone or in a group, or the messages of a queue."""

import signal
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from mq.cli.context import Context, current_context
from mq.cli.diagnostics import ExitCode
from mq.cli.interrupts import STOPS, Interrupts
from mq.commands import SingleCommand
from mq.commands.membership_options import (
    DEFAULT_SESSION_TIMEOUT,
    LONGEST_PRINTING,
    Member,
    SessionTimeout,
)
from mq.read.bounds import parse_until
from mq.read.printer import RecordPrinter
from mq.read.topic import Scan
from mq.text.lines import record_lines
from store.model.addresses import Address, parse_address
from store.model.errors import BadInput
from store.model.positions import parse_position
from store.model.text import parse_duration

if TYPE_CHECKING:
    from mq.text.conditions import Condition
    from store import Record, Store

app = SingleCommand()


class Request(NamedTuple):
    """What the command line asks for."""

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


@app.command()
def consume(
    source: Annotated[
        str, typer.Argument(metavar="SOURCE", help="A topic, a partition or a queue.")
    ],
    group: Annotated[
        str | None,
        typer.Option("-g", "--group", metavar="GROUP", help="Read as a member of this group."),
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
        typer.Option(metavar="end|OFFSET|TIME", help="Where to end in each partition; exclusive."),
    ] = None,
    limit: Annotated[
        int | None, typer.Option("-n", min=1, metavar="N", help="Stop after N records.")
    ] = None,
    follow: Annotated[
        bool, typer.Option("-f", "--follow", help="Go on with what is appended.")
    ] = False,
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
        typer.Option(metavar="'FIELD OP VALUE'", help="Only these records; repeatable (and)."),
    ] = None,
    member: Member = None,
    session_timeout: SessionTimeout = DEFAULT_SESSION_TIMEOUT,
    fail_empty: Annotated[
        bool, typer.Option("--fail-empty", help="End with 10 if nothing was printed.")
    ] = False,
) -> ExitCode:
    """Print records: the value and a newline, unless -F or -o says otherwise.

    A tombstone is an empty line. Without --follow it stops at the end that was there when it
    started. With -g it joins the group, commits what it printed, and leaves. Messages of a queue
    are leased, printed, and acknowledged once they are written, until none is ready.
    """
    request = Request(
        parse_address(source), group, member, session_timeout, start, until, limit, follow, format,
        where or [],
    )  # fmt: skip
    context = current_context()
    _check(request)
    with context.open_store() as store:
        name = request.source.name
        kind = store.kind(name, "topic") if group else store.kind(name, "topic", "queue")
        is_queue = kind == "queue"
        # What is leased and not printed goes back, however this ends.
        in_order = STOPS if follow or is_queue else ()
        with Interrupts(signal.SIGINT, *in_order) as interrupts:
            if is_queue:
                printed = _read_queue(context, store, request, interrupts)
            else:
                printed = TopicReading(context, store, request, interrupts).run()
    if not follow:
        interrupts.obey()
    return ExitCode.CONDITION_TRUE if fail_empty and not printed else ExitCode.OK


def _check(request: Request) -> None:
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


def _check_alone(request: Request) -> None:
    if request.member is not None:
        raise BadInput("--member is for a group", hint="name it with -g")
    if request.start == "committed":
        raise BadInput("only a group has a committed offset", hint="name it with -g")


def _read_queue(context: Context, store: "Store", request: Request, interrupts: Interrupts) -> int:
    from mq.read.queue import QueueReading

    _check_queue(request)
    return QueueReading(
        context, store, request.source.name, limit=request.limit, follow=request.follow,
        format=request.format, interrupts=interrupts,
    ).run()  # fmt: skip


def _check_queue(request: Request) -> None:
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


class TopicReading:
    """One run of the command on a topic."""

    def __init__(
        self, context: Context, store: "Store", request: Request, interrupts: Interrupts
    ) -> None:
        now = store.wall()
        self._context = context
        self._store = store
        self._request = request
        self._interrupts = interrupts
        self._until = parse_until(request.until, now)
        self._start = parse_position(request.start or "earliest", now)
        self._printer = RecordPrinter(
            context.output,
            interrupts,
            record_lines(context, request.format),
            _condition(request.where, now),
            request.limit,
        )

    def run(self) -> int:
        """Print what was asked for, and return how many records that were."""
        try:
            if self._request.group is None:
                self._read_alone()
            else:
                self._read_as_member(self._request.group)
            self._printer.finish()
        except KeyboardInterrupt:
            if not self._interrupts.is_stop:
                raise
        return self._printer.printed

    def _read_alone(self) -> None:
        request = self._request
        scan = Scan(self._store, request.source, self._start, self._until, follow=request.follow)
        self._interrupts.hold()
        self._print_all(scan.batches(), lambda _: None, scan.remaining)

    def _read_as_member(self, group: str) -> None:
        from mq.read.group import GroupReading

        request = self._request
        session_timeout = parse_duration(request.session_timeout) / 1000
        consumer = self._store.consumer(
            group,
            [request.source.name],
            member=request.member,
            session_timeout=session_timeout,
            max_poll_interval=LONGEST_PRINTING,
            start=self._start,
            timeout=self._context.timeout,
        )
        self._interrupts.hold()
        with GroupReading(
            self._store, consumer, request.source.name, self._until, follow=request.follow,
            interrupts=self._interrupts, diagnostics=self._context.diagnostics,
        ) as reading:  # fmt: skip
            self._printer.while_waiting(session_timeout / 3, reading.heartbeat)
            self._print_all(reading.batches(), reading.commit, reading.remaining)

    def _print_all(
        self, batches: "Iterator[list[Record]]", commit: "Callable[[Sequence[Record]], None]",
        remaining: Callable[[], int],
    ) -> None:  # fmt: skip
        shown = not self._request.follow and self._context.output.is_in_file
        label = f"consume {self._request.source}"
        with self._context.diagnostics.progress(label, shown=shown) as progress:
            progress.expect(lambda: self._printer.most(remaining()))
            while not self._printer.is_done:
                with self._interrupts.allowed():
                    batch = next(batches, None)
                if batch is None:
                    return
                dealt_with = self._printer.print(batch)
                commit(batch[:dealt_with])
                progress.advance(dealt_with)
                self._printer.check()
