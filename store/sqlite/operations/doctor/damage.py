"""Records that a reader has found damaged: each with the commands that get its readers past it."""

from __future__ import annotations

from collections.abc import Iterator

from store.model.actions import PurgeMessage, SkipRecord, WayOut
from store.model.addresses import Address
from store.model.diagnoses import Diagnosis, critical
from store.sqlite import layout, log
from store.sqlite.file.database import Snapshot

_MOST = 20


def examine(tx: Snapshot) -> Iterator[Diagnosis]:
    """Yield those that are still there, the first twenty; `mq verify` finds every one."""
    rows = tx.rows(
        "select d.record, c.name, c.kind, p.number from mq_damages d"
        " join mq_records r on r.id = d.record"
        f" join mq_partitions p on p.id = {layout.owner_of('d.record')}"
        " join mq_channels c on c.id = p.channel order by d.record limit :most",
        {"most": _MOST},
    )
    for record, name, kind, number in rows:
        offset = layout.offset(record)
        is_queue = kind == "queue"
        address = f"{name}@{offset}" if is_queue else f"{name}/{number}@{offset}"
        ways: list[WayOut] = [PurgeMessage(name, offset)] if is_queue else _skips(tx, record)
        yield critical(
            "damaged_record", address, log.damage.CHECKSUM,
            "it is never handed out: what was stored there is lost, unless a backup has it", *ways,
        )  # fmt: skip


def _skips(tx: Snapshot, record: int) -> list[WayOut]:
    """Return the skips for the groups and shares that a record of a topic holds up."""
    rows = tx.rows(
        "select r.kind, r.name, c.name, p.number from mq_slots s"
        " join mq_readers r on r.id = s.reader join mq_partitions p on p.id = s.partition"
        " join mq_channels c on c.id = p.channel"
        f" where s.partition = {layout.owner_of(':record')} and"
        " ((r.kind = 'group' and :record = (select min(n.id) from mq_records n"
        f"   where {layout.is_between('n.id', 'p.id', 'max(s.cursor, p.start)', 'p.next')}))"
        " or exists (select 1 from mq_leases l where l.record = :record"
        f"   and l.id = {layout.begin_of('s.id')} + {layout.offset_of(':record')})) order by 1, 2",
        {"record": record},
    )
    offset = layout.offset(record)
    return [
        SkipRecord(name, Address(topic, number, offset), kind=kind)
        for kind, name, topic, number in rows
    ]
