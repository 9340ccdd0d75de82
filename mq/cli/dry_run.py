"""Trying a change before it is made: the same transaction, taken back at its end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from store import Store, Transaction


@contextmanager
def trial(store: Store, *, keep: bool) -> Iterator[Transaction]:
    """A transaction that is stored only with `keep`; without, it shows what would come of it."""
    with suppress(_TakeBack), store.transaction() as tx:
        yield tx
        if not keep:
            raise _TakeBack


class _TakeBack(Exception):
    """Ends a transaction that was only meant to show its outcome."""
