"""A worker that waits to try again goes on as soon as what it waits for is settled otherwise."""

from __future__ import annotations

import math
import signal
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

import pytest

from mq.read.partitions import Pauses
from store import NewRecord, Position, Store
from store.model.addresses import parse_address
from store.topology.reading import TopologyFile
from tests.cli.conftest import more_of
from tests.cli.test_work import PATIENCE, committed, wait_for_lines

if TYPE_CHECKING:
    from tests.cli.conftest import Running, StartMq

# Far longer than a test waits for anything.
LONG = ["--retry-delay", "1h"]
SCRIPT = "echo $MQ_ADDRESS >> begun; [ $MQ_ADDRESS != {poison} ]"


@pytest.fixture
def topic(path: Path) -> Path:
    """A compacted topic o whose first record is poison to the group g."""
    with Store.open(path, create=True, durability="normal") as store:
        store.create_queue("dead")
        store.create_topic("o", cleanup="compact,delete")
        store.create_group("g", topics=["o"])
        store.produce_many("o", [NewRecord("0", key="a"), NewRecord("1", key="b")])
    return path


def worker(start_mq: StartMq, path: Path, source: str, poison: str) -> Running:
    """A worker that has failed at the poison and waits for an hour."""
    script = SCRIPT.format(poison=poison)
    running = start_mq("work", *source.split(), *LONG, "--", "sh", "-c", script)
    wait_for_lines(path.with_name("begun"))
    seen = b""
    while b"failed: exit status 1\n" not in seen:
        seen += more_of(running.stderr)
    with Store.open(path) as store:
        deadline = monotonic() + PATIENCE
        while store.kind("o") != "topic" and store.leases("o"):
            assert monotonic() < deadline, "the failure is not stored"
            store.wait(store.changed(), 0.1)
    return running


def skip(store: Store) -> None:
    store.skip("g", parse_address("o/0@0"))


def skip_to_dlq(store: Store) -> None:
    store.skip("g", parse_address("o/0@0"), "dead")


def trim(store: Store) -> None:
    store.trim("o", Position("offset", 1))


def shrink(store: Store) -> None:
    store.alter_topic("o", retention_bytes=1)
    store.produce_many("o", [NewRecord("2", key="c")])


def compact(store: Store) -> None:
    store.produce_many("o", [NewRecord("2", key="a"), NewRecord("3", key="c")])
    store.compact_topic("o")


def lower_limit(store: Store) -> None:
    store.alter_group("g", max_deliveries=1, dlq="dead")


def lower_limit_by_topology(store: Store) -> None:
    limits = "{max_deliveries: 1, dlq: dead, topics: [o]}"
    store.apply([TopologyFile("mq.yaml", f"version: 1\ngroups:\n  g: {limits}\n".encode())])


@pytest.mark.parametrize(
    "settle",
    [skip, skip_to_dlq, trim, shrink, compact, lower_limit, lower_limit_by_topology],
)
def test_a_group_goes_on_when_its_record_is_settled_otherwise(
    start_mq: StartMq, topic: Path, settle: Callable[[Store], None]
) -> None:
    running = worker(start_mq, topic, "o -g g", "o/0@0")
    with Store.open(topic) as store:
        settle(store)

    first, second = wait_for_lines(topic.with_name("begun"), 2)[:2]
    assert first == "o/0@0"
    assert second != first
    running.interrupt(signal.SIGTERM)
    assert running.end().code == 0


def test_a_forced_reset_ends_a_worker_that_waits(start_mq: StartMq, topic: Path) -> None:
    running = worker(start_mq, topic, "o -g g", "o/0@0")
    with Store.open(topic) as store:
        store.reset_group("g", Position("latest"), [("o", None)], force=True)

    run = running.end()
    assert run.code == 4
    assert "was dropped from group g" in run.err


