"""Risks: choices that are final, messages that hold up others, and second deliveries."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from store.advice.placements import HIGH_RATE, Placement
from store.advice.sizing import Sizing
from store.advice.workload import Control, Order, Routing, Workload
from store.model.encoding import MOST_PARTITIONS
from store.model.topics import DELIVERIES_WITH_DLQ

_LOGS = {Placement.LOG, Placement.SHARE, Placement.LOG_AND_QUEUE}
_QUEUES = {Placement.QUEUE, Placement.FIFO_QUEUE, Placement.LOG_AND_QUEUE}
# Below so many keys for a partition, hashing leaves some of them idle and others crowded.
_KEYS_FOR_A_PARTITION = 10
# One commit for each message on a disk that is busy with other work.
_COMMITS = 200.0
# Batches of a thousand on one core, generously.
_ONE_WRITER = 100_000.0


@dataclass(frozen=True, slots=True)
class OneWayDoor:
    """A choice that can't be taken back later, or only by building it anew."""

    choice: str
    why: str


def one_way_doors(workload: Workload, place: Placement) -> tuple[OneWayDoor, ...]:
    """Return the choices to think about now, the worst first."""
    return tuple(OneWayDoor(*door) for door in _doors(workload, place))


def _doors(workload: Workload, place: Placement) -> Iterator[tuple[str, str]]:
    ordered, fifo = workload.order is not Order.NONE, _is_fifo(workload, place)
    if place in {Placement.QUEUE, Placement.FIFO_QUEUE}:
        yield (
            "delete on acknowledgement",
            "acknowledged messages are gone: a reader that comes later can't be given the past",
        )
    if place in _LOGS:
        yield from _log_doors(workload, ordered=ordered)
    if place is Placement.SHARE:
        yield ("no order", "a share delivers in any order; order needs another kind of reader")
    if fifo or place is Placement.QUEUE:
        yield ("FIFO or not", "a queue can't be turned into the other kind: it takes a new one")
    if fifo:
        yield (
            "message group",
            "messages in the queue keep their group: another key means draining it first",
        )
        yield (
            "dedup window",
            "a repeat that comes after it is a new message; its scope is fixed where SQS runs it",
        )
    if Control.PRIORITY in workload.per_message:
        yield ("number of priorities", "levels can be added, never taken away")
    if workload.routing is not Routing.NONE:
        yield (
            "routing vocabulary",
            "publishers and bindings both know the words; an exchange's type can't change",
        )


def _log_doors(workload: Workload, *, ordered: bool) -> Iterator[tuple[str, str]]:
    if workload.order is Order.ALL:
        yield (
            "partition count",
            "a second partition ends the order over everything, and there is no way back to one",
        )
    else:
        keyed = ordered or workload.latest_only
        remap = "keys remap, and the order and compaction of a key break across the change"
        keyless = "readers and tools that count on the number break"
        yield ("partition count", f"it only grows: {remap if keyed else keyless}")
    if ordered or workload.latest_only:
        yield ("record key", "it decides which records stay in order, also for those already there")
    if workload.latest_only:
        yield ("compaction", "older values of a key are gone for good")
    elif not workload.source_of_truth:
        yield ("retention", "shortening it deletes at once; lengthening it brings nothing back")


def head_of_line(workload: Workload, place: Placement, sizing: Sizing) -> str:
    """Return the places where one slow or bad message holds up others, and how many."""
    if workload.order is Order.ALL:
        return "everywhere: order over everything means that one bad message holds all others"
    if place is Placement.LOG:
        share = f"1 in {sizing.partitions:,}" if sizing.partitions != 1 else "every"
        return (
            f"in a partition: a record that fails or takes long holds everything behind it, {share}"
            f" of all keys. Give the group a limit and a DLQ; `mq stalls` names the record,"
            f" `mq group skip` passes over it"
        )
    if _is_fifo(workload, place):
        return (
            "in a message group: a failing message holds its own key until it is done or dead;"
            " other keys go on"
        )
    if place is Placement.SHARE:
        return (
            "only at the window: 2,000 records past the oldest unfinished one of a partition"
            " nothing new is handed out. `mq stalls` names it"
        )
    return "nowhere: a message that fails waits by itself, the others pass"


