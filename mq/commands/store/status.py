"""`mq status`: the store in use, and its contents."""

from typing import Annotated, Any

import typer

from mq.cli.context import current_context
from mq.cli.diagnostics import ExitCode
from mq.commands import SingleCommand
from mq.commands.operations.stall_columns import headline
from mq.commands.operations.watching import Watch, repeat
from store.model.maintenance import PlaceStatus, StoreStatus
from store.model.stalls import Overview
from store.model.text import describe_count, describe_size, format_size, format_time, if_known

THINGS = ("topics", "queues", "shares", "exchanges", "groups", "records")

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
    reason = context.reason()

    def show() -> ExitCode:
        found = store.snapshot()
        document, fields = status_document(found, reason), status_fields(found, reason)
        context.output.document(document, fields, _styles(found))
        return ExitCode.CONDITION_TRUE if found.stalls and exit_code else ExitCode.OK

    with context.open_store() as store:
        return repeat(context, watch, show)


def status_document(overview: Overview, reason: str) -> dict[str, Any]:
    """Return what `mq status` shows as JSON; sizes are those of a file."""
    status = overview.status
    return {
        **_place_document(status, reason),
        **{thing: getattr(status, thing) for thing in THINGS},
        "in_per_second": _rounded(overview.in_rate),
        "out_per_second": _rounded(overview.out_rate),
        "dead_letters": overview.dead_letters,
        "stalls": overview.stall_count,
        "worst_stall": overview.stalls[0].blocker if overview.stalls else None,
    }


def _place_document(status: PlaceStatus, reason: str) -> dict[str, Any]:
    if not isinstance(status, StoreStatus):
        return {
            "location": status.location,
            "reason": reason,
            "engine": status.engine,
            "version": status.version,
        }
    return {
        "path": status.path,
        "reason": reason,
        "created": format_time(status.created),
        "schema": status.schema,
        "sqlite_version": status.sqlite_version,
        "durability": status.durability,
        "max_bytes": status.max_bytes,
        "bytes": status.bytes,
        "free_bytes": status.free_bytes,
        "wal_bytes": status.wal_bytes,
    }


def status_fields(overview: Overview, reason: str) -> dict[str, str]:
    """Return what `mq status` shows to people."""
    status = overview.status
    return {
        "store": f"{status.location} ({reason})",
        **_place_fields(status),
        **{thing: if_known(getattr(status, thing), describe_count) for thing in THINGS},
        "moving": f"{_rate(overview.in_rate)} in, {_rate(overview.out_rate)} out",
        "dead letters": f"{overview.dead_letters:,}",
        "stalls": _stalls(overview),
    }


def _rounded(rate: float | None) -> float | None:
    return None if rate is None else round(rate, 3)


def _rate(rate: float | None) -> str:
    return if_known(rate, "{:,.1f}/s".format)


def _styles(overview: Overview) -> dict[str, str]:
    return {
        **({"stalls": "bold red"} if overview.stalls else {}),
        **({"dead letters": "yellow"} if overview.dead_letters else {}),
    }


def _place_fields(status: PlaceStatus) -> dict[str, str]:
    if not isinstance(status, StoreStatus):
        return {"engine": f"{status.engine} {status.version}"}
    return {
        "created": format_time(status.created),
        "schema": f"{status.schema}, SQLite {status.sqlite_version}",
        "durability": status.durability,
        "size": f"{describe_size(status.bytes)}, {describe_size(status.free_bytes)} of it unused",
        "write-ahead log": describe_size(status.wal_bytes),
        "size limit": "none" if status.max_bytes is None else format_size(status.max_bytes),
    }


def _stalls(overview: Overview) -> str:
    if not overview.stalls:
        return "none"
    others = overview.stall_count - 1
    more = f"\n+{others:,} more: mq stalls" if others else ""
    return headline(overview.stalls[0]) + more
