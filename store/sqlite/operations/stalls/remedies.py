"""The ways out of a stall, as commands that can be run as they are."""

from __future__ import annotations

from store.model.stalls import Remedy
from store.model.topics import DELIVERIES_WITH_DLQ
from store.sqlite.file.database import Snapshot


def of_group(
    tx: Snapshot, group: str, place: str, offset: int, dlq: str | None, *, is_owned: bool
) -> list[Remedy]:
    """For a record that a group does not get past; `dlq` is the group's own."""
    record = f"{place}@{offset}"
    skip = f"mq group skip {group} {record}"
    target, missing = _dead_letter_queue(tx, place.partition("/")[0], dlq)
    found = []
    if missing is None:
        effect = f"copy {record} to {target} and go on behind it"
        found.append(Remedy("dead-letter", f"{skip} --to-dlq {target}", effect))
    found.append(Remedy("skip", skip, f"go on behind {record}, which stays in the log"))
    if is_owned:
        release = f"mq group reset {group} --topic {place} --to committed --force --apply"
        effect = "fence the members; whoever joins again reads on from the committed record"
        found.append(Remedy("release", release, effect))
    if dlq is None:
        found += [missing] if missing else []
        found.append(_policy(f"mq group alter {group}", target))
    return found


def of_idle_group(group: str, place: str) -> list[Remedy]:
    """For a partition that nobody reads."""
    topic = place.partition("/")[0]
    return [
        Remedy("read", f"mq consume {topic} -g {group}", "read on, print and commit it"),
        Remedy(
            "reset",
            f"mq group reset {group} --topic {place} --to latest --apply",
            "go on with what comes from now on",
        ),
        Remedy("delete", f"mq group delete {group} --yes", "forget the group, if it is not needed"),
    ]


def of_message(
    tx: Snapshot, queue: str, message: str, dlq: str | None, receipt: str | None
) -> list[Remedy]:
    """For the first message of a FIFO group; with a `receipt` if somebody has it."""
    found = [Remedy("release", f"mq lease release {message}", f"{message} is ready at once")]
    target, missing = _dead_letter_queue(tx, queue, dlq)
    if dlq is not None and missing is None and receipt is not None:
        found.append(
            Remedy("dead-letter", f"mq nack {receipt} --reject", f"move {message} to {target}")
        )
    if dlq is None or missing is not None:
        found += [missing] if missing else []
        found.append(_policy(f"mq queue alter {queue}", target))
    return found


def of_homeless_message(queue: str, message: str, deliveries: int) -> list[Remedy]:
    """For the first message of a FIFO group, if no DLQ takes it after its last delivery."""
    more = deliveries + 1
    again = f"mq queue alter {queue} --max-deliveries {more}"
    return [
        Remedy("policy", again, f"deliver up to {more} times; {message} is ready at once"),
        _purge(message),
    ]


def _purge(message: str) -> Remedy:
    effect = f"remove {message} for good; what waits behind it goes on"
    return Remedy("purge", f"mq queue purge {message} --yes", effect)


def _policy(command: str, target: str) -> Remedy:
    return Remedy(
        "policy",
        f"{command} --max-deliveries {DELIVERIES_WITH_DLQ} --dlq {target}",
        f"from now on, what fails {DELIVERIES_WITH_DLQ} times goes to {target}",
    )


def _dead_letter_queue(tx: Snapshot, source: str, dlq: str | None) -> tuple[str, Remedy | None]:
    """The queue for dead letters, and how to create it where it is missing."""
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
    command = f"mq queue create {target}" + (" --fifo" if fifo else "")
    return target, Remedy("create", command, f"make {target} for what can't be processed")


def of_shared_record(share: str, record: str, dlq: str | None, receipt: str | None) -> list[Remedy]:
    """For the first unfinished record of a share's window; with a `receipt` if somebody has it."""
    if receipt is None:
        release = f"mq lease release {record} --share {share}"
        return [Remedy("release", release, f"{record} is ready at once")]
    # The receipt says which share is meant; several may read the topic.
    found = [Remedy("release", f"mq lease release {receipt}", f"{record} is ready at once")]
    reject = f"mq nack {receipt} --reject"
    if dlq is None:
        effect = f"be done with {record}, which stays in the log"
        return [*found, Remedy("skip", reject, effect)]
    return [*found, Remedy("dead-letter", reject, f"copy {record} to {dlq} and be done with it")]


def of_damaged_message(tx: Snapshot, queue: str, message: str, dlq: str | None) -> list[Remedy]:
    """For the first message of a FIFO group that a receive has found damaged."""
    found = [_purge(message)]
    target, missing = _dead_letter_queue(tx, queue, dlq)
    found += [missing] if missing else []
    return found if dlq is not None else [*found, _policy(f"mq queue alter {queue}", target)]


def of_damaged_record(tx: Snapshot, share: str, record: str, dlq: str | None) -> list[Remedy]:
    """For the first record of a share's window, if an acquire has found it damaged."""
    skip = f"mq share skip {share} {record}"
    found = [Remedy("skip", skip, f"be done with {record}, which stays in the log")]
    target, missing = _dead_letter_queue(tx, record.partition("/")[0], dlq)
    if missing is not None:
        return [*found, missing]
    effect = f"copy {record} to {target} and be done with it"
    return [Remedy("dead-letter", f"{skip} --to-dlq {target}", effect), *found]