def duplicates(workload: Workload, place: Placement) -> str:
    """Return the messages that may be delivered twice, and how a consumer makes that harmless."""
    cause = (
        "a consumer that dies between its work and its commit"
        if place is Placement.LOG
        else "a consumer that dies, or outlives its lease, before its acknowledgement"
    )
    once = "message.id" if place in _QUEUES else "the record's address"
    producer = (
        "a sender repeats with the same dedup id, within 5 minutes"
        if place is Placement.FIFO_QUEUE
        else "a sender repeats its load with --producer NAME"
    )
    return (
        f"{cause} makes it come twice, so consumers must be idempotent. Where the effect is in this"
        f" file, do it in store.transaction() with tx.first_time(reader, {once}): effect and"
        " memory commit together. Elsewhere pass the id on as an idempotency key. And " + producer
    )


def durability(workload: Workload) -> str:
    """Compare the durability of one file on one machine with the one asked for."""
    if not workload.survive_machine_loss:
        return (
            "with durability full confirmed messages survive a killed process and a power cut,"
            " not the loss of the disk: mq has no replication, `mq backup` is a copy of a moment"
        )
    return (
        "mq can't do this: it has no replication, one file on one disk. Build and test it here, and"
        " run it on quorum queues, or on a log with three replicas of which two must confirm"
        " (acks=all, min.insync.replicas=2)"
    )


def warnings(workload: Workload, place: Placement, sizing: Sizing) -> tuple[str, ...]:
    """Return the problems that the numbers predict."""
    found = (_order_warnings, _rate_warnings, _place_warnings)
    return tuple(text for part in found for text in part(workload, place, sizing))


def _order_warnings(workload: Workload, place: Placement, sizing: Sizing) -> Iterator[str]:
    if sizing.shortfall:
        yield (
            f"{_bottleneck(workload)}: {sizing.shortfall:,.0f}/s of the peak can't be done in"
            " order. Make the work faster, split the key further, or give up its order"
        )
    partitions = sizing.partitions
    few = (partitions or 0) * _KEYS_FOR_A_PARTITION
    if workload.order is Order.KEY and partitions != 1 and 0 < (workload.keys or 0) < few:
        yield (
            f"{workload.keys:,} keys hash unevenly over {partitions:,} partitions: some stay"
            " idle while others are crowded"
        )
    if workload.order is Order.ALL and Control.UNEVEN in workload.per_message:
        yield "competing workers can't compete: order over everything keeps one busy at a time"


def _bottleneck(workload: Workload) -> str:
    one = f"one consumer does {workload.consumer_rate:,.10g}/s"
    if workload.order is Order.ALL:
        return f"order over everything can't be spread, and {one}"
    share = max(workload.hottest_share or 0, 1 / (workload.keys or 1))
    return (
        f"one key can't be spread: the busiest has {share * workload.future_rate:,.0f}/s, and {one}"
    )


def _rate_warnings(workload: Workload, place: Placement, sizing: Sizing) -> Iterator[str]:
    rate = workload.future_rate
    if rate > _ONE_WRITER:
        yield (
            f"{rate:,.0f}/s are more than one writer on one file does: try it out here with less,"
            " and run it on a log over several brokers"
        )
    elif rate > _COMMITS:
        yield (
            "mq has one writer, and each send and each acknowledgement is a commit: a busy disk"
            f" does 200/s, a fast one 3,000/s. {rate:,.0f}/s want batches (--batch, send_many,"
            " produce_many, prefetch); measure with mq bench"
        )
    if rate > HIGH_RATE and place is Placement.QUEUE:
        yield (
            f"a queue writes a row for each of {rate:,.0f} messages/s in flight; a log writes a"
            " number for a batch. Ask whether single retries are worth that"
        )
    if sizing.partitions == MOST_PARTITIONS:
        yield f"it takes more than {MOST_PARTITIONS:,} partitions: split it over several topics"


def _place_warnings(workload: Workload, place: Placement, sizing: Sizing) -> Iterator[str]:
    if place is Placement.LOG and workload.order is Order.ALL:
        yield (
            "the group has no limit of deliveries: passing over a record would break the order."
            " A record that can't be done stops everything until a person decides"
        )
    if _is_fifo(workload, place):
        yield (
            f"after {DELIVERIES_WITH_DLQ} deliveries a message goes to the DLQ and its group goes"
            " on without it; where that must not be, take the limit away"
        )
    if place in {Placement.LOG, Placement.SHARE} and workload.routing is not Routing.NONE:
        yield (
            "a reader of a topic reads all of it: bind a topic of its own to the exchange for each"
            " part that a reader wants alone"
        )


def _is_fifo(workload: Workload, place: Placement) -> bool:
    return place is Placement.FIFO_QUEUE or (
        place is Placement.LOG_AND_QUEUE and workload.order is not Order.NONE
    )
