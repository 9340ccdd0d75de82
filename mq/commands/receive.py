"""`mq receive`: lease what a queue or a share has, and print it with its receipts."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any

import typer

from mq.chaos import warn_of_chaos
from mq.commands import SingleCommand
from mq.context import Context, current_context
from mq.diagnostics import ExitCode
from mq.message_records import MESSAGE_COLUMNS, to_document
from mq.output import Column, Format, Row
from store.addresses import check_name
from store.messages import Message
from store.text import format_time, parse_duration

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
    belongs to the receipt and outlives this process. -o name prints the receipts alone.
    """
    context = current_context()
    check_name(source, "queue name")
    seconds = None if wait is None else parse_duration(wait) / 1000
    duration = None if lease is None else parse_duration(lease) / 1000
    with context.open_store() as store:
        if store.kind(source, "queue", "share") == "share":
            from mq.shared_records import SHARED_COLUMNS, to_document as shared_document

            records = store.acquire(source, number, seconds or 0.0, duration)
            _write(context, records, shared_document, SHARED_COLUMNS)
            return _exit_code(records, fail_empty)
        warn_of_chaos(context, source, store.queue_config(source))
        messages = store.receive(source, number, seconds, duration)
    _write(context, messages, to_document, RECEIVED)
    return _exit_code(messages, fail_empty)


def _exit_code(found: Sequence[object], fail_empty: bool) -> ExitCode:
    return ExitCode.CONDITION_TRUE if fail_empty and not found else ExitCode.OK


def _write(
    context: Context, found: Sequence[Row], envelope: Callable[[Row], dict[str, Any]],
    columns: Sequence[Column[Row]],
) -> None:  # fmt: skip
    if context.format in {None, Format.JSON, Format.NDJSON}:
        for one in found:
            context.output.json_line(envelope(one))
    else:
        context.output.listing(columns, found)


def _lease_expires(message: Message) -> str | None:
    return None if message.lease_expires is None else format_time(message.lease_expires)
