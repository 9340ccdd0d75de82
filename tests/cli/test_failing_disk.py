"""A disk that fails, as the command line tells it: calls of the process are made to fail."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from store import Store
from tests.cli.conftest import TIMEOUT, Run, RunMq

Fail = Callable[..., dict[str, str]]
WRITING = [
    "produce orders one",
    "produce emails one",
    "publish events -k new one",
    "consume orders -g billing",
    "consume emails",
    "work orders -g billing --once -- true",
    "work orders -g billing --once -- false",
    "work emails --once -- true",
    "work packers --once -- true",
    "pipe orders copies -g billing --once -- cat",
    "pipe emails copies --once -- cat",
    "project orders rows --pk id",
    "receive emails",
    "receive packers",
    "group reset billing --topic orders --to latest --apply",
    "queue purge emails --yes",
    "queue delete emails --yes",
    "topic trim orders --before 0s --yes",
    "topic create more",
    "store set durability normal",
]


@pytest.fixture
def shop(path: Path) -> Path:
    """A store with ten records in `orders`, ten messages in `emails`, and readers of them."""
    with Store.open(path, create=True) as store:
        store.create_topic("orders")
        store.create_topic("copies")
        store.create_queue("emails")
        store.create_share("packers", "orders")
        store.create_exchange("events", "fanout")
        store.bind("events", "emails")
        store.create_group("billing")
        values = [b'{"id": %d}' % number for number in range(10)]
        store.produce_many("orders", values)
        store.send_many("emails", values)
    return path


@pytest.fixture
def mq(run_mq: RunMq, shop: Path) -> RunMq:
    """Run a line of mq on that store."""

    def run(line: str, **variables: str) -> Run:
        return run_mq(*line.split(), **variables | {"MQ_STORE": str(shop)})

    return run


def counted(path: Path) -> tuple[int, int]:
    """How many records and messages there are."""
    with Store.open(path) as store:
        return store.topic("orders").partitions[0].end, store.queue("emails").messages


@pytest.mark.parametrize("line", WRITING)
def test_a_commit_whose_fsync_fails_is_an_unknown_outcome(mq: RunMq, fail: Fail, line: str) -> None:
    run = mq(line, **fail("sync", errno.EIO, "-wal", 1))

    assert run.code == 6, run.err
    assert "may or may not be stored" in run.err


@pytest.mark.parametrize(
    "line",
    [
        "consume orders -g billing",
        "work orders -g billing --once -- true",
        "pipe orders copies -g billing --once -- cat",
    ],
)
@pytest.mark.parametrize("number", [2, 3])
def test_no_error_of_leaving_the_group_hides_an_unknown_outcome(
    mq: RunMq, fail: Fail, line: str, number: int
) -> None:
    run = mq(line, **fail("sync", errno.EIO, "-wal", number, "+"))

    assert run.code == 6, run.err


@pytest.mark.parametrize("number", range(1, 16))
def test_a_failed_write_stores_nothing_and_names_the_disk_unless_nothing_is_lost_by_it(
    mq: RunMq, fail: Fail, shop: Path, number: int
) -> None:
    run = mq("produce orders one", **fail("write", errno.EIO, "", number))
    stored = counted(shop)[0] - 10

    assert (run.code, stored) in {(7, 0), (0, 1)}, run.err
    assert run.code == 0 or "Input/output error" in run.err


@pytest.mark.parametrize(
    ("number", "error"),
    [(n, errno.EDQUOT if n % 3 == 0 else errno.ENOSPC) for n in range(1, 16)],
)
def test_a_disk_or_quota_without_room_is_a_full_store(
    mq: RunMq, fail: Fail, shop: Path, error: int, number: int
) -> None:
    run = mq("produce orders one", **fail("write", error, "", number, "+"))
    stored = counted(shop)[0] - 10

    assert (run.code, stored) in {(5, 0), (0, 1)}, run.err
    assert run.code == 0 or f": {os.strerror(error)}" in run.err or "no room left" in run.err


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_backup_of_a_store_whose_files_can_not_be_opened_names_the_disk(
    mq: RunMq, fail: Fail, tmp_path: Path, number: int
) -> None:
    run = mq(f"backup {tmp_path}/copy.db", **fail("open", errno.EIO, "-wal", number, "+"))

    assert (run.code, "Input/output error" in run.err) in {(7, True), (0, False)}, run.err


@pytest.mark.parametrize("line", ["peek orders", "consume orders -g billing", "receive emails"])
@pytest.mark.parametrize("number", [1, 5, 10])
def test_a_disk_that_can_not_be_read_is_named(
    mq: RunMq, fail: Fail, line: str, number: int
) -> None:
    run = mq(line, **fail("read", errno.EIO, "", number, "+"))

    assert run.code == 7
    assert "Input/output error" in run.err


def test_the_failed_disk_has_a_code_of_its_own_in_json(mq: RunMq, fail: Fail) -> None:
    run = mq("-o json peek orders", **fail("read", errno.EIO, "", 10, "+"))

    assert json.loads(run.err)["error"]["code"] == "device_error"


def test_a_limit_of_file_sizes_is_a_full_store_and_named(
    shop: Path, environment: dict[str, str]
) -> None:
    limit = shop.stat().st_size + (64 << 10)
    with Store.open(shop) as store:
        store.create_topic("large", max_message=4 << 20)
    run = under(f"ulimit -f {limit >> 10}", "produce large -f -", shop, environment, b"x" * limit)

    assert run.code == 5, run.err
    assert "ulimit -f" in run.err


@pytest.mark.parametrize("most", range(6, 15, 2))
@pytest.mark.parametrize(
    "line", ["produce orders one", "work emails --once -- true", "backup copy.db", "init new.db"]
)
def test_too_many_open_files_are_no_matter_of_permissions(
    shop: Path, environment: dict[str, str], line: str, most: int
) -> None:
    run = under(f"ulimit -n {most}", line, shop, environment)

    assert run.code == 0 or "Too many open files" in run.err, run.err
    assert "writable" not in run.err
    assert "bug" not in run.err


def under(
    limit: str, line: str, shop: Path, environment: dict[str, str], stdin: bytes = b""
) -> Run:
    """Run a line of mq in a shell that sets a limit first."""
    done = subprocess.run(
        ["bash", "-c", f'{limit}; exec "$0" -m mq "$@"', sys.executable, *line.split()],
        input=stdin,
        capture_output=True,
        cwd=shop.parent,
        env=environment | ({} if line.startswith("init") else {"MQ_STORE": str(shop)}),
        timeout=TIMEOUT,
    )
    return Run(done.returncode, done.stdout, done.stderr.decode())
