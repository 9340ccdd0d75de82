"""Times in the future: the records that bear them, and everything that comes after."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from store.model.actions import PurgeQueue, Trim, WayOut
from store.model.clock import FAR_AHEAD, NOT_SOON
from store.model.diagnoses import Diagnosis, warning
from store.model.looks import Peek
from store.model.text import describe_duration
from store.sqlite import log, queues
from store.sqlite.file.database import Snapshot
from store.sqlite.log import topics

_WHY = (
    "what comes after it bears that time too, until it is reached: people and programs that read it"
    " are misled. Ages, lag, stalls and retention count from when it came"
)


def examine(tx: Snapshot) -> Iterator[Diagnosis]:
    """Yield topics and queues whose newest time is further ahead of the clock than clocks
    differ.
    """
    latest = tx.wall + FAR_AHEAD
    for name, partitions in _topics(tx, latest).items():
        yield _of_topic(tx, name, partitions, latest)
    for (name,) in tx.rows(
        "select c.name from mq_partitions p join mq_channels c on c.id = p.channel"
        " where c.kind = 'queue' and p.number = 0 and p.last_timestamp > :latest"
        " and exists (select 1 from mq_partitions l where l.channel = c.id and l.records > 0)"
        " order by c.name",
        {"latest": latest},
    ):
        yield from _of_queue(tx, name, latest)


def _topics(tx: Snapshot, latest: int) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for name, number in tx.rows(
        "select c.name, p.number from mq_partitions p join mq_channels c on c.id = p.channel"
        " where c.kind = 'topic' and p.records > 0 and p.last_timestamp > :latest"
        " order by c.name, p.number",
        {"latest": latest},
    ):
        found.setdefault(name, []).append(number)
    return found


def _of_topic(tx: Snapshot, name: str, partitions: list[int], latest: int) -> Diagnosis:
    topic = topics.find(tx, name)
    first = topic.partition(partitions[0])
    place = f"{name}/{first.number}"
    offset = log.read.offset_for_time(tx, first, latest + 1)
    others = f", and so in {len(partitions) - 1} more partitions" if len(partitions) > 1 else ""
    trim = Trim(name, None if others else first.number, "latest")
    # A topic that is only compacted would lose its newest values.
    empty = [trim] if "delete" in topic.config.cleanup else []
    ahead = max(topic.partitions[number].last_timestamp for number in partitions) - tx.wall
    return _warning(place, f"{place}@{offset}", others, ahead, "partition", empty)


def _of_queue(tx: Snapshot, name: str, latest: int) -> Iterator[Diagnosis]:
    queue = queues.catalog.find(tx, name)
    lanes = [log.read.offset_for_time(tx, lane, latest + 1) for lane in queue.lanes.values()]
    sequences = [sequence for sequence in lanes if sequence is not None]
    if sequences:
        ahead = queue.first_lane.last_timestamp - tx.wall
        yield _warning(name, f"{name}@{min(sequences)}", "", ahead, "queue", [PurgeQueue(name)])


def _warning(
    place: str, first: str, others: str, ahead: int, kind: str, empty: Sequence[WayOut]
) -> Diagnosis:
    time = describe_duration(ahead / 1000)
    ends = f"in {time}"
    if ahead > NOT_SOON and empty:
        ends = f"when the {kind} is empty: empty it once everything in it is done with"
    return warning(
        "future_times", place,
        f"{first} and what follows is up to {time} ahead of the clock{others}",
        f"{_WHY}. It ends {ends}",
        Peek(first), *(empty if ahead > NOT_SOON else []),
    )  # fmt: skip
