"""A queue in listings: as a row, as a document and for people."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from mq.cli.context import Context
from mq.cli.output import Column
from store.model.messages import STATES
from store.model.queues import QueueConfig, QueueStatus
from store.model.settings import shown_settings
from store.model.shares import ShareConfig
from store.model.text import (
    describe_count,
    describe_duration,
    describe_size,
    format_duration,
    format_time,
    if_known,
)


def _count_column(name: str) -> Column[QueueStatus]:
    return Column(
        name,
        lambda queue: getattr(queue, name),
        text=lambda queue: if_known(getattr(queue, name), describe_count),
        right=True,
    )


def type_of(config: QueueConfig) -> str:
    """Return the type of a queue, in SQS's words."""
    return "fifo" if config.fifo else "standard"


QUEUES: list[Column[QueueStatus]] = [
    Column("name", lambda queue: queue.name, weight=2),
    Column("type", lambda queue: type_of(queue.config)),
    *(_count_column(state) for state in STATES),
    Column(
        "oldest_seconds", lambda queue: queue.oldest_seconds, text=lambda queue: oldest_text(queue),
        header="OLDEST", right=True,
    ),
    Column("dlq", lambda queue: queue.config.dlq),
    Column("chaos", lambda queue: queue.config.chaos),
]  # fmt: skip


def oldest_text(queue: QueueStatus) -> str:
    """Return the age of the oldest message for people."""
    return if_known(queue.oldest_seconds, describe_duration)


def queue_document(queue: QueueStatus) -> dict[str, Any]:
    """Return a queue as JSON."""
    return {
        "name": queue.name,
        "kind": "queue",
        **{state: getattr(queue, state) for state in STATES},
        "oldest_seconds": queue.oldest_seconds,
        "config": config_document(queue.config, queue.lacking),
        "bytes": queue.bytes,
        "dead_letters": queue.dead_letters,
        "acknowledged": queue.acknowledged,
        "dropped": queue.dropped,
        "created": None if queue.created is None else format_time(queue.created),
        "chaos": queue.config.chaos,
    }


def config_document(
    config: QueueConfig | ShareConfig, lacking: Collection[str] = ()
) -> dict[str, Any]:
    """Return the settings as a topology file has them: durations as text, the rest as it is.

    Those that the engine lacks are `None`.
    """
    return {
        name: None if name in lacking else _plain(getattr(config, name), text)
        for name, text in shown_settings(config).items()
    }


def _plain(value: Any, text: str) -> Any:
    if isinstance(value, tuple):
        if value and isinstance(value[0], tuple):
            return dict(value)
        return [format_duration(duration) for duration in value]
    # Only durations are written otherwise than they are kept.
    return value if value is None or isinstance(value, bool) or str(value) == text else text


def show_queue(context: Context, queue: QueueStatus) -> None:
    """Write a queue for people, a field per line."""
    fields = {"queue": queue.name, "type": type_of(queue.config)}
    if queue.config.chaos is not None:
        fields["chaos"] = f"ON: {queue.config.chaos} (for tests; --chaos none ends it)"
    fields["created"] = if_known(queue.created, format_time)
    fields["messages"] = f"{queue.messages:,}, {if_known(queue.bytes, describe_size)}"
    fields |= {state: if_known(getattr(queue, state), describe_count) for state in STATES}
    fields["oldest"] = oldest_text(queue)
    fields["acknowledged"] = if_known(queue.acknowledged, describe_count)
    fields["dropped"] = if_known(queue.dropped, describe_count)
    for name, text in shown_settings(queue.config).items():
        fields.setdefault(name.replace("_", " "), "-" if name in queue.lacking else text)
    context.output.document(fields)
    context.output.text("")
