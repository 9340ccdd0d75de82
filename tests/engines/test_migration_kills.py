"""`mq migrate`, killed again and again, to a place of each engine and back into a file.

`MQ_MIGRATE_SCALE` is how many thousand records are copied, 1,000 for the long form, and
`MQ_MIGRATE_KILLS` how often; `MQ_KILL_SEED` repeats a run.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from store import NewRecord, Record, Store, open_place
from store.engine.broker import Broker
from store.engine.features import Feature

RECORDS = 1_000 * int(os.environ.get("MQ_MIGRATE_SCALE", "16"))
PARTITIONS, GROUPS = 8, 5
# Each look at a stream takes a tenth of a second: a short run looks at few.
FEW = {} if RECORDS > 100_000 else {"rabbitmq": (2, 1)}
KILLS = int(os.environ.get("MQ_MIGRATE_KILLS", "4"))
POINTS = ("migrate.read", "migrate.produced", "migrate.copied")
LOSSES = ("retention", "cleanup", "compaction_lag", "groups")


def migrate(source: str, target: str, groups: int, crash: str = "") -> int:
    """Run `mq migrate --apply`, killed at a point if one is given, and return its exit code."""
    allowed = [word for name in LOSSES for word in ("--allow-loss", name)]
    names = [word for group in range(groups) for word in ("--group", f"group-{group}")]
    command = ["-s", source, "migrate", target, "--topic", "orders", *names, "--apply", *allowed]
    done = subprocess.run(
        [sys.executable, "-m", "mq", *command],
        env=os.environ | {"MQ_CRASH_AT": crash},
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    assert done.returncode in {0, -signal.SIGKILL}, done.stderr
    return done.returncode


def test_a_copy_that_is_killed_again_and_again_has_every_record_once_and_leads_back(
    place: str, tmp_path: Path
) -> None:
    with open_place(place) as target:
        if target.features.lacks(Feature.TOPICS) or target.features.lacks(Feature.TOPOLOGY):
            pytest.skip(f"{target.features.engine} has no topics to be planned")
        partitions, groups = FEW.get(target.features.engine, (PARTITIONS, GROUPS))
        groups = 0 if target.features.lacks(Feature.GROUPS) else groups
    seed = int(os.environ.get("MQ_KILL_SEED") or random.randrange(1 << 32))
    print(f"repeat with MQ_KILL_SEED={seed}")
    dice = random.Random(seed)
    source, back = str(tmp_path / "source.db"), str(tmp_path / "back.db")
    fill(source, partitions, groups, dice)

    killed = 0
    for _ in range(KILLS):
        killed += migrate(source, place, groups, f"{dice.choice(POINTS)}:{dice.randint(1, 3)}") != 0
    assert killed == KILLS
    assert migrate(source, place, groups) == 0
    assert migrate(place, back, groups) == 0

    with Store.open(source) as before, open_place(place) as there, Store.open(back) as again:
        for number in range(partitions):
            expected = contents(before, number)
            assert expected
            assert contents(there, number) == expected
            assert contents(again, number) == expected
        for group in range(groups):
            expected_next = next_records(before, group)
            assert next_records(there, group) == expected_next
            assert next_records(again, group) == expected_next


def fill(path: str, partitions: int, groups: int, dice: random.Random) -> None:
    """Fill a compacted topic with gaps, and set groups in it."""
    with Store.open(path, create=True, durability="normal") as store:
        store.create_topic("orders", partitions=partitions, cleanup="compact", compaction_lag=0)
        begin = store.wall() - 2 * RECORDS
        for first in range(0, RECORDS, 1_000):
            numbers = range(first, first + 1_000)
            store.produce_many("orders", list(records(numbers, begin, dice)))
        store.compact_topic("orders")
        ends = {part.partition: part.end for part in store.topic("orders").partitions}
        for group in range(groups):
            store.create_group(f"group-{group}", topics=["orders"])
            store.reset_group(
                f"group-{group}",
                {("orders", number): dice.randint(0, end) for number, end in ends.items()},
            )


def records(numbers: Iterable[int], begin: int, dice: random.Random) -> Iterator[NewRecord]:
    """Records of which a later one of the same key replaces about every third."""
    for n in numbers:
        yield NewRecord(b"%d" % n, b"k%d" % dice.randrange(RECORDS), {"n": n}, begin + n)


def contents(broker: Broker, number: int) -> list[tuple[object, ...]]:
    """The records of a partition, without where they are."""
    part = broker.topic("orders").partitions[number]
    offset, found = part.start, list[tuple[object, ...]]()
    while batch := broker.read("orders", number, offset, 1_000):
        found += map(without_place, batch)
        offset = batch[-1].offset + 1
    return found


def without_place(record: Record) -> tuple[object, ...]:
    """A record without where it is."""
    return record.timestamp, record.key, record.value, record.headers["n"]


def next_records(broker: Broker, group: int) -> list[bytes | None]:
    """The values that a group reads next, by partition; `None` at the end."""
    nexts = []
    for row in broker.lag(f"group-{group}"):
        batch = broker.read("orders", row.partition, row.committed or 0, 1)
        nexts.append(batch[0].value if batch else None)
    return nexts
