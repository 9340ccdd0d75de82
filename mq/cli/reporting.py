"""The reports of commands that change something, or show several things."""

from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Annotated, Any, TypeVar

import typer

from mq.cli.context import Context
from mq.cli.output import Column, Format

Row = TypeVar("Row")
DryRun = Annotated[bool, typer.Option("--dry-run", help="Preview without a change.")]


def report_done(
    context: Context, columns: Sequence[Column[Row]], rows: Sequence[Row], sentence: str
) -> None:
    """Report a change: its rows where a format was requested, a sentence on a terminal."""
    if context.format is not None:
        context.output.listing(columns, rows)
    context.diagnostics.success(sentence)


def report_document(
    context: Context,
    document: Mapping[str, Any],
    sentence: str,
    show: Callable[[], None] | None = None,
) -> None:
    """Report one thing like `report_done`; `show` writes it for a person."""
    if context.format is Format.TABLE and show:
        show()
    elif context.format is not None:
        context.output.document(document)
    context.diagnostics.success(sentence)


def write_documents(context: Context, documents: Sequence[Mapping[str, Any]]) -> None:
    """Write named things as JSON: one as an object, several as an array of them."""
    if len(documents) == 1 or context.output.format is Format.NDJSON:
        for document in documents:
            context.output.json_line(document)
    else:
        columns: list[Column[Mapping[str, Any]]] = [
            Column(name, itemgetter(name)) for name in documents[0]
        ]
        context.output.listing(columns, documents)
