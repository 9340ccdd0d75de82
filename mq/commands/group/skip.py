"""`mq group skip` and `mq share skip`: the one-record ways out of a stall."""

from __future__ import annotations

from typing import Annotated, NamedTuple

import typer

from mq.cli.context import current_context
from mq.cli.output import Column
from mq.cli.reporting import DryRun, report_done
from mq.text.envelopes import cell_text, cut
from store.model.addresses import Address, parse_address
from store.model.topics import Record, RecordId

_VALUE_WIDTH = 40
ToDlq = Annotated[
    str | None,
    typer.Option(metavar="QUEUE", help="Queue for a copy of the record."),
]


class Skipped(NamedTuple):
    """The result of a group's skip; without `record` it was damaged, or not in the log any more."""

    group: str
    address: Address
    record: Record | None
    to_dlq: str | None
    damaged: bool

    def __str__(self) -> str:
        copied = "" if self.to_dlq is None else f", copied to {self.to_dlq}"
        if self.damaged:
            return f"{self.address}, which is damaged{copied}"
        if self.record is None:
            return f"{self.address}, which is no longer in the log"
        return f"{self.address}: {self.shown_value}{copied}"

    @property
    def shown_value(self) -> str:
        """The beginning of the record's value, for people."""
        return cut(None if self.record is None else self.record.value, _VALUE_WIDTH)


SKIPPED: list[Column[Skipped]] = [
    Column("address", lambda skipped: str(skipped.address)),
    Column("group", lambda skipped: skipped.group, weight=2),
    Column("key", lambda skipped: cell_text(skipped.record.key) if skipped.record else None),
    Column(
        "value",
        lambda skipped: cell_text(skipped.record.value) if skipped.record else None,
        text=lambda skipped: skipped.shown_value,
    ),
    Column("to_dlq", lambda skipped: skipped.to_dlq),
]
# Only where it adds something.
_DAMAGED: Column[Skipped] = Column("damaged", lambda skipped: skipped.damaged)


def skip(
    name: Annotated[str, typer.Argument(metavar="NAME")],
    address: Annotated[
        str, typer.Argument(metavar="TOPIC/P@OFFSET", help="The record that the group reads next.")
    ],
    to_dlq: ToDlq = None,
    dry_run: DryRun = False,
) -> None:
    """Pass over the one record that a group can't process.

    It works while members read, but only on the record at the committed offset. The owner of the
    partition may not commit any more and goes on behind the record. The record stays in the log. A
    damaged one is passed over like any other, and its copy is damaged too.
    """
    context = current_context()
    place = parse_address(address)
    with context.open_store() as store:
        record = (store.skip_preview if dry_run else store.skip)(name, place, to_dlq)
    skipped = _skipped(name, place, record, to_dlq)
    columns = [*SKIPPED, _DAMAGED] if skipped.damaged else SKIPPED
    if dry_run:
        context.output.listing(columns, [skipped])
    else:
        report_done(context, columns, [skipped], f"group {name} skipped {skipped}")


def _skipped(
    group: str, place: Address, record: Record | RecordId | None, to_dlq: str | None
) -> Skipped:
    damaged = isinstance(record, RecordId)
    return Skipped(group, place, record if isinstance(record, Record) else None, to_dlq, damaged)


class Finished(NamedTuple):
    """A record that a share has finished by a skip."""

    share: str
    address: Address
    to_dlq: str | None


FINISHED: list[Column[Finished]] = [
    Column("address", lambda finished: str(finished.address)),
    Column("share", lambda finished: finished.share),
    Column("to_dlq", lambda finished: finished.to_dlq),
]


def skip_shared(
    name: Annotated[str, typer.Argument(metavar="NAME")],
    address: Annotated[
        str, typer.Argument(metavar="TOPIC/P@OFFSET", help="A record that the share has in flight.")
    ],
    to_dlq: ToDlq = None,
    dry_run: DryRun = False,
) -> None:
    """Finish one record that a share can't process; the topic keeps it.

    The receipt of its holder is refused from then on. A damaged record, which is never handed out,
    is passed over like any other, and its copy is damaged too.
    """
    context = current_context()
    finished = Finished(name, parse_address(address), to_dlq)
    with context.open_store() as store:
        skip = store.skip_record_preview if dry_run else store.skip_record
        skip(name, finished.address, to_dlq)
    if dry_run:
        context.output.listing(FINISHED, [finished])
    else:
        copied = "" if to_dlq is None else f", copied to {to_dlq}"
        report_done(context, FINISHED, [finished], f"share {name} skipped {address}{copied}")
