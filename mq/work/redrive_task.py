"""A redrive that the engine carries out by itself: its progress, and its end on a signal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mq.cli.diagnostics import Diagnostics
from mq.cli.interrupts import Interrupts

if TYPE_CHECKING:
    from store.engine.broker import Broker
    from store.engine.dead_letters import RedriveTask
    from store.model.dead_letters import TaskProgress

_LOOK = 1.0


def follow(
    store: Broker, queue: str, task: RedriveTask, interrupts: Interrupts, diagnostics: Diagnostics
) -> TaskProgress:
    """Follow a task to its end, and return how many letters it moved; a signal cancels it.

    Signals must be held back.
    """
    with diagnostics.progress(f"redrive {queue}") as shown:
        while not (progress := task.look()).is_over:
            shown.at(progress.moved, progress.total)
            store.wait(store.changed(), _LOOK, lambda: interrupts.received is not None)
            if interrupts.received is not None:
                return task.cancel()
    return progress
