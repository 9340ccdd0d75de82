"""`mq receive`: lease messages of a queue or records of a share, and print them with receipts."""

import signal
from collections.abc import Sequence
from contextlib import suppress
from typing import Annotated, Any

import typer

from mq.cli.context import Context, current_context
from mq.cli.diagnostics import ExitCode
from mq.cli.interrupts import STOPS, Interrupts
from mq.cli.output import Column, Format
from mq.commands import SingleCommand
from mq.read.leases import (
    AutoAckSource,
    Handover,
    Leased,
    LeasedSource,
    QueueSource,
    ShareSource,
    warn_of_chaos,
)
from mq.read.printer import RecordPrinter
from mq.text.envelopes import MESSAGE, SHARED, Envelope, Lines, separated_lines
from store.model.addresses import check_name
from store.model.errors import BadInput
from store.model.text import parse_duration

app = SingleCommand()

RECEIVED = MESSAGE.columns(
    "receipt address timestamp message_group priority deliveries lease_expires key headers value"
)
ACQUIRED = SHARED.columns("receipt address timestamp deliveries lease_expires key headers value")


@app.command()
def receive(
    source: Annotated[str, typer.Argument(metavar="QUEUE|SHARE")],
    number: Annotated[
        int, typer.Option("-n", min=1, max=10_000, metavar="N", help="Most messages.")
    ] = 1,
    wait: Annotated[
        str | None,
        typer.Option(
            metavar="DURATION",
            help="Longest wait for a message (the queue's).",
        ),
    ] = None,
    lease: Annotated[
        str | None,
        typer.Option(metavar="DURATION", help="Lease duration (that of the queue or share)."),
    ] = None,
    auto_ack: Annotated[
        bool, typer.Option("--auto-ack", help="Acknowledgement at once, without a receipt.")
    ] = False,
    json_value: Annotated[
        bool, typer.Option("--json-value", help="Objects and arrays in values as JSON, not text.")
    ] = False,
    fail_empty: Annotated[
        bool, typer.Option("--fail-empty", help="Exit 10 if there was no message.")
    ] = False,
) -> ExitCode:
    """Lease messages and print each as a line of JSON, with its receipt.

    A message comes back unless it is acknowledged before its lease ends: mq ack RECEIPT. The lease
    belongs to the receipt and outlives this process. Unprinted messages go back as if they had not
    been received. -o name prints the receipts alone.

    With --auto-ack a message is acknowledged as it is received: it has no receipt, and never comes
    again, printed or not.
    """
    context = current_context()
    if auto_ack and lease is not None:
        raise BadInput("with --auto-ack there is no lease", hint="leave out one of the two")
    context.json_value = json_value
    check_name(source, "queue name")
    seconds = None if wait is None else parse_duration(wait) / 1000
    handover = Handover(
        None if lease is None else parse_duration(lease) / 1000, context.diagnostics
    )
    with (
        context.open_store() as store,
        Interrupts(signal.SIGINT, *STOPS) as interrupts,
    ):
        interrupts.hold()
        if store.kind(source, "queue", "share") == "share":
            if auto_ack:
                raise BadInput(
                    f"{source} is a share: its records are acknowledged by their receipts",
                    hint="--auto-ack is for a queue",
                )
            share = ShareSource(store, source, handover=handover)
            printing = _Printing(context, interrupts, SHARED, ACQUIRED)
            count = printing.print(share, share.take(number, seconds, interrupts.has_come))
        else:
            warn_of_chaos(context.diagnostics, source, store.queue_config(source))
            queue = (
                AutoAckSource(store, source, context.diagnostics)
                if auto_ack
                else QueueSource(store, source, handover=handover)
            )
            printing = _Printing(context, interrupts, MESSAGE, RECEIVED)
            count = printing.print(queue, queue.take(number, seconds, interrupts.has_come))
    interrupts.obey()
    return ExitCode.CONDITION_TRUE if fail_empty and not count else ExitCode.OK


class _Printing:
    """Prints leased messages; unprinted ones go back, as their receipts are lost."""

    def __init__(
        self, context: Context, interrupts: Interrupts,
        envelope: Envelope[Any], columns: Sequence[Column[Any]],
    ) -> None:  # fmt: skip
        self._context = context
        self._interrupts = interrupts
        self._envelope = envelope
        self._columns = columns

    def print(self, source: LeasedSource[Leased], items: Sequence[Leased]) -> int:
        """Print all unless a signal comes, and count them; raises the error of stdout."""
        output = self._context.output
        if self._context.format is Format.TABLE:
            try:
                with self._interrupts.allowed():
                    output.listing(self._columns, items)
            except BaseException:
                source.give_back(items)
                raise
            return len(items)
        printer = RecordPrinter[Any](output, self._interrupts, self._lines(), None, None)
        with suppress(KeyboardInterrupt):
            printer.pass_on(source, items)
            printer.finish()
        return len(items)

    def _lines(self) -> Lines[Any]:
        match self._context.format:
            case Format.TSV | Format.CSV:
                return separated_lines(self._context, self._columns)
            case Format.NAME:
                return Lines(lambda item: f"{item.receipt or item.address}\n".encode())
        envelope = self._envelope
        return Lines(envelope.line_with_json if self._context.json_value else envelope.line)
