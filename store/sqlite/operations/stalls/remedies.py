"""The ways out of a stall, as actions."""

from __future__ import annotations

from typing import Any

from store.model.actions import (
    Action,
    Delete,
    PurgeMessage,
    RejectLease,
    ReleaseLease,
    ResetGroup,
    ReturnLease,
    SkipRecord,
    alter,
    create,
)
from store.model.addresses import Address, Kind
from store.model.looks import Consume
from store.model.stalls import Remedy
from store.model.topics import DELIVERIES_WITH_DLQ
from store.sqlite.file.database import Snapshot


def of_group(
    tx: Snapshot, group: str, record: Address, dlq: str | None, *, is_owned: bool
) -> list[Remedy]:
    """Return the ways out for a record that a group does not get past; `dlq` is the group's own."""
    target, missing = _dead_letter_queue(tx, record.name, dlq)
    found = []
    if missing is None:
        effect = f"copy {record} to {target} and go on behind it"
        found.append(Remedy("dead-letter", SkipRecord(group, record, target), effect))
    effect = f"go on behind {record}, which stays in the log"
    found.append(Remedy("skip", SkipRecord(group, record), effect))
    if is_owned:
        release = ResetGroup(group, record.name, record.partition, "committed", force=True)
        effect = "fence the members; those that join again read on from the committed record"
        found.append(Remedy("release", release, effect))
    if dlq is None:
        found += [missing] if missing else []
        found.append(_policy("group", group, target))
    return found


def of_idle_group(group: str, record: Address) -> list[Remedy]:
    """Return the ways out for a partition without a reader."""
    to_latest = ResetGroup(group, record.name, record.partition, "latest")
    return [
        Remedy("read", Consume(record.name, group), "read on, print and commit it"),
        Remedy("reset", to_latest, "go on with what comes from now on"),
        Remedy("delete", Delete("group", group), "forget the group, if it is not needed"),
    ]


def of_message(
    tx: Snapshot, message: Address, dlq: str | None, reject: RejectLease | None
) -> list[Remedy]:
    """Return the ways out for the first message of a FIFO group; `reject` refuses a leased one."""
    found = [Remedy("release", ReleaseLease(message), f"{message} is ready at once")]
    target, missing = _dead_letter_queue(tx, message.name, dlq)
    if dlq is not None and missing is None and reject is not None:
        found.append(Remedy("dead-letter", reject, f"move {message} to {target}"))
    if dlq is None or missing is not None:
        found += [missing] if missing else []
        found.append(_policy("queue", message.name, target))
    return found


def of_homeless_message(message: Address, deliveries: int) -> list[Remedy]:
    """Return the ways out for the first message of a FIFO group, if no DLQ takes it after its last
    delivery.
    """
    more = deliveries + 1
    again = alter("queue", message.name, max_deliveries=more)
    return [
        Remedy("policy", again, f"deliver up to {more} times; {message} is ready at once"),
        _purge(message),
    ]


def _purge(message: Address) -> Remedy:
    purge = PurgeMessage(message.name, message.offset or 0)
    return Remedy("purge", purge, f"remove {message} for good; those behind it go on")


def _policy(kind: Kind, reader: str, target: str) -> Remedy:
    return Remedy(
        "policy",
        alter(kind, reader, max_deliveries=DELIVERIES_WITH_DLQ, dlq=target),
        f"from now on, what fails {DELIVERIES_WITH_DLQ} times goes to {target}",
    )


def _dead_letter_queue(tx: Snapshot, source: str, dlq: str | None) -> tuple[str, Remedy | None]:
    """Return the queue for dead letters, and how to create it where it is missing."""
    target = dlq or f"{source}.dlq"
    fifo = tx.value(
        "select q.fifo from mq_channels c join mq_queues q on q.channel = c.id"
        " where c.name = :source",
        {"source": source},
    )
    if target.startswith("exchange:") or tx.value(
        "select 1 from mq_channels where name = :name", {"name": target}
    ):
        return target, None
    action = create("queue", target, fifo=True) if fifo else create("queue", target)
    return target, Remedy("create", action, f"make {target} for what can't be processed")


def of_shared_record(
    share: str, record: Address, dlq: str | None, reject: RejectLease | None
) -> list[Remedy]:
    """Return the ways out for the first unfinished record of a window; `reject` refuses a leased
    one.
    """
    ready = f"{record} is ready at once"
    if reject is None:
        return [Remedy("release", ReleaseLease(record, share), ready)]
    # The receipt names the share; several may read the topic.
    release: Action[Any] = ReturnLease(reject.receipt)
    found = [Remedy("release", release, ready)]
    if dlq is None:
        effect = f"be done with {record}, which stays in the log"
        return [*found, Remedy("skip", reject, effect)]
    return [*found, Remedy("dead-letter", reject, f"copy {record} to {dlq} and be done with it")]


def of_damaged_message(tx: Snapshot, message: Address, dlq: str | None) -> list[Remedy]:
    """Return the ways out for the first message of a FIFO group that a receive has found
    damaged.
    """
    found = [_purge(message)]
    target, missing = _dead_letter_queue(tx, message.name, dlq)
    found += [missing] if missing else []
    return found if dlq is not None else [*found, _policy("queue", message.name, target)]


def of_damaged_record(tx: Snapshot, share: str, record: Address, dlq: str | None) -> list[Remedy]:
    """Return the ways out for the first record of a share's window, if an acquire has found it
    damaged.
    """
    skip = SkipRecord(share, record, kind="share")
    found = [Remedy("skip", skip, f"be done with {record}, which stays in the log")]
    target, missing = _dead_letter_queue(tx, record.name, dlq)
    if missing is not None:
        return [*found, missing]
    effect = f"copy {record} to {target} and be done with it"
    return [Remedy("dead-letter", SkipRecord(share, record, target, "share"), effect), *found]
