"""`mq receive`: lease what a queue or a share has, and print it with its receipts."""

import signal
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mq.cli.chaos import warn_of_chaos
from mq.cli.context import Context, current_context
from mq.cli.diagnostics import ExitCode
from mq.cli.interrupts import STOPS, Interrupts
from mq.cli.output import Column, Format, to_json
from mq.commands import SingleCommand
from mq.read.printer import RecordPrinter
from mq.text.lines import Lines, tsv_lines
from mq.text.messages import MESSAGE_COLUMNS, to_document
from store.model.addresses import check_name
from store.model.errors import MqError
from store.model.messages import Message
from store.model.text import counted, format_time, parse_duration

if TYPE_CHECKING:
    from store import SharedRecord, Store

    Leased = Sequence[Message] | Sequence[SharedRecord]

app = SingleCommand()

RECEIVED: list[Column[Message]] = [
    Column("receipt", lambda message: message.receipt),
    *MESSAGE_COLUMNS[:5],
    Column("lease_expires", lambda message: _lease_expires(message)),
    *MESSAGE_COLUMNS[6:],
]


@app.command()
def receive(
    source: Annotated[str, typer.Argument(metavar="QUEUE|SHARE")],
    number: Annotated[
        int, typer.Option("-n", min=1, max=10_000, metavar="N", help="How many at most.")
    ] = 1,
    wait: Annotated[
        str | None,
        typer.Option(
            metavar="DURATION",
            help="How long to wait for a message if none is ready; else as the queue says.",
        ),
    ] = None,
    lease: Annotated[
        str | None,
        typer.Option(
            metavar="DURATION", help="How long they are ours; else as the queue or share says."
        ),
    ] = None,
    fail_empty: Annotated[
        bool, typer.Option("--fail-empty", help="End with 10 if there was no message.")
    ] = False,
) -> ExitCode:
    """Lease messages and print each as a line of JSON, with its receipt.

    A message comes back unless it is acknowledged before its lease ends: mq ack RECEIPT. The lease
    belongs to the receipt and outlives this process. What can't be printed goes back as if it had
    not been received. -o name prints the receipts alone.
    """
    context = current_context()
    check_name(source, "queue name")
    seconds = None if wait is None else parse_duration(wait) / 1000
    duration = None if lease is None else parse_duration(lease) / 1000
    with (
        context.open_store() as store,
        Interrupts(signal.SIGINT, *STOPS) as interrupts,
    ):
        interrupts.hold()
        handover = _Handover(context, store, interrupts)
        found: Leased
        if store.kind(source, "queue", "share") == "share":
            from mq.text.shares import SHARED_COLUMNS, to_document as shared_document

            found = store.acquire(
                source, number, seconds or 0.0, duration, until=interrupts.has_come
            )
            handover.print(found, shared_document, SHARED_COLUMNS)
        else:
            warn_of_chaos(context, source, store.queue_config(source))
            found = store.receive(source, number, seconds, duration, until=interrupts.has_come)
            handover.print(found, to_document, RECEIVED)
    interrupts.obey()
    return ExitCode.CONDITION_TRUE if fail_empty and not found else ExitCode.OK


class _Handover:
    """Prints what was leased, and gives back what could not be printed: nobody has its receipt."""

    def __init__(self, context: Context, store: "Store", interrupts: Interrupts) -> None:
        self._output = context.output
        self._context = context
        self._store = store
        self._interrupts = interrupts

    def print(
        self, found: "Leased", envelope: Callable[[Any], dict[str, Any]],
        columns: Sequence[Column[Any]],
    ) -> None:  # fmt: skip
        """Print all, unless a signal comes; raises what keeps stdout from taking all of it."""
        if self._context.format is Format.TABLE:
            self._print_table(found, columns)
            return
        lines = self._lines(envelope, columns)
        printer = RecordPrinter[Any](self._output, self._interrupts, lines, None, None)
        printed = 0
        try:
            printed = printer.print(found)
        finally:
            self._give_back(found[printed:])
        if not self._interrupts.has_come():
            printer.check()
            printer.finish()

    def _print_table(self, found: "Leased", columns: Sequence[Column[Any]]) -> None:
        try:
            with self._interrupts.allowed():
                self._output.listing(columns, found)
        except BaseException:
            self._give_back(found)
            raise

    def _lines(
        self, envelope: Callable[[Any], dict[str, Any]], columns: Sequence[Column[Any]]
    ) -> Lines[Any]:
        match self._context.format:
            case Format.TSV:
                return tsv_lines(self._context, columns)
            case Format.NAME:
                return Lines(lambda one: f"{one.receipt}\n".encode())
        return Lines(lambda one: to_json(envelope(one)).encode() + b"\n")

    def _give_back(self, unprinted: "Leased") -> None:
        receipts = [one.receipt for one in unprinted if one.receipt is not None]
        try:
            if receipts:
                self._store.unreceive(receipts)
        except MqError as error:
            lost = counted(len(receipts), "message")
            self._context.diagnostics.warning(
                f"{lost} can't be given back before the lease ends: {error.message}"
            )


def _lease_expires(message: Message) -> str | None:
    return None if message.lease_expires is None else format_time(message.lease_expires)
