"""`mq work`: a command once per message, whose exit code decides."""

from __future__ import annotations

import json
import math
import os
import signal
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

import pytest

from mq.work.worker import OnFailure, Policy
from store import NewRecord, Store
from store.model.topics import Headers

if TYPE_CHECKING:
    from tests.cli.conftest import RunMq, StartMq

PATIENCE = 60.0
ONCE = ["work", "jobs", "--once"]


@pytest.fixture
def store(path: Path) -> Store:
    """Three messages in the queue jobs, five records in each partition of orders."""
    with Store.open(path, create=True, durability="normal") as store:
        store.create_queue("dead")
        store.create_queue("jobs", dlq="dead", max_deliveries=2)
        for number in range(3):
            store.send("jobs", f"job {number}", key=f"k{number}")
        store.create_topic("orders", partitions=2)
        store.produce_many("orders", [NewRecord(b"%d" % n, partition=n % 2) for n in range(10)])
    return store


def sizes(path: Path, queue: str = "jobs") -> tuple[int, int | None, int | None]:
    """How many messages of the queue are ready, leased and delayed."""
    with Store.open(path) as store:
        status = store.queue(queue)
        return status.ready, status.leased, status.delayed


def committed(path: Path, group: str = "g") -> list[int]:
    with Store.open(path) as store:
        return [row.committed or 0 for row in store.lag(group)]


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def wait_for_lines(path: Path, number: int = 1) -> list[str]:
    """The lines of a file that other processes are about to write."""
    deadline = monotonic() + PATIENCE
    while len(lines(path)) < number or not path.read_text().endswith("\n"):
        assert monotonic() < deadline, f"{path.name} has {lines(path)}"
        os.sched_yield()
    return lines(path)


