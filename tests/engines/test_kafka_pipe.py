"""`mq pipe` on Kafka: outputs and offsets are one transaction, whatever is killed when."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress

import pytest

from store import Fenced, NewRecord, NotFound, Unsupported, open_place
from store.engine.broker import Broker
from tests.support import kafka_server

pytestmark = pytest.mark.xdist_group("kafka")

POINTS = ("pipe.polled", "pipe.ran", "kafka.commit", "kafka.committed")
BATCH = 5
# The member that is killed is static, and keeps its partitions as long.
SHORT = ("--session-timeout", "6s")


@pytest.fixture(scope="module")
def cluster() -> Iterator[tuple[str, Broker]]:
    """The cluster, and its open place."""
    with kafka_server.emptied() as url, open_place(url) as broker:
        yield url, broker


@pytest.fixture
def broker(cluster: tuple[str, Broker]) -> Broker:
    """The open place."""
    return cluster[1]


def run_mq(url: str, words: Sequence[str], crash: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mq", "-s", url, *words],
        env={**os.environ, "MQ_CRASH_AT": crash}, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("hits", [1, pytest.param(5, marks=pytest.mark.nightly)])
def test_a_pipe_that_is_killed_stores_each_output_once(
    cluster: tuple[str, Broker], hits: int
) -> None:
    url, broker = cluster
    seed = int(os.environ.get("MQ_KILL_SEED") or random.randrange(1 << 32))
    print(f"repeat with MQ_KILL_SEED={seed}")
    dice = random.Random(seed)
    inputs = len(POINTS) * hits * 3 * BATCH
    source, target = f"in-{hits}", f"out-{hits}"
    broker.create_topic(source, partitions=2)
    broker.create_topic(target)
    broker.produce_many(source, [NewRecord(b"%d" % n, partition=n % 2) for n in range(inputs)])
    words = ["pipe", source, target, "-g", source, "--member", "one", "--once", *SHORT]
    filter = ["--batch", str(BATCH), "--", "sed", "s/^/done /"]
    for point in dice.sample([*POINTS] * hits, len(POINTS) * hits):
        run = run_mq(url, [*words, *filter], f"{point}:{dice.randint(1, 3)}")
        assert run.returncode == -signal.SIGKILL, f"{point} was not reached: {run.stderr}"
    last = run_mq(url, [*words, *filter])
    assert (last.returncode, last.stderr) == (0, "")
    outputs = sorted(record.value or b"" for record in broker.read(target, limit=2 * inputs))
    assert outputs == sorted(b"done %d" % number for number in range(inputs))
    assert sum(row.lag for row in broker.lag(source)) <= 2


def test_a_failed_command_stores_nothing(cluster: tuple[str, Broker]) -> None:
    url, broker = cluster
    broker.create_topic("failing")
    broker.create_topic("failing-out")
    broker.produce("failing", b"v")
    run = run_mq(url, ["pipe", "failing", "failing-out", "-g", "failing", "--once", "--", "false"])
    assert run.returncode == 1
    assert broker.read("failing-out") == []
    with pytest.raises(NotFound):
        broker.group("failing")


@pytest.fixture(scope="module")
def topics(cluster: tuple[str, Broker]) -> Broker:
    """Topics `from` and `to`, with three records in the first."""
    _, broker = cluster
    broker.create_topic("from")
    broker.create_topic("to")
    broker.produce_many("from", [b"0", b"1", b"2"])
    return broker


def test_both_count_when_the_block_ends(topics: Broker) -> None:
    with topics.consumer("both", ["from"], timeout=20.0) as member:
        (record,) = member.poll(1, timeout=20.0)
        with topics.transaction() as tx:
            (id,) = tx.produce_many("to", [b"both"])
            tx.commit("both", {("from", 0): record.offset + 1}, member)
            assert topics.read("to", offset=id.offset) == []
        assert topics.record("to", 0, id.offset).value == b"both"
    assert topics.group("both").offsets[0].committed == 1


def test_neither_counts_after_an_error(topics: Broker) -> None:
    with topics.consumer("neither", ["from"], timeout=20.0) as member:
        member.poll(1, timeout=20.0)
        with suppress(ZeroDivisionError), topics.transaction() as tx:
            tx.produce_many("to", [b"neither"])
            tx.commit("neither", {("from", 0): 1}, member)
            raise ZeroDivisionError
        assert b"neither" not in {record.value for record in topics.read("to")}
        assert topics.lag("neither")[0].committed is None


def test_a_partition_of_another_member_is_fenced(topics: Broker) -> None:
    with (
        topics.consumer("fenced", ["from"], timeout=20.0) as member,
        pytest.raises(Fenced),
        topics.transaction() as tx,
    ):
        tx.commit("fenced", {("from", 7): 1}, member)


def test_queues_are_refused_by_name(topics: Broker) -> None:
    with pytest.raises(Unsupported, match="queues"), topics.transaction() as tx:
        tx.send_many("to", [])
