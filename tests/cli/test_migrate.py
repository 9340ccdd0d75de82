"""`mq migrate`: a preview, a copy that any kill leaves to be gone on with, and the way back."""

from __future__ import annotations

import json
import os
import random
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from store import NewRecord, Store
from store.migration.topics import OFFSET_HEADER

if TYPE_CHECKING:
    from tests.cli.conftest import RunMq

# Records, partitions, groups and kills: the long form is 1,000,000 records, 8, 5 and 10.
RECORDS = 1_000 * int(os.environ.get("MQ_MIGRATE_SCALE", "24"))
PARTITIONS, GROUPS, KILLS = 8, 5, 10


@pytest.fixture
def small(path: Path) -> Path:
    """A store with three records in a topic, and a message in a queue."""
    with Store.open(path, create=True, durability="normal") as store:
        store.create_topic("orders")
        store.produce_many("orders", [b"a", b"b", b"c"])
        store.create_queue("emails")
        store.send("emails", b"d")
    return path


@pytest.mark.usefixtures("small")
class TestPreview:
    def test_it_says_what_is_to_copy_and_changes_nothing(
        self, call_mq: RunMq, tmp_path: Path
    ) -> None:
        run = call_mq("migrate", str(tmp_path / "new.db"), "-o", "json")
        document = json.loads(run.out)
        assert (document["records"], document["messages"]) == (3, 1)
        assert [step["name"] for step in document["steps"]] == ["orders", "emails"]
        assert not document["applied"]
        assert not (tmp_path / "new.db").exists()

    def test_names_select_what_is_copied(self, call_mq: RunMq, tmp_path: Path) -> None:
        run = call_mq("migrate", str(tmp_path / "new.db"), "--queue", "emails", "-o", "json")
        assert [part["name"] for part in json.loads(run.out)["parts"]] == ["emails"]

    def test_a_name_that_is_not_there_is_refused(self, call_mq: RunMq, tmp_path: Path) -> None:
        run = call_mq("migrate", str(tmp_path / "new.db"), "--topic", "order")
        assert run.is_refused(2)
        assert "order" in run.err

    def test_a_loss_is_a_line_and_its_name_allows_it(
        self, call_mq: RunMq, small: Path, tmp_path: Path
    ) -> None:
        with Store.open(small) as store:
            store.nack([store.receive("emails")[0].receipt or ""])
        target = str(tmp_path / "new.db")
        assert "loss deliveries: queue emails (1 message)" in call_mq("migrate", target).err
        refused = call_mq("migrate", target, "--apply")
        assert refused.is_refused(2)
        assert "--allow-loss deliveries" in refused.err
        assert call_mq("migrate", target, "--apply", "--allow-loss", "deliveries").code == 0


@pytest.mark.usefixtures("small")
def test_after_the_switch_to_read_only_the_last_run_copies_the_rest(
    call_mq: RunMq, small: Path, tmp_path: Path
) -> None:
    target = tmp_path / "new.db"
    call_mq("migrate", str(target), "--apply")
    call_mq("produce", "orders", "late")
    call_mq("store", "set", "read-only", "yes")
    run = call_mq("migrate", str(target), "--apply", "-o", "json")
    assert [part["copied"] for part in json.loads(run.out)["parts"]] == [1, 0]
    with Store.open(target) as store:
        assert [record.value for record in store.read("orders")] == [b"a", b"b", b"c", b"late"]


def test_a_copy_that_is_killed_again_and_again_has_every_record_once(
    run_mq: RunMq, path: Path, tmp_path: Path
) -> None:
    seed = int(os.environ.get("MQ_KILL_SEED") or random.randrange(1 << 32))
    print(f"repeat with MQ_KILL_SEED={seed}")
    dice = random.Random(seed)
    fill(path, dice)
    new, back = tmp_path / "new.db", tmp_path / "back.db"

    for kill in range(KILLS):
        point = dice.choice(["migrate.copied", "commit.before", "commit.after"])
        # The first batches create the topology.
        crash = f"{point}:{dice.randint(1, 3) + (2 if kill == 0 else 0)}"
        run = run_mq("migrate", str(new), "--apply", MQ_STORE=str(path), MQ_CRASH_AT=crash)
        assert run.code in {-signal.SIGKILL, 0}, run.err
    assert run_mq("migrate", str(new), "--apply", MQ_STORE=str(path)).code == 0
    assert run_mq("migrate", str(back), "--apply", MQ_STORE=str(new)).code == 0

    with Store.open(path) as before, Store.open(new) as there, Store.open(back) as again:
        expected = contents(before)
        assert sum(map(len, expected)) > RECORDS // 2
        assert contents(there) == expected
        assert contents(again) == expected
        for group in range(GROUPS):
            expected_next = next_records(before, group)
            assert next_records(there, group) == expected_next
            assert next_records(again, group) == expected_next


def fill(path: Path, dice: random.Random) -> None:
    """Fill a compacted topic of eight partitions, with gaps, and set five groups in it."""
    with Store.open(path, create=True, durability="normal") as store:
        store.create_topic("orders", partitions=PARTITIONS, cleanup="compact", compaction_lag=0)
        begin = store.wall() - 2 * RECORDS
        for first in range(0, RECORDS, 1_000):
            store.produce_many(
                "orders",
                [
                    NewRecord(
                        b"%d" % n, b"k%d" % dice.randrange(RECORDS), {"n": n}, begin + n,
                    )
                    for n in range(first, first + 1_000)
                ],
            )  # fmt: skip
        store.compact_topic("orders")
        ends = {p.partition: p.end for p in store.topic("orders").partitions}
        for group in range(GROUPS):
            store.create_group(f"group-{group}", topics=["orders"])
            store.reset_group(
                f"group-{group}",
                {("orders", number): dice.randint(0, end) for number, end in ends.items()},
            )


def contents(store: Store) -> list[list[tuple[object, ...]]]:
    """The records of every partition, without where they are."""
    return [
        [
            (record.timestamp, record.key, record.value, record.headers["n"])
            for record in store.read("orders", number, limit=RECORDS)
        ]
        for number in range(PARTITIONS)
    ]


def next_records(store: Store, group: int) -> list[bytes | None]:
    """The values that a group reads next, by partition; `None` at the end."""
    nexts = []
    for row in store.lag(f"group-{group}"):
        records = store.read("orders", row.partition, row.committed or 0, 1)
        nexts.append(records[0].value if records else None)
    return nexts


def test_each_copy_names_its_offset_at_the_source(
    call_mq: RunMq, small: Path, tmp_path: Path
) -> None:
    call_mq("migrate", str(tmp_path / "new.db"), "--apply")
    with Store.open(tmp_path / "new.db") as store:
        offsets = [record.headers[OFFSET_HEADER] for record in store.read("orders")]
    assert offsets == ["0", "1", "2"]
