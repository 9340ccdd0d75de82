"""`mq work`, interrupted and killed, and its work on a topic."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

import pytest

from store import NewMessage, Store
from tests.cli.test_work import (
    PATIENCE,
    committed,
    is_there,
    lines,
    sizes,
    store,
    wait_for_lines,
    wait_until_gone,
)

if TYPE_CHECKING:
    from tests.cli.conftest import RunMq, StartMq

__all__ = ["store"]

TOPIC_ONCE = ["work", "orders", "-g", "g", "--once"]
SLOW = "echo $$ >> begun; while [ ! -e go ]; do sleep 0.05; done; echo $MQ_ADDRESS >> ended"


def wait_for_sizes(path: Path, wanted: tuple[int, int, int]) -> None:
    with Store.open(path) as store:
        deadline = monotonic() + PATIENCE
        while sizes(path) != wanted:
            assert monotonic() < deadline, f"jobs has {sizes(path)}"
            store.wait(store.changed(), 1.0)


# Signals.


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_signal_lets_what_runs_finish_and_gives_back_the_rest_at_once(
    start_mq: StartMq, store: Store, path: Path, number: signal.Signals, code: int
) -> None:
    running = start_mq("work", "jobs", "--prefetch", "3", "--", "sh", "-c", SLOW)
    wait_for_lines(path.with_name("begun"))
    assert sizes(path) == (0, 3, 0)
    running.interrupt(number)
    wait_for_sizes(path, (2, 1, 0))
    path.with_name("go").touch()

    assert running.end().code == code
    assert lines(path.with_name("ended")) == ["jobs@0"]
    assert sizes(path) == (2, 0, 0)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_an_idle_worker_ends_at_a_signal(
    start_mq: StartMq, store: Store, path: Path, number: signal.Signals, code: int
) -> None:
    begun = path.with_name("begun")
    running = start_mq("work", "jobs", "--", "sh", "-c", "echo yes >> begun")
    wait_for_lines(begun, 3)
    wait_for_sizes(path, (0, 0, 0))
    running.interrupt(number)

    assert running.end().code == code


def test_a_second_signal_ends_the_command_and_gives_its_message_back(
    start_mq: StartMq, store: Store, path: Path
) -> None:
    running = start_mq("work", "jobs", "--prefetch", "3", "--", "sh", "-c", SLOW)
    (pid,) = wait_for_lines(path.with_name("begun"))
    running.interrupt(signal.SIGTERM)
    wait_for_sizes(path, (2, 1, 0))
    assert is_there(int(pid))
    running.interrupt(signal.SIGTERM)

    assert running.end().code == 0
    wait_until_gone(int(pid))
    assert sizes(path) == (3, 0, 0)
    assert lines(path.with_name("ended")) == []


def test_a_killed_workers_messages_are_back_long_before_their_leases_end(
    start_mq: StartMq, store: Store, path: Path
) -> None:
    with Store.open(path) as again:
        again.alter_queue("jobs", lease=600)
        running = start_mq("work", "jobs", "--prefetch", "3", "--", "sh", "-c", SLOW)
        (pid,) = wait_for_lines(path.with_name("begun"))
        running.process.kill()
        killed = monotonic()
        received: set[str] = set()
        while len(received) < 3:
            received |= {message.id for message in again.receive("jobs", 3, wait=5)}
            assert monotonic() - killed < PATIENCE
    os.killpg(int(pid), signal.SIGKILL)


@pytest.mark.parametrize("fifo", [False, True], ids=["standard", "fifo"])
def test_whoever_looks_or_receives_sees_a_killed_workers_message_ready(
    start_mq: StartMq, call_mq: RunMq, path: Path, fifo: bool
) -> None:
    with Store.open(path, create=True, durability="normal") as again:
        again.create_queue("mails", fifo=fifo, lease=600)
        again.send_many("mails", [NewMessage(f"{n}", message_group="g") for n in range(3)])
        running = start_mq("work", "mails", "--", "sh", "-c", SLOW)
        (pid,) = wait_for_lines(path.with_name("begun"))
        running.process.kill()
        running.process.wait(PATIENCE)
        os.killpg(int(pid), signal.SIGKILL)

    shown = json.loads(call_mq("queue", "show", "mails", "-o", "json").text)
    assert [shown[state] for state in ("ready", "leased", "delayed", "blocked")] == [3, 0, 0, 0]
    assert json.loads(call_mq("lease", "list", "mails", "-o", "json").text) == []
    assert json.loads(call_mq("stalls", "--over", "0s", "-o", "json").text) == []
    peeked = call_mq("peek", "mails", "-o", "ndjson").text.splitlines()
    assert [json.loads(line)["state"] for line in peeked] == ["ready"] * 3
    (row,) = json.loads(call_mq("queue", "list", "-o", "json").text)
    assert (row["ready"], row["leased"]) == (3, 0)
    received = json.loads(call_mq("receive", "mails").text)
    assert (received["value"], received["deliveries"]) == ("0", 2)


@pytest.mark.parametrize(
    "point", ["work.taken:2", "work.ran:2", "commit.before:3", "commit.after:3"]
)
def test_a_killed_worker_loses_nothing_and_acknowledges_each_message_once(
    run_mq: RunMq, store: Store, path: Path, point: str
) -> None:
    words = ["work", "jobs", "--", "sh", "-c", "echo $MQ_ADDRESS >> done"]
    killed = run_mq(*words, MQ_STORE=str(path), MQ_CRASH_AT=point)
    assert killed.code == -signal.SIGKILL

    # In place of the one that was killed another one goes on at once.
    while sizes(path) != (0, 0, 0):
        run_mq("work", "jobs", "--once", *words[2:], MQ_STORE=str(path))
    with Store.open(path) as again:
        assert again.queue("jobs").acknowledged == 3
        assert again.verify() == []
    assert set(lines(path.with_name("done"))) == {"jobs@0", "jobs@1", "jobs@2"}


# A topic, as a group.


def test_each_partition_is_worked_on_in_order_and_committed(
    start_mq: StartMq, store: Store, path: Path
) -> None:
    script = "echo $MQ_ADDRESS >> begun; echo $MQ_ADDRESS >> begun"
    assert start_mq(*TOPIC_ONCE, "--jobs", "2", "--", "sh", "-c", script).end().code == 0

    found = lines(path.with_name("begun"))
    for number in (0, 1):
        expected = [f"orders/{number}@{offset}" for offset in range(5) for _ in range(2)]
        assert [line for line in found if line.startswith(f"orders/{number}")] == expected
    assert committed(path) == [5, 5]


def test_two_partitions_are_worked_on_at_the_same_time(
    start_mq: StartMq, store: Store, path: Path
) -> None:
    # One for each pair of records: a writer must not meet the reader of the pair before.
    for offset in range(5):
        os.mkfifo(path.with_name(f"fifo{offset}"))
    script = "if [ $MQ_PARTITION = 0 ]; then echo met > fifo$MQ_OFFSET; else cat fifo$MQ_OFFSET; fi"
    words = ["--jobs", "2", "--command-timeout", "20s"]
    run = start_mq(*TOPIC_ONCE, *words, "--", "sh", "-c", script).end()

    assert (run.code, run.text) == (0, "met\n" * 5)


def test_a_record_that_failed_holds_up_its_partition_only(
    call_mq: RunMq, store: Store, path: Path
) -> None:
    run = call_mq(*TOPIC_ONCE, "--", "sh", "-c", "[ $MQ_ADDRESS != orders/1@2 ]")

    assert run.code == 1
    assert "orders/1@2 failed: exit status 1" in run.err
    assert committed(path) == [5, 2]


def test_a_record_that_failed_is_tried_again_before_those_behind_it(
    start_mq: StartMq, store: Store, path: Path
) -> None:
    script = (
        'echo "$MQ_ADDRESS $MQ_DELIVERIES" >> tries; [ $MQ_ADDRESS$MQ_DELIVERIES != orders/0@21 ]'
    )
    running = start_mq(
        "work", "orders", "-g", "g", "--retry-delay", "100ms", "--", "sh", "-c", script
    )
    found = wait_for_lines(path.with_name("tries"), 11)
    with Store.open(path) as again:
        while committed(path) != [5, 5]:
            again.wait(again.changed(), PATIENCE)
    running.interrupt(signal.SIGTERM)

    assert running.end().code == 0
    expected = ["0@0 1", "0@1 1", "0@2 1", "0@2 2", "0@3 1", "0@4 1"]
    assert [line for line in found if line.startswith("orders/0")] == [
        f"orders/{line}" for line in expected
    ]


def test_deliveries_count_on_in_the_next_run(call_mq: RunMq, store: Store) -> None:
    words = [*TOPIC_ONCE, "--", "sh", "-c", "echo $MQ_DELIVERIES; false"]

    assert [call_mq(*words).text for _ in range(2)] == ["1\n1\n", "2\n2\n"]


@pytest.mark.parametrize("words", [[], ["--on-failure", "dead-letter"]])
def test_the_groups_dlq_gets_what_failed_too_often_or_at_once_if_asked(
    call_mq: RunMq, store: Store, path: Path, words: list[str]
) -> None:
    with Store.open(path) as again:
        again.create_group("g", max_deliveries=1 if not words else 7, dlq="dead")
    script = "echo bad record >&2; [ $MQ_ADDRESS != orders/1@2 ]"

    assert call_mq(*TOPIC_ONCE, *words, "--", "sh", "-c", script).code == 1
    assert committed(path) == [5, 5]
    (letter,) = map(json.loads, call_mq("dlq", "peek", "dead", "-o", "ndjson").text.splitlines())
    assert letter["dead"] | {
        "source": "orders/1@2", "error": "bad record", "deliveries": 1,
        "reason": "rejected" if words else "max_deliveries",
    } == letter["dead"]  # fmt: skip


def test_skip_commits_past_what_failed(call_mq: RunMq, store: Store, path: Path) -> None:
    assert call_mq(*TOPIC_ONCE, "--on-failure", "skip", "--", "false").code == 1
    assert committed(path) == [5, 5]


def test_stop_commits_nothing_of_what_failed(call_mq: RunMq, store: Store, path: Path) -> None:
    script = "[ $MQ_OFFSET != 2 ]"
    run = call_mq("work", "orders", "-g", "g", "--on-failure", "stop", "--", "sh", "-c", script)

    assert run.code == 1
    assert max(committed(path)) == 2


def test_a_signal_lets_a_record_finish_and_leaves_the_group(
    start_mq: StartMq, store: Store, path: Path
) -> None:
    running = start_mq("work", "orders", "-g", "g", "--", "sh", "-c", SLOW)
    wait_for_lines(path.with_name("begun"))
    running.interrupt(signal.SIGTERM)
    path.with_name("go").touch()

    assert running.end().code == 0
    assert sum(committed(path)) == len(lines(path.with_name("ended"))) == 1
    with Store.open(path) as again:
        assert again.group("g").state == "empty"


def test_once_leaves_alone_what_was_appended_since(
    call_mq: RunMq, store: Store, path: Path
) -> None:
    script = f"echo $MQ_ADDRESS; {sys.executable} -m mq produce orders new -P $MQ_PARTITION"
    assert call_mq(*TOPIC_ONCE, "--", "sh", "-c", script).text.count("orders/") == 10
    assert committed(path) == [5, 5]
