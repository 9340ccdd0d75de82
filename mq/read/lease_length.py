"""Leases that end as soon as they begin, and where they are of no use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from store.model.errors import BadInput

if TYPE_CHECKING:
    from store.model.messages import QueueConfig


def require_lease(queue: str, config: QueueConfig) -> None:
    """Raise `BadInput` for a queue of which nothing that is received can be settled.

    On a FIFO queue a lease that has ended is lost; a standard queue still takes the late word.
    """
    if config.fifo and not config.lease:
        raise BadInput(
            f"{queue} is a FIFO queue with a lease of 0s: no acknowledgement could count",
            hint=f"mq queue alter {queue} --lease 30s",
        )
