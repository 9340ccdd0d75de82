"""The conditions for losing nothing, as four rows: stored, confirmed, acknowledged, dead
letters.
"""

from __future__ import annotations

from collections.abc import Iterator

from store.advice.plumbing import Plumbing, lacking
from store.model.actions import SetDurability
from store.model.diagnoses import STORE, Diagnosis, advice, in_order
from store.model.looks import Work
from store.sqlite.file.database import Snapshot
from store.sqlite.leases import holders


def examine(tx: Snapshot, plumbing: Plumbing) -> Iterator[Diagnosis]:
    """Yield the four rows, each in order or with its fault."""
    yield _stored(tx)
    yield in_order(
        "confirmed_when_stored", STORE, "a send or produce returns after its commit",
        "confirmed data is in the file; an unknown outcome is reported as unknown",
    )  # fmt: skip
    yield from _acknowledged(tx)
    yield _limited(plumbing)


def _stored(tx: Snapshot) -> Diagnosis:
    durability = tx.value("select durability from mq_store")
    if durability == "full":
        return in_order(
            "stored_durably", STORE, "durability full",
            "confirmed data survives a killed process and a power cut, not a lost disk",
        )  # fmt: skip
    return advice(
        "stored_durably", STORE, f"durability {durability}",
        "a power cut may undo the latest confirmations, always a suffix",
        SetDurability("full"),
    )  # fmt: skip


def _acknowledged(tx: Snapshot) -> Iterator[Diagnosis]:
    """Yield readers that acknowledge messages that they have only printed."""
    printing = list(_printing(tx))
    for reader, source, name, pid in printing:
        yield advice(
            "acked_after_processing", reader,
            f"mq consume ({name}, pid {pid}) acknowledges what it has printed",
            "if what reads its output fails, the message is gone: printing is not processing",
            Work(source, reader if reader != source else None),
        )  # fmt: skip
    if not printing:
        yield in_order(
            "acked_after_processing", STORE, "no reader uses mq consume",
            "work, receive with ack, and consumer objects acknowledge finished work",
        )  # fmt: skip


def _printing(tx: Snapshot) -> Iterator[tuple[str, str, str, int]]:
    # Holders first, hence the cross join: most leases are of holders that are not attached.
    rows = tx.rows(
        "select distinct r.name, c.name, h.name, h.pid, h.id from mq_holders h"
        " join mq_members m on m.holder = h.id join mq_readers r on r.id = m.reader"
        " join mq_slots s on s.member = m.incarnation join mq_partitions p on p.id = s.partition"
        " join mq_channels c on c.id = p.channel where h.attached"
        " union select distinct r.name, r.name, h.name, h.pid, h.id from mq_holders h"
        " cross join mq_leases l on l.holder = h.id join mq_readers r on r.id = l.reader"
        " where h.attached order by 1, 2"
    )
    for reader, source, name, pid, holder in rows:
        if "consume" in holders.command_line(tx, holder):
            yield reader, source, name, pid


def _limited(plumbing: Plumbing) -> Diagnosis:
    without = lacking(plumbing)
    if not without:
        return in_order(
            "limit_and_dlq", STORE, "every queue, group and share has a limit and a DLQ",
            "what can't be processed is set aside, with its error",
        )  # fmt: skip
    names = ", ".join(one.name for one in without[:3])
    return advice(
        "limit_and_dlq", STORE, f"{len(without)} without: {names}{' …' * (len(without) > 3)}",
        "what can't be processed comes back for ever, stalls its partition, or is dropped",
    )  # fmt: skip
