"""`mq group skip`: the one-record way out of a stall."""

from __future__ import annotations

from typing import Annotated, NamedTuple

import typer

from mq.commands.reporting import DryRun, report_done
from mq.context import current_context
from mq.output import Column
from mq.record_lines import cell_text, cut
from mq.trial import trial
from store.addresses import Address, parse_address
from store.broker import Store
from store.models import Record

_VALUE_WIDTH = 40


class Skipped(NamedTuple):
    """What a group passed over; `record` is `None` where it had been removed from the log."""

    group: str
    address: Address
    record: Record | None
    to_dlq: str | None

    def __str__(self) -> str:
        if self.record is None:
            return f"{self.address}, which is no longer in the log"
        copied = "" if self.to_dlq is None else f", copied to {self.to_dlq}"
        return f"{self.address}: {self.shown_value}{copied}"

    @property
    def shown_value(self) -> str:
        """The beginning of the record's value, for people."""
        return cut(None if self.record is None else self.record.value, _VALUE_WIDTH)


SKIPPED: list[Column[Skipped]] = [
    Column("address", lambda skipped: str(skipped.address)),
    Column("group", lambda skipped: skipped.group),
    Column("key", lambda skipped: cell_text(skipped.record.key) if skipped.record else None),
    Column(
        "value",
        lambda skipped: cell_text(skipped.record.value) if skipped.record else None,
        text=lambda skipped: skipped.shown_value,
    ),
    Column("to_dlq", lambda skipped: skipped.to_dlq),
]


def skip(
    name: Annotated[str, typer.Argument(metavar="NAME")],
    address: Annotated[
        str, typer.Argument(metavar="TOPIC/P@OFFSET", help="The record that it reads next.")
    ],
    to_dlq: Annotated[
        str | None,
        typer.Option(metavar="QUEUE", help="Copy the record to this queue, to deal with it later."),
    ] = None,
    dry_run: DryRun = False,
) -> None:
    """Have a group pass over the one record that it can't process.

    It works while members read, but only on the record at the committed offset. Whoever holds the
    partition may not commit any more and goes on behind the record. The record stays in the log.
    """
    context = current_context()
    place = parse_address(address)
    with context.open_store() as store:
        skipped = _skipped(store, name, place, to_dlq, keep=not dry_run)
    if dry_run:
        context.output.listing(SKIPPED, [skipped])
    else:
        report_done(context, SKIPPED, [skipped], f"group {name} skipped {skipped}")


def _skipped(
    store: Store, group: str, place: Address, to_dlq: str | None, *, keep: bool
) -> Skipped:
    with trial(store, keep=keep) as tx:
        record = tx.skip(group, place, to_dlq)
    return Skipped(group, place, record, to_dlq)
