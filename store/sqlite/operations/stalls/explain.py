"""An explanation of an address: what it blocks, what blocks it, or neither."""

from __future__ import annotations

from collections.abc import Iterator

from store.model.addresses import Address
from store.model.errors import BadInput
from store.model.stalls import Explanation, Stall, Verdict
from store.model.text import describe_duration
from store.sqlite import layout, leases, queues
from store.sqlite.file.database import Snapshot
from store.sqlite.log import topics
from store.sqlite.log.read import absent
from store.sqlite.log.topics import Partition, Topic
from store.sqlite.operations.stalls import fifo, groups, ranking, shares
from store.sqlite.operations.stalls.groups import GroupCandidate
from store.sqlite.operations.stalls.shares import ShareCandidate
from store.sqlite.operations.stalls.terms import Terms
from store.sqlite.queues import view
from store.sqlite.queues.catalog import Queue


def explain(tx: Snapshot, terms: Terms, address: Address) -> list[Explanation]:
    """Return one answer for each reader that the address concerns; raises `NotFound`."""
    kind = tx.value("select kind from mq_channels where name = :name", {"name": address.name})
    if kind == "queue":
        return list(_of_queue(tx, terms, queues.catalog.find(tx, address.name), address))
    topic = topics.find_or_none(tx, address.name)
    if topic is None:
        raise tx.missing(address.name, "topic", "queue")
    if address.partition is None:
        return _of_whole(tx, terms, address)
    return _of_partition(tx, terms, topic, topic.partition(address.partition), address)


def _of_whole(tx: Snapshot, terms: Terms, address: Address) -> list[Explanation]:
    if address.offset is not None:
        raise BadInput(f"{address} names no partition", hint=f"as in {address.name}/0@12")
    found = [stall for stall in ranking.stalls(tx, terms) if stall.source == address.name]
    answers = [_blocked(address, stall) for stall in found]
    return answers or [_answer(address, None, "free", f"nothing is stalled in {address.name}")]


def _of_partition(
    tx: Snapshot, terms: Terms, topic: Topic, partition: Partition, address: Address
) -> list[Explanation]:
    offset = address.offset
    if offset is not None and not partition.start <= offset < partition.next:
        raise absent(topic, partition, offset)
    behind = {one.reader: one for one in groups.behind(tx, terms, partition.id)}
    pinned = {one.reader: one for one in shares.find(tx, terms, partition.id)}
    answers = []
    for name, kind, slot, cursor in tx.rows(
        "select r.name, r.kind, s.id, s.cursor from mq_slots s join mq_readers r on r.id = s.reader"
        " where s.partition = :partition order by r.kind, r.name",
        {"partition": partition.id},
    ):
        if kind == "share":
            lease = None if offset is None else leases.rows.get(tx, layout.lease_id(slot, offset))
            answers.append(_of_share(address, name, cursor, lease is not None, pinned.get(name)))
        else:
            place = max(cursor, partition.start)
            answers.append(_of_group(address, name, place, behind.get(name)))
    return answers or [_answer(address, None, "free", f"no reader of {topic.name}")]


def _of_group(
    address: Address, group: str, place: int, candidate: GroupCandidate | None
) -> Explanation:
    offset = address.offset
    if offset is not None and offset < place:
        reads = Address(address.name, address.partition, place)
        return _answer(address, group, "done", f"group {group} is past it: it reads {reads}")
    if candidate is None:
        return _answer(address, group, "free", f"group {group} has read everything")
    if candidate.is_stalled:
        stall = candidate.stall()
        return _blocks(address, stall) if offset == place else _blocked(address, stall)
    moved = f"{describe_duration(candidate.seconds)} is not long enough for a stall"
    if offset is None or offset == place:
        return _answer(address, group, "next", f"group {group} reads it next; {moved}")
    why = f"{offset - place:,} records come before it in group {group}; {moved}"
    return _answer(address, group, "waits", why)


def _of_share(
    address: Address, share: str, cursor: int, is_open: bool, candidate: ShareCandidate | None
) -> Explanation:
    offset = address.offset
    if candidate is not None and (offset is None or offset >= cursor):
        return _blocked(address, candidate.stall())
    if candidate is not None and offset == candidate.offset:
        return _blocks(address, candidate.stall())
    if offset is None:
        return _answer(address, share, "free", f"nothing is stalled in share {share}")
    if is_open:
        return _answer(address, share, "next", f"share {share} handed it out; it holds up nothing")
    if offset < cursor:
        return _answer(address, share, "done", f"share {share} is done with it")
    why = f"{offset - cursor:,} records come before it in share {share}"
    return _answer(address, share, "waits", why)


def _of_queue(tx: Snapshot, terms: Terms, queue: Queue, address: Address) -> Iterator[Explanation]:
    if address.partition is not None:
        raise BadInput(f"queue {queue.name} has no partitions", hint=f"as in {queue.name}@12")
    found = fifo.find(tx, terms, queue.name)
    if address.offset is None:
        yield from (_blocked(address, candidate.stall()) for candidate in found)
        if not found:
            yield _answer(address, queue.name, "free", f"nothing is stalled in {queue.name}")
        return
    message = view.find_message(tx, queue, address.offset)
    for candidate in found:
        if candidate.message_group == message.message_group:
            stall = candidate.stall()
            is_head = candidate.offset == address.offset
            yield _blocks(address, stall) if is_head else _blocked(address, stall)
            return
    yield _of_message(tx, queue, address)


def _of_message(tx: Snapshot, queue: Queue, address: Address) -> Explanation:
    assert address.offset is not None
    match view.message(tx, queue, address.offset).state:
        case "ready":
            return _answer(address, queue.name, "free", "it is ready: the next receive may take it")
        case "delayed":
            return _answer(address, queue.name, "waits", "it is delayed, and comes by itself")
        case "leased":
            return _answer(address, queue.name, "next", "it is leased, and not for too long")
        case _:
            why = "an earlier message of its group is in flight, and not for too long"
            return _answer(address, queue.name, "waits", why)


def _blocks(address: Address, stall: Stall) -> Explanation:
    why = f"it blocks {stall.blocked:,} behind it: {stall.why}"
    return Explanation(str(address), stall.reader, "blocks", stall.blocker, why, stall)


def _blocked(address: Address, stall: Stall) -> Explanation:
    return Explanation(
        str(address), stall.reader, "blocked", stall.blocker, f"{stall.cause}: {stall.why}", stall
    )


def _answer(address: Address, reader: str | None, verdict: Verdict, why: str) -> Explanation:
    return Explanation(str(address), reader, verdict, None, why, None)
