"""What every group of calls builds on: a transaction to read in, and one to write in."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

from store.db import Snapshot, Write
from store.log.placement import StickyPlacement


class Calls:
    """Calls defined once, for a store (a transaction each) and for a transaction (all in it)."""

    # Whether a call of which a part is refused does nothing at all.
    _all_or_nothing = False

    def _read(self) -> AbstractContextManager[Snapshot]:
        raise TypeError("calls are made on a Store or a Transaction")

    def _write(self) -> AbstractContextManager[Write]:
        raise TypeError("calls are made on a Store or a Transaction")

    def _in_steps(self, step: Callable[[Write], bool]) -> None:
        """Run a bounded step, a transaction each, until it says that nothing is left."""
        while True:
            with self._write() as tx:
                more = step(tx)
            if not more:
                return

    def _sticky(self, topic: str) -> StickyPlacement:
        raise TypeError("calls are made on a Store or a Transaction")
