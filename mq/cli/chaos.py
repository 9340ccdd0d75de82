"""A queue that misbehaves on purpose, and saying so."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mq.cli.context import Context
    from store.model.messages import QueueConfig


def warn_of_chaos(context: Context, queue: str, config: QueueConfig) -> None:
    """Say that a queue misbehaves on purpose, so that nobody takes it for a fault."""
    if config.chaos is not None:
        context.diagnostics.warning(
            f"queue {queue} is under chaos: {config.chaos}; mq queue alter {queue} --chaos none"
            " ends it"
        )
