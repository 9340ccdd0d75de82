"""Views of a share: its window in each partition, and every record in flight."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import repeat

from store.model.encoding import decode_document, decode_documents
from store.model.messages import State
from store.model.shares import InFlight, SharedRecord, SharePartition, ShareStatus
from store.sqlite import layout, leases
from store.sqlite.file.database import Row, Snapshot
from store.sqlite.leases import abandoned, attempts, receipts
from store.sqlite.leases.messages import StoredMessage
from store.sqlite.leases.receive import FreshRun
from store.sqlite.leases.rows import Slot, SlotProgress
from store.sqlite.queues import view
from store.sqlite.shares import window
from store.sqlite.shares.catalog import Share


def acquired(
    tx: Snapshot, share: Share, picked: Sequence[StoredMessage | FreshRun], holder: str
) -> list[SharedRecord]:
    """Return records that were just leased, with their receipts."""
    given: list[SharedRecord] = []
    for one in picked:
        if isinstance(one, FreshRun):
            given += of_run(tx, share, one, holder)
        else:
            given.append(_shared(tx, share, one, receipts.seal(tx), holder))
    return given


def of_run(tx: Snapshot, share: Share, run: FreshRun, holder: str) -> list[SharedRecord]:
    """Return records that were just leased together."""
    assert run.token is not None
    headers, properties = decode_documents(run.headers)
    columns = zip(
        repeat(share.topic),
        repeat(run.slot.number),
        run.offsets,
        run.timestamps,
        run.keys,
        headers,
        run.values,
        repeat(1),
        repeat("leased"),
        receipts.write_run(receipts.seal(tx), run.leases, run.token),
        repeat(run.lease_expires),
        repeat(holder),
        properties,
    )
    # Same as SharedRecord(...), without a call of Python for each.
    return list(map(tuple.__new__, repeat(SharedRecord), columns))


def _shared(tx: Snapshot, share: Share, one: StoredMessage, seal: int, holder: str) -> SharedRecord:
    lease = one.lease
    assert lease is not None
    assert lease.token is not None
    headers, properties = decode_document(one.headers)
    return SharedRecord(
        topic=share.topic,
        partition=one.slot.number,
        offset=one.sequence,
        timestamp=one.timestamp,
        key=one.key,
        headers=headers,
        value=one.value,
        deliveries=lease.deliveries,
        state="leased",
        receipt=receipts.write(seal, lease.id, lease.token),
        lease_expires=view.wall_time(tx, lease.ends),
        holder=holder,
        properties=properties,
    )


def status(tx: Snapshot, share: Share) -> ShareStatus:
    """Return a share with its position in each partition."""
    return ShareStatus(
        name=share.name,
        topic=share.topic,
        config=share.config,
        created=share.created,
        partitions=[_partition(tx, share, slot) for slot in leases.rows.slots(tx, share.reader)],
    )


def _partition(tx: Snapshot, share: Share, slot: SlotProgress) -> SharePartition:
    start = window.start(tx, slot)
    rows, held, waiting = tx.row(  # type: ignore[misc]
        f"select count(*), total({abandoned.HELD}),"
        f" total({abandoned.IN_FLIGHT} and not {abandoned.HELD}) from mq_leases l"
        " where l.id >= :first and l.id < :end",
        {
            **abandoned.parameters(tx, share.reader),
            **layout.span(slot.id),
        },
    )
    pinned_since = None
    if rows and share.reader.window is not None:
        pinned_since = _since(tx, slot.lease_id(start))
    return SharePartition(
        partition=slot.number,
        start=start,
        next=slot.cursor,
        end=slot.next,
        leased=int(held),
        delayed=int(waiting),
        ready=rows - int(held) - int(waiting),
        finished=slot.cursor - start - rows,
        lag=slot.next - slot.cursor + rows,
        full=slot.cursor - start >= share.config.max_in_flight,
        pinned_since=pinned_since,
    )


def _since(tx: Snapshot, lease: int) -> int | None:
    """Return when the record of a lease was handed out first, as far as that is known."""
    times = [one.started for one in attempts.history(tx, lease) if one.started is not None]
    found = leases.rows.get(tx, lease)
    if found is not None and found.started is not None:
        times.append(view.wall_time(tx, found.started))
    return min(times, default=None)


def in_flight(tx: Snapshot, share: Share) -> list[InFlight]:
    """Return every unfinished record that was handed out, in order of partition and offset."""
    seal = receipts.seal(tx)
    return [
        _in_flight(tx, share, slot, row, seal)
        for slot in leases.rows.slots(tx, share.reader)
        for row in tx.rows(
            f"select l.id, l.deliveries, l.token, {abandoned.HELD}, {abandoned.IN_FLIGHT}, l.ends,"
            " h.name from mq_leases l left join mq_holders h on h.id = l.holder"
            " where l.id >= :first and l.id < :end order by l.id",
            {
                **abandoned.parameters(tx, share.reader),
                **layout.span(slot.id),
            },
        )
    ]


def _in_flight(tx: Snapshot, share: Share, slot: Slot, row: Row, seal: int) -> InFlight:
    id, deliveries, token, is_held, is_in_flight, ends, holder = row
    state: State = "leased" if is_held else "delayed" if is_in_flight else "ready"
    return InFlight(
        address=share.reader.address(slot.number, id - slot.lease_id(0)),
        state=state,
        deliveries=deliveries,
        holder=holder if is_held else None,
        expires=view.wall_time(tx, ends) if is_held else None,
        seconds_left=(ends - tx.now) / 1000 if is_held else None,
        since=_since(tx, id),
        error=attempts.last_error(tx, id),
        receipt=receipts.write(seal, id, token) if is_held else None,
    )
