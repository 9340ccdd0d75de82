"""`mq init`: create a store."""

import os
from pathlib import Path
from typing import Annotated, Literal

import typer

from mq.cli.context import LOCAL_STORE, Context, absolute, current_context, make_folder
from mq.commands import SingleCommand
from store.model.errors import BadInput, Exists

app = SingleCommand()


@app.command()
def init(
    path: Annotated[
        str | None,
        typer.Argument(metavar="PATH", help="A file, or a folder for .mq/store.db."),
    ] = None,
    durability: Annotated[
        Literal["full", "normal"],
        typer.Option(help="full survives a power cut, normal a killed process."),
    ] = "full",
    if_not_exists: Annotated[
        bool, typer.Option("--if-not-exists", help="Success if it exists with this durability.")
    ] = False,
) -> None:
    """Create a store: here in .mq/store.db, unless a PATH, --store or $MQ_STORE says where."""
    context = current_context()
    place = _place(context, path)
    if place.exists():
        if if_not_exists and _durability(context, place) == durability:
            return
        raise Exists(f"{place} exists already", hint="mq store set durability, to change it")
    make_folder(place.parent)
    context.open_store_at(place, create=True, durability=durability).close()
    context.diagnostics.success(f"created {place} (durability {durability})")


def _durability(context: Context, place: Path) -> str:
    with context.open_store_at(place) as store:
        return store.status().durability


def _place(context: Context, path: str | None) -> Path:
    if path is None:
        named = context.named_store()
        return named.path if named else Path.cwd() / LOCAL_STORE
    if context.store is not None:
        raise BadInput("the store is named twice", hint="give PATH or --store")
    if not path:
        raise BadInput("PATH names no file")
    place = absolute(path)
    return place / LOCAL_STORE if place.is_dir() or path.endswith(os.sep) else place
