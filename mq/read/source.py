"""The sources of records and messages: one protocol under consume, receive, work and pipe."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, TypeVar

from mq.cli.diagnostics import Diagnostics
from mq.cli.interrupts import Interrupts
from store.model.errors import Damaged

if TYPE_CHECKING:
    from store import Message, Record, SharedRecord
    from store.engine.transactions import Outputs
    from store.model.addresses import Address

Item = TypeVar("Item", "Record", "Message", "SharedRecord")
Delay = Callable[[int], float | None]
"""Seconds to wait after so many failures; `None` leaves it to the source."""

BATCH_RECORDS = 500
LONGEST_WAIT = 60.0


class Source(Protocol[Item]):
    """Gives records or messages, and takes the outcome of each; a context manager that closes it.

    `keepalive` is due every `keepalive_interval` seconds while something is in hand. `done` and
    `failed` raise `Conflict` when another process has an item by now. With `outlives_damage` the
    next `take` goes on behind damaged items.
    """

    keepalive_interval: float = math.inf
    outlives_damage: bool = False

    def take(self, most: int, wait: float, until: Callable[[], bool]) -> Sequence[Item]:
        """Take up to `most` items; wait for them up to `wait` seconds, or `until` it is true."""

    def is_over(self) -> bool:
        """Return whether nothing can come any more, however long `take` waits."""
        return False

    def remaining(self) -> int:
        """Count the present items that are still to be taken."""
        return 0

    def deliveries(self, item: Item) -> int:
        """Count how often the item was delivered, with this time."""
        return 1

    def keepalive(self, items: Sequence[Item]) -> Sequence[Item]:
        """Keep the items in hand; return those that another process has by now."""
        return ()

    def done(self, items: Sequence[Item], tx: Outputs | None = None) -> None:
        """Settle finished items, as part of a transaction if there is one."""
        return

    def failed(
        self, items: Sequence[Item], error: str, delay: float | None = None, *, final: bool = False
    ) -> None:
        """Note a failed attempt: again after `delay` seconds, or with `final` not at all."""
        return

    def give_back(self, items: Sequence[Item], *, begun: bool = False) -> None:
        """Return items as if they had not been delivered; unless work on them was `begun`."""
        return

    def skip_damaged(self, addresses: Sequence[Address]) -> None:
        """Pass over damaged items, which `take` raised."""
        return

    def fail_damaged(
        self, addresses: Sequence[Address], error: str, delay: Delay, *, final: bool
    ) -> None:
        """Note a failed attempt at damaged items, which `take` raised."""
        return

    def skip_command(self, item: Item) -> str:
        """Name the command that passes over an item that can't be dealt with."""
        return ""

    def close(self, error: BaseException | None) -> None:
        """Let go of the rest, after an error or at the end."""
        return

    def __enter__(self) -> Source[Item]:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close(error)


def batches(
    source: Source[Item], most: Callable[[], int], interrupts: Interrupts,
    diagnostics: Diagnostics, *, follow: bool,
) -> Iterator[Sequence[Item]]:  # fmt: skip
    """Take from a source until it is over, or without `follow` until nothing is there.

    Signals must be held back. One raises KeyboardInterrupt here, with nothing in hand.
    """
    wait = LONGEST_WAIT if follow else 0.0
    while not source.is_over():
        items: Sequence[Item] = ()
        try:
            items = source.take(most(), wait, interrupts.has_come)
        except Damaged as damage:
            # With nothing left to take, the run ends with that error.
            if not (follow and source.outlives_damage and damage.addresses):
                raise
            diagnostics.warning(damage.message)
        if interrupts.has_come():
            source.give_back(items)
            raise KeyboardInterrupt
        if items:
            yield items
        elif not follow:
            return
