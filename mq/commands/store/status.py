"""`mq status`: the store in use, and its contents."""

from typing import Annotated, Any

import typer

from mq.cli.context import StoreLocation, current_context
from mq.cli.diagnostics import ExitCode
from mq.commands import SingleCommand
from mq.commands.operations.stall_columns import headline
from mq.commands.operations.watching import Watch, repeat
from store.model.stalls import Overview
from store.model.text import describe_size, format_size, format_time

app = SingleCommand()


@app.command()
def status(
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="Exit 10 if anything is stalled.")
    ] = False,
    watch: Watch = None,
) -> ExitCode:
    """Show which store is used and why, how large it is, what is in it, and how it moves."""
    context = current_context()
    location = context.store_location()

    def show() -> ExitCode:
        found = store.snapshot()
        context.output.document(_document(found, location), _fields(found, location))
        return ExitCode.CONDITION_TRUE if found.stalls and exit_code else ExitCode.OK

    with context.open_store() as store:
        return repeat(context, watch, show)


def _document(overview: Overview, location: StoreLocation) -> dict[str, Any]:
    status = overview.status
    return {
        "path": status.path,
        "reason": location.reason,
        "created": format_time(status.created),
        "schema": status.schema,
        "sqlite_version": status.sqlite_version,
        "durability": status.durability,
        "max_bytes": status.max_bytes,
        "bytes": status.bytes,
        "free_bytes": status.free_bytes,
        "wal_bytes": status.wal_bytes,
        "topics": status.topics,
        "queues": status.queues,
        "shares": status.shares,
        "exchanges": status.exchanges,
        "groups": status.groups,
        "records": status.records,
        "in_per_second": round(overview.in_rate, 3),
        "out_per_second": round(overview.out_rate, 3),
        "dead_letters": overview.dead_letters,
        "stalls": overview.stall_count,
        "worst_stall": overview.stalls[0].blocker if overview.stalls else None,
    }


def _fields(overview: Overview, location: StoreLocation) -> dict[str, str]:
    status = overview.status
    limit = "none" if status.max_bytes is None else format_size(status.max_bytes)
    things = ("topics", "queues", "shares", "exchanges", "groups", "records")
    return {
        "store": f"{status.path} ({location.reason})",
        "created": format_time(status.created),
        "schema": f"{status.schema}, SQLite {status.sqlite_version}",
        "durability": status.durability,
        "size": f"{describe_size(status.bytes)}, {describe_size(status.free_bytes)} of it unused",
        "write-ahead log": describe_size(status.wal_bytes),
        "size limit": limit,
        **{thing: f"{getattr(status, thing):,}" for thing in things},
        "moving": f"{overview.in_rate:,.1f}/s in, {overview.out_rate:,.1f}/s out",
        "dead letters": f"{overview.dead_letters:,}",
        "stalls": _stalls(overview),
    }


def _stalls(overview: Overview) -> str:
    if not overview.stalls:
        return "none"
    others = overview.stall_count - 1
    more = f"\n+{others:,} more: mq stalls" if others else ""
    return headline(overview.stalls[0]) + more
