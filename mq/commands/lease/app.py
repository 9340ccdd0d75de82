"""`mq lease`: the holder of each message or record and its end, and taking one back."""

from typing import Annotated

import typer

from mq.cli.context import current_context
from mq.cli.output import Column
from mq.cli.reporting import report_document
from mq.commands import CommandGroup
from store.model.addresses import Address, parse_address
from store.model.errors import BadInput
from store.model.queues import LeaseStatus
from store.model.text import describe_duration, format_time

app = CommandGroup(help="Leases: messages that a reader holds.")

LEASES: list[Column[LeaseStatus]] = [
    Column("address", lambda lease: lease.address, weight=2),
    Column("reader", lambda lease: lease.reader, yields=3),
    Column("holder", lambda lease: lease.holder),
    Column("deliveries", lambda lease: lease.deliveries, right=True, yields=2),
    Column("expires", lambda lease: format_time(lease.expires), yields=1),
    Column(
        "seconds_left",
        lambda lease: lease.seconds_left,
        text=lambda lease: describe_duration(lease.seconds_left),
        header="LEFT",
        right=True,
    ),
    Column("receipt", lambda lease: lease.receipt, weight=0),
]


@app.command("list")
def list_leases(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="A queue or a share.")
    ] = None,
    expired: Annotated[
        bool, typer.Option("--expired", help="Lapsed leases of messages not taken since.")
    ] = False,
) -> None:
    """List leases, the next to lapse first within each queue and share."""
    context = current_context()
    with context.open_store() as store:
        leases = store.leases(name, expired=expired)
    context.output.listing(LEASES, leases)


@app.command("release")
def release(
    what: Annotated[
        str,
        typer.Argument(metavar="RECEIPT|ADDRESS", help="A receipt, emails@12 or orders/2@4711."),
    ],
    share: Annotated[
        str | None, typer.Option(metavar="NAME", help="Share that has the record in flight.")
    ] = None,
) -> None:
    """Take a message from its holder, or end its delay; it is ready at once.

    Its receipt is worth nothing from then on. A record that several shares have in flight is named
    by its receipt, or with --share.
    """
    context = current_context()
    address = _message_address(what) if "@" in what else None
    if share is not None and (address is None or address.partition is None):
        raise BadInput("--share goes with the address of a record", hint="as in orders/2@4711")
    with context.open_store() as store:
        if address is None:
            store.nack([what], delay=0)
        elif address.partition is not None:
            store.release_record(address, share)
        else:
            store.release(address.name, address.offset or 0)
    report_document(context, {"released": what}, f"released {what}")


def _message_address(text: str) -> Address:
    address = parse_address(text)
    if address.offset is None:
        raise BadInput(f"{text} is not a message or record", hint="as in emails@12, orders/2@4711")
    return address
