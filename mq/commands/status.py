"""`mq status`: which store is used, and what is in it."""

from __future__ import annotations

from typing import Any

from mq.commands import SingleCommand
from mq.commands.watching import Watch, repeat
from mq.context import StoreLocation, current_context
from mq.diagnostics import ExitCode
from store.models import StoreStatus
from store.text import describe_size, format_size, format_time

app = SingleCommand()


@app.command()
def status(watch: Watch = None) -> ExitCode:
    """Show which store is used and why, how large it is, and how much is in it."""
    context = current_context()
    location = context.store_location()

    def show() -> ExitCode:
        found = store.status()
        context.output.document(_document(found, location), _fields(found, location))
        return ExitCode.OK

    with context.open_store() as store:
        return repeat(context, watch, show)


def _document(status: StoreStatus, location: StoreLocation) -> dict[str, Any]:
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
    }


def _fields(status: StoreStatus, location: StoreLocation) -> dict[str, str]:
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
    }