def test_other_commits_do_not_cut_the_wait_short(topic: Path) -> None:
    place = ("o", 0)
    with Store.open(topic) as store, store.consumer("g", ["o"]) as consumer:
        consumer.fail(consumer.poll(1)[0], "no")
        pauses = Pauses(store, consumer)
        pauses.wait(place, 0, 3600)
        store.produce_many("o", [NewRecord("2", key="c")])
        store.alter_group("g", max_lag=5)

        assert 0 < pauses.seconds_left() <= 1
        assert place in pauses
        assert consumer.poll(1, 0, paused=pauses) == []
        trim(store)
        assert pauses.seconds_left() == math.inf
        assert place not in pauses


def test_a_record_that_is_skipped_while_it_runs_is_not_run_again(
    start_mq: StartMq, topic: Path
) -> None:
    with Store.open(topic) as store:
        store.create_topic("p")
        store.produce("p", "0")
    script = (
        "echo $MQ_ADDRESS >> begun;"
        " if [ $MQ_ADDRESS = o/0@0 ]; then while [ ! -e go ]; do sleep 0.02; done; exit 1; fi"
    )
    words = ["--retry-delay", "0s", "--jobs", "2"]
    running = start_mq("work", "o", "-g", "g", *words, "--", "sh", "-c", script)
    wait_for_lines(topic.with_name("begun"))
    with Store.open(topic) as store:
        skip(store)
    topic.with_name("go").touch()

    assert wait_for_lines(topic.with_name("begun"), 2) == ["o/0@0", "o/0@1"]
    running.interrupt(signal.SIGTERM)
    assert running.end().code == 0
    assert committed(topic) == [2]


# Queues and shares wait in the store, where any commit is noticed.


def release_message(store: Store) -> None:
    store.release("o", 0)


def purge(store: Store) -> None:
    store.purge_queue("o")
    store.send("o", "new", message_group="g")


def purge_unleased(store: Store) -> None:
    store.purge_queue("o", keep_leased=True)
    store.send("o", "new", message_group="g")


def lower_limit_of_queue(store: Store) -> None:
    store.send("o", "new", message_group="g")
    store.alter_queue("o", max_deliveries=1, drop_exhausted=True)


@pytest.mark.parametrize("settle", [release_message, purge, purge_unleased, lower_limit_of_queue])
@pytest.mark.parametrize("fifo", [False, True], ids=["standard", "fifo"])
def test_a_queue_goes_on_when_its_message_is_settled_otherwise(
    start_mq: StartMq, path: Path, settle: Callable[[Store], None], fifo: bool
) -> None:
    with Store.open(path, create=True, durability="normal") as store:
        store.create_queue("o", fifo=fifo)
        store.send("o", "0", message_group="g")
        running = worker(start_mq, path, "o", "o@0")
        settle(store)

    assert len(wait_for_lines(path.with_name("begun"), 2)) == 2
    running.interrupt(signal.SIGTERM)
    assert running.end().code == 0


def release_record(store: Store) -> None:
    store.release_record(parse_address("t/0@0"))


def reset_share(store: Store) -> None:
    store.reset_share("o", Position("earliest"))


@pytest.mark.parametrize("settle", [release_record, reset_share])
def test_a_share_goes_on_when_its_record_is_ready_again(
    start_mq: StartMq, path: Path, settle: Callable[[Store], None]
) -> None:
    with Store.open(path, create=True, durability="normal") as store:
        store.create_topic("t")
        store.create_share("o", "t")
        store.produce("t", "0")
        running = worker(start_mq, path, "o", "t/0@0")
        settle(store)

    assert wait_for_lines(path.with_name("begun"), 2) == ["t/0@0", "t/0@0"]
    running.interrupt(signal.SIGTERM)
    assert running.end().code == 0


def test_a_share_goes_on_when_a_lower_limit_finishes_its_first_record(
    start_mq: StartMq, path: Path
) -> None:
    with Store.open(path, create=True, durability="normal") as store:
        store.create_topic("t")
        store.create_share("o", "t", max_in_flight=1)
        store.produce_many("t", ["0", "1"])
        running = worker(start_mq, path, "o", "t/0@0")
        store.alter_share("o", max_deliveries=1)

    assert wait_for_lines(path.with_name("begun"), 2) == ["t/0@0", "t/0@1"]
    running.interrupt(signal.SIGTERM)
    assert running.end().code == 0
