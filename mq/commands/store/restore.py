"""`mq restore`: put a backup in the place of a store."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mq.cli.context import Context, absolute, current_context, make_folder
from mq.cli.reporting import DryRun, report_document
from mq.commands import SingleCommand
from store.model.errors import BadInput, NotFound, StoreUnusable
from store.model.text import counted, describe_size, format_time

if TYPE_CHECKING:
    from store.model.maintenance import StoreContents

app = SingleCommand()
_COUNTS = ("bytes", "topics", "queues", "records")


@app.command()
def restore(
    backup: Annotated[str, typer.Argument(metavar="BACKUP", help="A backup, or any store.")],
    to: Annotated[
        str | None,
        typer.Option("--to", metavar="STORE", help="Store to replace or to make (that of -s)."),
    ] = None,
    dry_run: DryRun = False,
) -> None:
    """Put a copy of a backup in the place of the store, whole or not at all.

    The backup is verified first, and stays as it is. Processes that have the store open fail with
    their next call (exit code 7) and write no more. The contents of the store are lost, so this
    asks, and off a terminal needs --yes.
    """
    from store import Store

    context = current_context()
    source, target = _source(backup), _target(context, to)
    put = Store.contents(source, timeout=context.timeout)
    replaced = _replaced(target, context.timeout)
    if dry_run:
        document = _document(source, target, put, replaced)
        context.output.document(document, _texts(source, target, put, replaced))
        return
    if target.exists():
        context.confirm(f"This replaces {target}, {_words(replaced)}.", name=target.name)
    make_folder(target.parent)
    with context.diagnostics.progress("restore", in_bytes=True) as progress:
        put = Store.restore(
            source, target, timeout=context.timeout, allow_network_fs=context.allow_network_fs,
            progress=progress.at,
        )  # fmt: skip
    document = _document(source, target, put, replaced)
    report_document(context, document, f"restored {target}: {_words(put)}")


def _source(backup: str) -> Path:
    source = absolute(backup)
    if not backup or not source.exists():
        raise NotFound(f"there is no backup at {source}", hint="name the file that mq backup made")
    return source


def _target(context: Context, to: str | None) -> Path:
    if to is None:
        return context.store_location().path
    if context.store is not None:
        raise BadInput("the store is named twice", hint="give --to or --store")
    if not to:
        raise BadInput("--to names no file")
    return absolute(to)


def _replaced(target: Path, timeout: float) -> "StoreContents | None":
    from store import Store

    try:
        return Store.contents(target, timeout=timeout) if target.exists() else None
    except StoreUnusable:
        # A backup is for unreadable stores; whether it may be replaced is checked later.
        return None


def _words(contents: "StoreContents | None") -> str:
    if contents is None:
        return "which can't be read"
    newest = f", the newest of {format_time(contents.newest)}" if contents.records else ""
    return f"{counted(contents.records, 'record')}, {describe_size(contents.bytes)}{newest}"


def _document(
    source: Path, target: Path, put: "StoreContents", replaced: "StoreContents | None"
) -> dict[str, Any]:
    counts = {name: getattr(put, name) for name in _COUNTS}
    before = {f"replaced_{name}": getattr(replaced, name, None) for name in _COUNTS}
    return {"path": str(target), "backup": str(source), **counts, **before}


def _texts(
    source: Path, target: Path, put: "StoreContents", replaced: "StoreContents | None"
) -> dict[str, str]:
    before = _words(replaced) if target.exists() else "nothing"
    return {"store": str(target), "replaced": before, "by": f"{source}: {_words(put)}"}
