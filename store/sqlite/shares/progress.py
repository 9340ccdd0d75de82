"""Unfinished records of shares that leave a log: their leases are forgotten with them.

Otherwise the window of a share would for ever begin at a record that can't be delivered.
"""

from __future__ import annotations

from collections.abc import Sequence

from store.sqlite import layout
from store.sqlite.file.database import WriteTransaction
from store.sqlite.file.transactions import array
from store.sqlite.leases import rows, slots

# The leases of one share's slot among the removed records.
_RANGE = layout.is_between("l.id", ":slot", ":first", ":end")
_SINGLE = f"l.id in (select {layout.begin_of(':slot')} + value from json_each(:offsets))"


def forget_below(tx: WriteTransaction, partition: int, first: int, end: int) -> None:
    """Forget the leases on offsets from `first` up to `end`; no share begins below that."""
    for slot in _share_slots(tx, partition):
        rows.forget(tx, slot, _RANGE, {"first": first, "end": end})
        slots.pass_to(tx, slot, end)


def forget(tx: WriteTransaction, partition: int, offsets: Sequence[int]) -> None:
    """Forget the leases on single offsets."""
    for slot in _share_slots(tx, partition):
        rows.forget(tx, slot, _SINGLE, {"offsets": array(offsets)})


def _share_slots(tx: WriteTransaction, partition: int) -> list[int]:
    found = tx.rows(
        "select s.id from mq_slots s join mq_readers r on r.id = s.reader"
        " where s.partition = :partition and r.kind = 'share'",
        {"partition": partition},
    )
    return [row[0] for row in found]
