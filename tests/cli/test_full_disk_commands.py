"""A full disk on the command line: each command works, or names the disk."""

from __future__ import annotations

import errno
import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from store import Store, StoreFull
from tests.cli.conftest import Run, RunMq
from tests.support.small_disk import MIB, fill, mounted

WORKING = [
    "receive emails -n 10",
    "consume emails -n 10",
    "consume orders -g billing -n 10",
    "receive packers",
    "work emails --once -- true",
    "work orders -g billing --once -- true",
    "ack RECEIPT",
    "nack RECEIPT",
    "extend RECEIPT --for 60s",
    "lease release emails@0",
    "queue purge emails --yes",
    "queue delete emails --yes",
    "topic trim orders --before latest --yes",
    "topic delete spare --yes",
    "share delete packers --yes",
    "group skip billing orders/0@0",
    "dlq purge graves --yes",
    "vacuum",
    "store set max_bytes 1GiB",
    "peek orders -n 1",
    "status",
    "verify",
    "doctor",
]
STORING = ["produce orders -f -", "produce emails -f -", "publish events -k new -f -"]


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    with mounted(tmp_path / "disk", 6 * MIB) as folder:
        yield folder / "store.db"


@pytest.fixture
def receipt(path: Path) -> str:
    """A store that filled its disk, closed; the receipt of a message."""
    with Store.open(path, create=True) as store:
        for topic in ("orders", "spare"):
            store.create_topic(topic)
        store.create_queue("graves")
        store.create_queue("emails", dlq="graves")
        store.create_share("packers", "orders")
        store.create_exchange("events", "fanout")
        store.bind("events", "emails")
        store.create_group("billing", topics=["orders"])
        store.send_many("emails", [b"%d" % number for number in range(50)])
        held = store.receive("emails", 5, lease=3600)
        store.reject([str(message.receipt) for message in held[1:]])
        with suppress(StoreFull):
            while True:
                store.produce_many("orders", [b"x" * 4000] * 10)
    fill(path.parent)
    return str(held[0].receipt)


@pytest.fixture
def mq(run_mq: RunMq, path: Path, receipt: str) -> Callable[..., Run]:
    """Run a line of mq on that store."""

    def run(line: str, **others: str | bytes) -> Run:
        words = [receipt if word == "RECEIPT" else word for word in line.split()]
        return run_mq(*words, MQ_STORE=str(path), **others)

    return run


@pytest.mark.parametrize("line", WORKING)
def test_a_command_that_frees_room_settles_or_looks_works_on_a_full_disk(
    mq: Callable[..., Run], path: Path, line: str
) -> None:
    assert mq(line).code == 0
    with Store.open(path) as store:
        assert store.verify() == []


@pytest.mark.parametrize("line", STORING)
def test_a_command_that_stores_anything_new_ends_with_5_and_names_the_disk(
    mq: Callable[..., Run], line: str
) -> None:
    run = mq(line, stdin=b"x" * 900_000)

    assert run.code == 5
    assert "No space left on device" in run.err
    assert "mq doctor says how" in run.err


def test_what_the_doctor_says_makes_room_until_senders_go_on(mq: Callable[..., Run]) -> None:
    (finding,) = [
        finding
        for finding in json.loads(mq("-o json doctor --quick").text)
        if finding["code"] == "disk_full"
    ]
    assert finding["do"][0].startswith("mq topic trim orders")
    assert mq("topic trim orders --before latest --yes").code == 0
    assert mq(finding["do"][-1].removeprefix("mq ")).code == 0

    assert mq("produce orders new").code == 0
    assert "disk_full" not in mq("-o json doctor --quick").text


@pytest.mark.parametrize("line", ["receive emails", "queue purge emails --yes"])
def test_where_the_reserve_does_not_help_the_disk_is_named_and_nothing_hangs(
    run_mq: RunMq, tmp_path: Path, fault_library: Path, line: str
) -> None:
    store = tmp_path / "other.db"
    with Store.open(store, create=True) as opened:
        opened.create_queue("emails")
        opened.send_many("emails", [b"1", b"2"])
    wish = f"write,allocate:{errno.ENOSPC}:other.db-wal:1+"
    run = run_mq(*line.split(), MQ_STORE=str(store), MQ_FAULT=wish, LD_PRELOAD=str(fault_library))

    assert run.code == 5
    assert "No space left on device" in run.err
