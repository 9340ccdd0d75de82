"""The options by which a topic's settings are given, to create it and to alter it."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from store.model.errors import BadInput
from store.model.settings import read_settings
from store.model.topics import TopicConfig

Retention = Annotated[
    str | None,
    typer.Option(metavar="DURATION|forever", help="How long records are kept, such as 7d."),
]
RetentionBytes = Annotated[
    str | None,
    typer.Option(metavar="SIZE|none", help="How many bytes are kept in each partition."),
]
Cleanup = Annotated[
    str | None,
    typer.Option(
        metavar="delete|compact|compact,delete",
        help="What goes: records past retention, values that a newer one of their key replaces.",
    ),
]
Compact = Annotated[bool, typer.Option("--compact", help="The same as --cleanup compact.")]
TombstoneDelay = Annotated[
    str | None,
    typer.Option(metavar="DURATION", help="How long compaction keeps a tombstone it has seen."),
]
CompactionLag = Annotated[
    str | None,
    typer.Option(metavar="DURATION", help="How long compaction leaves a new record alone."),
]
MaxMessage = Annotated[
    str | None,
    typer.Option(metavar="SIZE", help="How large a record may be: key, headers, value together."),
]


def topic_settings(cleanup: str | None, compact: bool, **texts: str | None) -> dict[str, Any]:
    """The settings that were given, as `create_topic` and `alter_topic` take them.

    Raises `BadInput`.
    """
    if compact and cleanup not in {None, "compact"}:
        raise BadInput("--compact says compact, --cleanup something else", hint="give one of them")
    return read_settings(TopicConfig, {**texts, "cleanup": "compact" if compact else cleanup})
