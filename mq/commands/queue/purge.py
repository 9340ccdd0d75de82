"""`mq queue purge`: messages removed for good, all of a queue or a single one."""

from typing import TYPE_CHECKING, Annotated

import typer

from mq.cli.context import current_context
from mq.cli.output import Column
from mq.cli.reporting import DryRun, report_done
from store.model.addresses import Address, parse_address
from store.model.errors import BadInput
from store.model.text import counted

if TYPE_CHECKING:
    from store.engine.queues import Queues

PURGED: list[Column[tuple[str, int]]] = [
    Column("name", lambda row: row[0], weight=2),
    Column("removed", lambda row: row[1], text=lambda row: f"{row[1]:,}", right=True),
]


def purge(
    names: Annotated[
        list[str], typer.Argument(metavar="NAME…", help="A queue, or a message such as emails@12.")
    ],
    keep_leased: Annotated[
        bool, typer.Option("--keep-leased", help="All but leased messages.")
    ] = False,
    dry_run: DryRun = False,
) -> None:
    """Remove the messages of queues: ready, delayed, blocked and leased ones.

    An address removes that one message, also one that is damaged. They do not go to a DLQ. Off a
    terminal it needs --yes.
    """
    context = current_context()
    chosen = [_queue_or_message(name) for name in dict.fromkeys(names)]
    with context.open_store() as store:
        counts = [(str(one), _purgeable(store, one, keep_leased)) for one in chosen]
        if dry_run:
            context.output.listing(PURGED, counts)
            return
        context.confirm(f"This removes {_sum(counts)}.")
        removed = [(str(one), _purge(store, one, keep_leased)) for one in chosen]
    report_done(context, PURGED, removed, f"removed {_sum(removed)}")


def _queue_or_message(text: str) -> Address:
    address = parse_address(text)
    if address.partition is not None:
        raise BadInput(
            f"{text} names a partition, and a queue has none", hint=f"mq queue purge {address.name}"
        )
    return address


def _sum(counts: list[tuple[str, int]]) -> str:
    return " and ".join(f"{counted(number, 'message')} of {name}" for name, number in counts)


def _purgeable(store: "Queues", chosen: Address, keep_leased: bool) -> int:
    if chosen.offset is not None:
        is_leased = store.message(chosen.name, chosen.offset).state == "leased"
        return 0 if is_leased and keep_leased else 1
    status = store.queue(chosen.name)
    return status.messages - ((status.leased or 0) if keep_leased else 0)


def _purge(store: "Queues", chosen: Address, keep_leased: bool) -> int:
    if chosen.offset is None:
        return store.purge_queue(chosen.name, keep_leased=keep_leased)
    number = _purgeable(store, chosen, keep_leased)
    if number:
        store.purge_message(chosen.name, chosen.offset)
    return number