def is_there(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    try:
        return stat.read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def wait_until_gone(pid: int) -> None:
    deadline = monotonic() + PATIENCE
    while is_there(pid):
        assert monotonic() < deadline, f"{pid} goes on"
        os.sched_yield()


# What a run does.


def test_each_value_is_the_stdin_of_one_run_and_is_acknowledged(
    call_mq: RunMq, store: Store, path: Path
) -> None:
    run = call_mq(*ONCE, "--", "sh", "-c", "cat; echo")

    assert (run.code, run.text, run.err) == (0, "job 0\njob 1\njob 2\n", "")
    assert sizes(path) == (0, 0, 0)
    with Store.open(path) as again:
        assert again.queue("jobs").acknowledged == 3


def test_the_environment_tells_what_the_message_is(
    call_mq: RunMq, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Store.open(path, create=True) as store:
        store.create_queue("jobs")
        headers: Headers = {"trace-id": "a b", "n": 1, "ok": True, "none": None, "nul": "\0"}
        sent = store.send("jobs", "v", key="the key", headers=headers)
    monkeypatch.setenv("MQ_HEADER_OF_AN_OUTER_RUN", "1")
    for name in [name for name in os.environ if name.startswith("MQ_TEST_")]:
        monkeypatch.delenv(name)

    found = call_mq(*ONCE, "--", "env").text.splitlines()

    ours = dict(line.split("=", 1) for line in found if line.startswith("MQ_"))
    assert ours.pop("MQ_RECEIPT")
    assert ours == {
        "MQ_ADDRESS": "jobs@0",
        "MQ_QUEUE": "jobs",
        "MQ_ID": sent.id,
        "MQ_KEY": "the key",
        "MQ_DELIVERIES": "1",
        "MQ_STORE": str(path),
        "MQ_HEADER_TRACE_ID": "a b",
        "MQ_HEADER_N": "1",
        "MQ_HEADER_OK": "true",
        "MQ_HEADER_NONE": "",
    }


def test_the_environment_tells_what_the_record_is(call_mq: RunMq, store: Store, path: Path) -> None:
    words = ["work", "orders", "-g", "g", "--once", "--", "sh", "-c"]
    run = call_mq(*words, "echo $MQ_ADDRESS $MQ_TOPIC $MQ_PARTITION $MQ_OFFSET $MQ_DELIVERIES")

    assert "orders/1@4 orders 1 4 1" in run.text.splitlines()
    assert len(run.text.splitlines()) == 10


def test_a_value_larger_than_a_pipe_holds_may_be_left_unread(call_mq: RunMq, path: Path) -> None:
    with Store.open(path, create=True) as store:
        store.create_queue("jobs")
        store.send("jobs", b"x" * 900_000)

    assert call_mq(*ONCE, "--", "true").code == 0
    assert sizes(path) == (0, 0, 0)


def test_what_a_command_says_on_stderr_is_passed_on(call_mq: RunMq, store: Store) -> None:
    assert call_mq(*ONCE, "--", "sh", "-c", "echo note >&2").err == "note\n" * 3


# What a failure does.


@pytest.mark.parametrize(
    ("script", "error"),
    [
        ("echo first >&2; echo no disk >&2; echo >&2; exit 3", "no disk"),
        ("exit 3", "exit status 3"),
        ("kill -9 $$", "killed by SIGKILL"),
        ("head -c 5000 /dev/zero | tr '\\0' x >&2; exit 1", "x" * 1000),
    ],
)
def test_the_dead_letter_tells_why_the_command_failed(
    call_mq: RunMq, store: Store, script: str, error: str
) -> None:
    assert call_mq(*ONCE, "--on-failure", "dead-letter", "--", "sh", "-c", script).code == 1

    peeked = call_mq("dlq", "peek", "dead", "-o", "ndjson").text.splitlines()
    assert [json.loads(line)["dead"]["error"] for line in peeked] == [error] * 3
    assert {json.loads(line)["dead"]["reason"] for line in peeked} == {"rejected"}


def test_a_failed_message_is_tried_again_until_its_last_delivery(
    start_mq: StartMq, store: Store, path: Path
) -> None:
    tries = path.with_name("tries")
    running = start_mq(
        "work", "jobs", "--retry-delay", "100ms", "--", "sh", "-c",
        f'echo "$MQ_ADDRESS $MQ_DELIVERIES" >> {tries}; [ $MQ_ADDRESS != jobs@1 ]',
    )  # fmt: skip
    wait_for_lines(tries, 4)
    with Store.open(path) as again:
        while not again.dead_letters("dead"):
            again.wait(again.changed(), PATIENCE)
    running.interrupt(signal.SIGTERM)

    assert running.end().code == 0
    assert sorted(lines(tries)) == ["jobs@0 1", "jobs@1 1", "jobs@1 2", "jobs@2 1"]
    assert sizes(path) == (0, 0, 0)


def test_the_retry_delay_doubles_up_to_an_hour() -> None:
    policy = Policy(["true"], 1, 1, math.inf, 1.5, OnFailure.RETRY, once=False)

    assert [policy.delay(number) for number in (1, 2, 3, 4)] == [1.5, 3.0, 6.0, 12.0]
    assert policy.delay(2000) == 3600.0


def test_the_queues_own_retry_delays_count_unless_one_is_given(
    call_mq: RunMq, store: Store, path: Path
) -> None:
    with Store.open(path) as again:
        again.alter_queue("jobs", retry_delays=[0])
    assert call_mq(*ONCE, "--", "false").code == 1
    assert sizes(path) == (3, 0, 0)

    with Store.open(path) as again:
        again.alter_queue("jobs", max_deliveries=9)
    assert call_mq(*ONCE, "--retry-delay", "1h", "--", "false").code == 1
    assert sizes(path) == (0, 0, 3)


def test_skip_acknowledges_what_failed_with_a_warning(
    call_mq: RunMq, store: Store, path: Path
) -> None:
    run = call_mq(*ONCE, "--on-failure", "skip", "--", "false")

    assert run.code == 1
    assert "mq: warning: jobs@0 failed and is skipped: exit status 1\n" in run.err
    assert sizes(path) == (0, 0, 0)


def test_stop_gives_back_and_ends_with_1(call_mq: RunMq, store: Store, path: Path) -> None:
    script = "[ $MQ_ADDRESS != jobs@1 ]"
    run = call_mq(
        "work", "jobs", "--prefetch", "3", "--on-failure", "stop", "--", "sh", "-c", script
    )

    assert (run.code, run.err) == (1, "mq: error: jobs@1 failed: exit status 1\n")
    assert sizes(path) == (2, 0, 0)


def test_once_tries_each_message_once_and_says_that_some_failed(
    call_mq: RunMq, store: Store, path: Path
) -> None:
    tries = path.with_name("tries")
    script = f"echo $MQ_ADDRESS >> {tries}; [ $MQ_ADDRESS != jobs@0 ]"
    run = call_mq(*ONCE, "--retry-delay", "0s", "--", "sh", "-c", script)

    assert run.code == 1
    assert run.err.endswith("mq: error: 1 of 3 runs failed\n")
    assert lines(tries) == ["jobs@0", "jobs@1", "jobs@2"]
    assert sizes(path) == (1, 0, 0)


def test_a_fifo_queue_keeps_the_order_of_a_message_group(call_mq: RunMq, path: Path) -> None:
    with Store.open(path, create=True) as store:
        store.create_queue("jobs", fifo=True)
        for number in range(6):
            group = "ab"[number % 2]
            store.send("jobs", str(number), message_group=group, dedup_id=str(number))
    done = path.with_name("done")

    script = f'read -r n; echo "$n begins" >> {done}; echo "$n ends" >> {done}'
    assert call_mq(*ONCE, "--jobs", "4", "--", "sh", "-c", script).code == 0
    for members in ("024", "135"):
        expected = [f"{n} {what}" for n in members for what in ("begins", "ends")]
        assert [line for line in lines(done) if line[0] in members] == expected


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("jobs -- no-such-command", 2),
        ("jobs -- ./store.db", 2),
        ("jobs", 2),
        ("jobs -g g -- true", 2),
        ("orders -- true", 2),
        ("orders -g g --on-failure dead-letter -- true", 2),
        ("dead --on-failure dead-letter -- true", 2),
        ("jobs --prefetch 2001 -- true", 2),
        ("jobs --jobs 0 -- true", 2),
        ("jobs --command-timeout 0s -- true", 2),
        ("jobs --on-failure pray -- true", 2),
        ("nothing -- true", 3),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_leased(
    call_mq: RunMq, store: Store, path: Path, words: str, code: int
) -> None:
    assert call_mq("work", *words.split()).is_refused(code)
    with Store.open(path) as again:
        assert again.messages("jobs")[0].deliveries == 0


def test_a_script_that_can_not_be_run_gives_the_message_back(
    call_mq: RunMq, store: Store, path: Path
) -> None:
    script = path.with_name("script")
    script.write_text("#!/no/such/interpreter\n")
    script.chmod(0o755)

    assert call_mq(*ONCE, "--", str(script)).is_refused(2)
    assert sizes(path) == (3, 0, 0)


def test_a_key_too_long_for_an_environment_fails_only_its_message(
    call_mq: RunMq, path: Path
) -> None:
    with Store.open(path, create=True) as store:
        store.create_queue("jobs")
        store.send("jobs", "a", key="x" * 200_000)
        store.send("jobs", "b")

    run = call_mq(*ONCE, "--on-failure", "skip", "--", "cat")
    assert (run.code, run.text) == (1, "b")
    assert "too long for an environment" in run.err


# Several at once, and for long.


def test_jobs_run_at_the_same_time(start_mq: StartMq, store: Store, path: Path) -> None:
    fifo = path.with_name("fifo")
    os.mkfifo(fifo)
    with Store.open(path) as again:
        again.receive("jobs")
    script = f"if [ $MQ_ADDRESS = jobs@1 ]; then echo met > {fifo}; else cat {fifo}; fi"

    run = start_mq(*ONCE, "--jobs", "2", "--command-timeout", "20s", "--", "sh", "-c", script).end()
    assert (run.code, run.text) == (0, "met\n")


def test_no_more_is_leased_than_prefetch_says(start_mq: StartMq, store: Store, path: Path) -> None:
    begun = path.with_name("begun")
    script = f"echo yes >> {begun}; exec sleep 60"
    running = start_mq("work", "jobs", "--prefetch", "2", "--", "sh", "-c", script)
    wait_for_lines(begun)

    assert sizes(path) == (1, 2, 0)
    running.interrupt(signal.SIGTERM)
    with Store.open(path) as again:
        while again.queue("jobs").ready != 2:
            again.wait(again.changed(), PATIENCE)
    running.interrupt(signal.SIGTERM)
    assert running.end().code == 0


def test_unless_told_no_more_is_leased_than_jobs_run(
    start_mq: StartMq, store: Store, path: Path
) -> None:
    script = "echo yes >> begun; exec sleep 60"
    running = start_mq("work", "jobs", "--jobs", "2", "--", "sh", "-c", script)
    wait_for_lines(path.with_name("begun"), 2)
    found = sizes(path)
    # The second one ends the commands as well.
    running.interrupt(signal.SIGTERM)
    running.interrupt(signal.SIGINT)
    running.end()
    assert found == (1, 2, 0)


def test_a_lease_is_renewed_while_the_command_runs(
    start_mq: StartMq, store: Store, path: Path
) -> None:
    begun = path.with_name("begun")
    with Store.open(path) as again:
        again.alter_queue("jobs", lease=1)
        script = f"echo $MQ_ADDRESS >> {begun}; exec sleep 3"
        running = start_mq(*ONCE, "--jobs", "3", "--", "sh", "-c", script)
        wait_for_lines(begun, 3)
        while running.process.poll() is None:
            assert again.receive("jobs", wait=0.05) == []

    assert running.end().code == 0
    assert sorted(lines(begun)) == ["jobs@0", "jobs@1", "jobs@2"]
    assert sizes(path) == (0, 0, 0)


def test_a_timeout_ends_what_the_command_started_too(
    call_mq: RunMq, store: Store, path: Path
) -> None:
    begun = path.with_name("begun")
    script = f"(trap '' TERM; sleep 60 & echo $! >> {begun}; wait) & sleep 60"
    words = ["--jobs", "3", "--command-timeout", "1s", "--on-failure", "dead-letter"]
    call_mq(*ONCE, *words, "--", "sh", "-c", script)

    for line in lines(begun):
        wait_until_gone(int(line))
    assert len(lines(begun)) == 3
    with Store.open(path) as again:
        assert {letter.dead and letter.dead.error for letter in again.dead_letters("dead")} == {
            "timed out after 1s"
        }


@pytest.mark.parametrize(("exists", "verb"), [(False, "create"), (True, "alter")])
def test_dead_letters_of_a_group_without_a_dlq_are_refused_with_the_command_that_gives_it_one(
    call_mq: RunMq, store: Store, path: Path, exists: bool, verb: str
) -> None:
    if exists:
        with Store.open(path) as again:
            again.create_group("g", topics=["orders"])

    run = call_mq("work", "orders", "-g", "g", "--on-failure", "dead-letter", "--", "true")

    assert f"hint: mq group {verb} g " in run.err
