"""Messages that are done, and messages that leave their queue: the decision to delete or retain."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING

from store.sqlite import layout, leases, log, queues
from store.sqlite.file.database import WriteTransaction
from store.sqlite.leases import runs
from store.sqlite.leases.readers import Reader
from store.sqlite.leases.runs import Run
from store.sqlite.log import samples

if TYPE_CHECKING:
    from store.sqlite.leases.messages import MessageRow, StoredMessage
    from store.sqlite.queues.catalog import Queue


def remove(tx: WriteTransaction, reader: Reader, messages: Sequence[MessageRow]) -> None:
    """Remove messages from their queue: records, leases, origins, heads and every count of them."""
    samples.note_leaving(tx, reader.channel)
    moved = [m.record for m in messages if m.has_origin]
    if moved:
        leases.origins.remove(tx, moved)
    leases.rows.remove(tx, reader, [m.lease for m in messages if m.lease is not None])
    sizes: defaultdict[int, list[int]] = defaultdict(list)
    for m in messages:
        sizes[m.slot.partition].append(m.size)
    log.rows.remove(tx, [m.record for m in messages], sizes)
    reader.order.removed(tx, reader, messages)


def count(tx: WriteTransaction, reader: Reader, *, moved: int = 0, dropped: int = 0) -> None:
    """Count messages that left a queue otherwise than by an ack; a share has no such counts."""
    queues.catalog.count_left(tx, reader.channel, moved=moved, dropped=dropped)


def finish(tx: WriteTransaction, reader: Reader, messages: Sequence[MessageRow]) -> None:
    """Finish messages for a reader: the one decision to delete or retain stands here.

    A queue deletes them; a share, which reads a log, retains them and only forgets its leases.
    """
    if reader.on_ack == "delete":
        remove(tx, reader, messages)
    else:
        for slot in {one.slot.id for one in messages}:
            samples.note_finishing(tx, slot)
        leases.rows.remove(tx, reader, [one.lease for one in messages if one.lease is not None])


_TO_FINISH = runs.statement(
    f"select count(*), sum({layout.SIZE_OF_R}), max(l.started),"
    " total(exists (select 1 from mq_origins where record = r.id))"
    " from mq_leases l cross join mq_records r on r.id = l.record"
    " where l.id {which} and l.token = :token and l.ends > :now"
)


def finish_run(tx: WriteTransaction, reader: Reader, run: Run) -> int | None:
    """Finish the messages of a run for a reader, and return when its leases began.

    `None`, with nothing changed, if not all of its leases run on.
    """
    number, size, started, moved = runs.row(tx, _TO_FINISH, run.ids, token=run.token, now=tx.now)
    if number != len(run.ids) or moved:
        return None
    if reader.on_ack == "delete":
        samples.note_leaving(tx, reader.channel)
        log.rows.remove_run(tx, run.records(), run.slot.partition, size)
    else:
        samples.note_finishing(tx, run.slot.id)
    runs.remove(tx, run)
    began: int = started
    return began


def drop(tx: WriteTransaction, reader: Reader, message: StoredMessage) -> None:
    """Drop a message for good that was not done."""
    finish(tx, reader, [message])
    count(tx, reader, dropped=1)


def take_out(tx: WriteTransaction, queue: Queue, messages: Sequence[StoredMessage]) -> None:
    """Remove messages from their queue by hand; `move.place` puts them elsewhere."""
    for one in messages:
        # A late ack would be taken for a repeated one.
        leases.attempts.note_lapsed(tx, one.lease)
    remove(tx, queue.reader, messages)
    count(tx, queue.reader, moved=len(messages))
