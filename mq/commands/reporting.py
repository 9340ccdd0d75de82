"""How commands that change something, or show several things, say what they did and found."""

from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, TypeVar

import typer

from mq.context import Context
from mq.output import Column, Format

if TYPE_CHECKING:
    from store.consumer_groups import GroupConfig
    from store.messages import QueueConfig
    from store.models import TopicConfig
    from store.shared_records import ShareConfig

    Config = TopicConfig | GroupConfig | QueueConfig | ShareConfig

Row = TypeVar("Row")
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Show what would happen, and change nothing.")
]


class Change(NamedTuple):
    """A setting before and after; `risk` says why a change can't simply be taken back."""

    setting: str
    old: str
    new: str
    risk: str | None = None


CHANGES: Sequence[Column[Change]] = [
    Column("setting", lambda change: change.setting),
    Column("old", lambda change: change.old),
    Column("new", lambda change: change.new),
    Column("risk", lambda change: change.risk, text=lambda change: change.risk or ""),
]


def count(number: int, noun: str) -> str:
    """A number of things for people: `1 record`, `1,234 records`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def changed_settings(old: "Config", new: "Config") -> list[Change]:
    """The settings in which two configurations of one kind differ, as text."""
    from store.settings import write_settings

    before, after = write_settings(old), write_settings(new)
    return [Change(name, text, after[name]) for name, text in before.items() if text != after[name]]


def sentence_of(changes: Sequence[Change]) -> str:
    """Changes for people: `retention 7d -> 3d, max_message 1MiB -> 2MiB`."""
    changed = (f"{change.setting} {change.old} -> {change.new}" for change in changes)
    return ", ".join(changed) or "nothing to change"


def report_done(
    context: Context, columns: Sequence[Column[Row]], rows: Sequence[Row], sentence: str
) -> None:
    """Say what was done: the rows where a format was asked for, a sentence on a terminal."""
    if context.format is not None:
        context.output.listing(columns, rows)
    context.diagnostics.success(sentence)


def report_document(
    context: Context,
    document: Mapping[str, Any],
    sentence: str,
    show: Callable[[], None] | None = None,
) -> None:
    """Like `report_done`, for what is one thing and not rows; `show` writes it for a person."""
    if context.format is Format.TABLE and show:
        show()
    elif context.format is not None:
        context.output.document(document)
    context.diagnostics.success(sentence)


def write_documents(context: Context, documents: Sequence[Mapping[str, Any]]) -> None:
    """Write what was asked for by name as JSON: one as an object, several as an array of them."""
    if len(documents) == 1 or context.output.format is Format.NDJSON:
        for document in documents:
            context.output.json_line(document)
    else:
        columns: list[Column[Mapping[str, Any]]] = [
            Column(name, itemgetter(name)) for name in documents[0]
        ]
        context.output.listing(columns, documents)
