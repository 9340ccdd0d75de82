"""The options by which a queue's settings are given, to create it and to alter it."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from store.model.settings import QUEUE, read_settings

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
    typer.Option(
        "--dlq",
        metavar="QUEUE|exchange:NAME|none",
        help="Where messages go that used that up, or that are rejected.",
    ),
]
DeadLetterKey = Annotated[
    str | None,
    typer.Option(
        "--dlq-key",
        metavar="KEY|none",
        help="The key by which the exchange routes them, instead of their own.",
    ),
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

Ttl = Annotated[
    str | None,
    typer.Option(
        metavar="DURATION|none",
        help="How long a message may wait; then it is dead-lettered or, without a DLQ, dropped.",
    ),
]
MaxLength = Annotated[
    str | None,
    typer.Option(metavar="N|none", help="How many messages may wait, leased ones aside."),
]
MaxBytes = Annotated[
    str | None,
    typer.Option(metavar="SIZE|none", help="How many bytes may wait, leased ones aside."),
]
Overflow = Annotated[
    str | None,
    typer.Option(
        metavar="drop-head|reject|dead-letter",
        help="Past that: the next to be delivered goes (to the DLQ if there is one), the new one is"
        " refused, or the new one goes to the DLQ (drop-head).",
    ),
]
SingleActive = Annotated[
    bool | None,
    typer.Option(
        "--single-active/--no-single-active",
        help="One reader at a time receives; the next takes over when it is gone.",
    ),
]
Fair = Annotated[
    bool | None,
    typer.Option(
        "--fair/--no-fair",
        help="A message group with much in flight does not hold up the others.",
    ),
]
RedriveAllow = Annotated[
    str | None,
    typer.Option(metavar="all|none|QUEUE,…", help="Which queues may have this one as DLQ (all)."),
]
Wait = Annotated[
    str | None,
    typer.Option(metavar="DURATION", help="How long a receive waits that does not say so (0s)."),
]
MaxMessage = Annotated[
    str | None,
    typer.Option(metavar="SIZE", help="How large a message may be: key, headers, value together."),
]
Chaos = Annotated[
    str | None,
    typer.Option(
        metavar="KIND=…,…|none",
        help="Misbehave as SQS may, to test consumers:"
        " duplicate=5%,reorder=10,delay=200ms,throttle=300/s,seed=N.",
    ),
]


def queue_settings(**given: str | bool | None) -> dict[str, Any]:
    """The settings that were given, as `create_queue` and `alter_queue` take them.

    Raises `BadInput`.
    """
    return read_settings(QUEUE, {name: _text(value) for name, value in given.items()})


def _text(value: str | bool | None) -> str | None:
    return str(value).lower() if isinstance(value, bool) else value
