"""`mq topic compact` and `mq topic latest`: a log as the newest value of each key."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from mq.cli.context import current_context
from mq.cli.output import Column, Format
from mq.cli.reporting import report_done
from mq.text.envelopes import RECORD, record_lines
from store.model.errors import NotFound
from store.model.maintenance import CompactionResult
from store.model.text import counted, describe_size, printable

COMPACTED: list[Column[CompactionResult]] = [
    Column("topic", lambda result: result.topic),
    Column("partition", lambda result: result.partition, right=True),
    Column("records", lambda r: r.records, text=lambda r: f"{r.records:,}", right=True),
    Column("bytes", lambda r: r.bytes, text=lambda r: describe_size(r.bytes), right=True),
    Column("end", lambda result: result.end, right=True),
]


def compact(names: Annotated[list[str], typer.Argument(metavar="NAME…")]) -> None:
    """Remove records that newer ones of the same key replace, now.

    Appends to a compacted topic do the same by and by. Offsets and order stay, and the newest value
    of every key. -o json says how many records and bytes went from each partition.
    """
    context = current_context()
    with context.open_store() as store:
        done = [result for name in dict.fromkeys(names) for result in store.compact_topic(name)]
    removed = counted(sum(result.records for result in done), "record")
    size = describe_size(sum(result.bytes for result in done))
    report_done(context, COMPACTED, done, f"removed {removed} ({size}) from {', '.join(names)}")


def latest(
    name: Annotated[str, typer.Argument(metavar="NAME")],
    key: Annotated[
        str | None, typer.Option("-k", "--key", metavar="K", help="Only this key; 3 without it.")
    ] = None,
    format: Annotated[
        str | None,
        typer.Option("-F", "--format", metavar="FORMAT", help="For each, as of mq consume."),
    ] = None,
) -> None:
    """Print the newest record of every key, by key; deleted keys are left out.

    That is the value and a newline, unless -F or -o says otherwise; -o json is one array. It works
    on any topic, compacted or not. With --key, a key that has no value ends it with 3.
    """
    context = current_context()
    lines = record_lines(context, format)
    with context.open_store() as store:
        records = store.latest(name, None if key is None else os.fsencode(key))
    if key is not None and not records:
        raise NotFound(f"topic {name} has no value for the key {printable(key)}")
    if context.format is Format.JSON:
        context.output.array(map(RECORD.document, records))
        return
    written = [lines.header, *map(lines.line, records)]
    if context.output.records(written) < len(written):
        raise context.output.failure()
