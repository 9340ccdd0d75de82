"""Messages that are done, and messages that leave their queue: the decision to delete or retain."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING

from store.sqlite import layout, leases, log, queues
from store.sqlite.file.database import WriteTransaction
from store.sqlite.file.settings import MOST_REMEMBERED
from store.sqlite.file.timekeeping import Prepared
from store.sqlite.leases import runs
from store.sqlite.leases.readers import Reader
from store.sqlite.leases.runs import Run
from store.sqlite.log import samples

if TYPE_CHECKING:
    from store.sqlite.leases.messages import MessageRow, StoredMessage
    from store.sqlite.leases.rows import Slot
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


_TO_FINISH = (
    f"select count(*), sum({layout.SIZE_OF_R}), max(l.started),"
    " total(exists (select 1 from mq_origins where record = r.id)), {group}"
    " from mq_leases l cross join mq_records r on r.id = l.record where l.token = :token"
    " and l.ends > :now"
)
_RUN_TO_FINISH = runs.statement(f"{_TO_FINISH.format(group='null')} and l.id {{which}}")
_NEXT_TO_FINISH = (
    f"{_TO_FINISH} and l.id between :first and :last"
    " and (select generation from mq_store) = :generation"
)
_NEXT_RUN = _NEXT_TO_FINISH.format(group="null")
# Its order notes something of each message, by its group.
_NEXT_ALONE = _NEXT_TO_FINISH.format(group="max(cast(r.message_group as blob))")


class Finishing(Prepared):
    """A slot of a reader, for acknowledgements of runs in it."""

    __slots__ = ("generation", "lane", "order", "reader", "slot", "to_record")

    def __init__(self, tx: WriteTransaction, reader: Reader, slot: Slot) -> None:
        super().__init__(tx)
        self.generation = self.settings.generation
        self.reader = reader
        self.order = reader.noting_order
        self.slot = slot
        # The lane that the messages are deleted from, if they are not retained.
        self.lane = slot.partition if reader.on_ack == "delete" else None
        self.to_record = slot.record_id(0) - slot.lease_id(0)


def finish_quietly(tx: WriteTransaction, known: Finishing, ids: range, token: int) -> bool:
    """Finish messages by the leases of a run; return False where more is to be done."""
    now = tx.moment
    if now is None:
        now = tx.database.clock.boot() + known.ahead
    first, last, order = ids[0], ids[-1], known.order
    if order is not None and first < last:
        return False
    number, size, started, moved, group = tx.cursor.execute(
        _NEXT_RUN if order is None else _NEXT_ALONE,
        {
            "token": token,
            "now": now,
            "first": first,
            "last": last,
            "generation": known.generation,
        },
    ).fetchone()
    if number != len(ids) or moved:
        return False
    # By now it is known that the settings hold.
    tx.settings, tx.moment = tx.settings or known.settings, now
    records = range(first + known.to_record, last + known.to_record + 1)
    if known.lane is not None:
        log.rows.remove_run(tx, records, known.lane, size)
    runs.remove(tx, known.slot.id, ids)
    if order is not None:
        text = None if group is None else log.damage.as_text(group)
        order.finished(tx, known.reader, known.slot, records[0], text)
    first += (token - first) & runs.TIMED_MASK
    if first <= last:
        times = leases.processing_times
        timed = len(range(first, last + 1, runs.TIMED_MASK + 1))
        times.add(tx, known.reader.id, times.bucket_of(now - started), timed)
    return True


def finish_run(tx: WriteTransaction, reader: Reader, run: Run) -> bool:
    """Finish the messages of a run for a reader.

    Returns False, with nothing changed, if not all of its leases run on, or one has moved here.
    """
    number, size, started, moved, _ = runs.row(
        tx, _RUN_TO_FINISH, run.ids, token=run.token, now=tx.now
    )
    if number != len(run.ids) or moved:
        return False
    if reader.on_ack == "delete":
        samples.note_leaving(tx, reader.channel)
        log.rows.remove_run(tx, run.records(), run.slot.partition, size)
    else:
        samples.note_finishing(tx, run.slot.id)
    runs.remove(tx, run.slot.id, run.ids)
    if timed := run.timed():
        times = leases.processing_times
        times.add(tx, reader.id, times.bucket_of(tx.now - started), timed)
    prepare(tx, reader, run.slot)
    return True


def prepare(tx: WriteTransaction, reader: Reader, slot: Slot) -> None:
    """Make the next acknowledgements in a slot ready."""
    settings, key = tx.memory(), (Finishing, slot.id)
    known: Finishing | None = settings.answers.get(key)
    if known is None and len(settings.answers) < MOST_REMEMBERED:
        known = settings.answers[key] = Finishing(tx, reader, slot)
    if known is not None:
        known.rest_after_commit(tx, samples.left(tx))


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
