"""The options by which a group's settings are given, to create it and to alter it."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from store.model.groups import GroupConfig
from store.model.settings import read_settings

Topics = Annotated[
    list[str] | None,
    typer.Option("--topic", metavar="T", help="A topic the group reads; may be repeated."),
]
MaxLag = Annotated[
    str | None,
    typer.Option(metavar="N|none", help="Objective: the most records to be behind by."),
]
MaxLagTime = Annotated[
    str | None,
    typer.Option(metavar="DURATION|none", help="Objective: the longest time to be behind by."),
]
BelowStart = Annotated[
    str | None,
    typer.Option(
        metavar="earliest|latest|error",
        help="Where to go on when the committed offset was removed from the log.",
    ),
]
Assignor = Annotated[
    str | None,
    typer.Option(
        metavar="cooperative-sticky|range|roundrobin",
        help="How partitions are shared out among the members.",
    ),
]
Retention = Annotated[
    str | None,
    typer.Option(metavar="DURATION", help="How long an empty group keeps its offsets."),
]
MaxDeliveries = Annotated[
    str | None,
    typer.Option(metavar="N|none", help="Failed attempts before a record goes to the DLQ."),
]
DeadLetterQueue = Annotated[
    str | None,
    typer.Option("--dlq", metavar="QUEUE|none", help="Where records go that keep failing."),
]


def group_settings(**texts: str | None) -> dict[str, Any]:
    """The settings that were given, as calls take them; raises `BadInput`."""
    return read_settings(GroupConfig, texts)
