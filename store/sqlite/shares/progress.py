"""What shares have not finished of records that leave a log: it is forgotten with them.

Else the window of a share would for ever begin at a record that nobody can be given.
"""

from __future__ import annotations

from collections.abc import Sequence

from store.sqlite.file.database import Write
from store.sqlite.file.transactions import array

# The leases of one share's slot among the records that go.
_RANGE = "l.id >= (:slot << 40) + :first and l.id < (:slot << 40) + :end"
_SINGLE = "l.id in (select (:slot << 40) + value from json_each(:offsets))"


def forget_below(tx: Write, partition: int, first: int, end: int) -> None:
    """Forget the leases on offsets from `first` up to `end`; no share begins below that."""
    for slot in _share_slots(tx, partition):
        _forget(tx, _RANGE, {"slot": slot, "first": first, "end": end})
        tx.execute(
            "update mq_slots set cursor = max(cursor, :end) where id = :slot",
            {"end": end, "slot": slot},
        )


def forget(tx: Write, partition: int, offsets: Sequence[int]) -> None:
    """Forget the leases on single offsets, wherever they stand."""
    for slot in _share_slots(tx, partition):
        _forget(tx, _SINGLE, {"slot": slot, "offsets": array(offsets)})


def _share_slots(tx: Write, partition: int) -> list[int]:
    rows = tx.rows(
        "select s.id from mq_slots s join mq_readers r on r.id = s.reader"
        " where s.partition = :partition and r.kind = 'share'",
        {"partition": partition},
    )
    return [row[0] for row in rows]


def _forget(tx: Write, which: str, where: dict[str, object]) -> None:
    # As everywhere, what became due by the noticed time counts as neither held nor waiting.
    rows, held, waiting = tx.row(  # type: ignore[misc]
        "select count(*), total(l.token not null and l.due > r.noticed),"
        " total(l.token is null and l.due > r.noticed)"
        f" from mq_leases l join mq_readers r on r.id = l.reader where {which}",
        where,
    )
    if not rows:
        return
    tx.execute(f"delete from mq_leases as l where {which}", where)
    tx.execute(
        "update mq_slots set leases = leases - :rows, held = held - :held,"
        " waiting = waiting - :waiting where id = :slot",
        {"rows": rows, "held": int(held), "waiting": int(waiting), "slot": where["slot"]},
    )
