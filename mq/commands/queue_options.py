"""The options by which a queue's settings are given, to create it and to alter it."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from store.settings import QUEUE, read_settings

Fifo = Annotated[
    bool | None,
    typer.Option("--fifo/--no-fifo", help="Keep the order within each message group."),
]
Lease = Annotated[
    str | None,
    typer.Option(metavar="DURATION", help="How long a received message stays leased (30s)."),
]
Delay = Annotated[
    str | None,
    typer.Option(metavar="DURATION", help="How long a new message waits before delivery (0s)."),
]
Retention = Annotated[
    str | None, typer.Option(metavar="DURATION", help="How long messages are kept (4d).")
]
MaxDeliveries = Annotated[
    str | None,
    typer.Option(
        metavar="N|none", help="How often a message is delivered at most; 5 where --dlq is given."
    ),
]
DeadLetterQueue = Annotated[
    str | None,
    typer.Option("--dlq", metavar="QUEUE|none", help="Where messages go that used that up."),
]
DropExhausted = Annotated[
    bool | None,
    typer.Option(
        "--drop-exhausted/--no-drop-exhausted",
        help="Drop messages that used up their deliveries where there is no DLQ.",
    ),
]
RetryDelays = Annotated[
    str | None,
    typer.Option(
        metavar="DURATION,…|none",
        help="What a failed delivery waits before delivery 2, 3, 4 …; the last repeats.",
    ),
]
Dedup = Annotated[
    str | None,
    typer.Option(metavar="DURATION|none", help="How long a deduplication id is remembered (5m)."),
]
ContentDedup = Annotated[
    bool | None,
    typer.Option(
        "--content-dedup/--no-content-dedup",
        help="Without a deduplication id, the value's hash is it.",
    ),
]
DedupScope = Annotated[
    str | None,
    typer.Option(metavar="queue|group", help="Within what a deduplication id is unique (queue)."),
]
Priorities = Annotated[
    str | None,
    typer.Option(metavar="N", help="Levels 0 to N-1, the highest is delivered first."),
]


def queue_settings(**given: str | bool | None) -> dict[str, Any]:
    """The settings that were given, as `create_queue` and `alter_queue` take them.

    Raises `BadInput`.
    """
    return read_settings(QUEUE, {name: _text(value) for name, value in given.items()})


def _text(value: str | bool | None) -> str | None:
    return str(value).lower() if isinstance(value, bool) else value
