"""`mq pipe`: values through a command, outputs and place in one transaction."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

import pytest

from store import NewRecord, Store

if TYPE_CHECKING:
    from tests.cli.conftest import RunMq, StartMq

PATIENCE = 60.0


@pytest.fixture
def store(path: Path) -> Store:
    """Ten records in the topic orders, ten messages in the queue jobs, empty topic out."""
    with Store.open(path, create=True, durability="normal") as store:
        store.create_topic("orders", partitions=2)
        store.produce_many("orders", [NewRecord(b"%d" % n, partition=n % 2) for n in range(10)])
        store.create_queue("jobs")
        for number in range(10):
            store.send("jobs", b"%d" % number)
        store.create_topic("out")
    return store


def values(path: Path, topic: str = "out") -> list[str]:
    with Store.open(path) as store:
        return [(record.value or b"").decode() for record in store.read(topic)]


def committed(path: Path, group: str = "g") -> int:
    with Store.open(path) as store:
        return sum(row.committed or 0 for row in store.lag(group))


def jobs(path: Path) -> tuple[int, int | None]:
    """How many messages of the queue are ready, and how many leased."""
    with Store.open(path) as store:
        status = store.queue("jobs")
        return status.ready, status.leased


def wait_for(path: Path) -> str:
    """The content of a file that another process is about to write."""
    deadline = monotonic() + PATIENCE
    while not (path.exists() and path.read_text().endswith("\n")):
        assert monotonic() < deadline, f"{path.name} was not written"
        os.sched_yield()
    return path.read_text().strip()


FROM_TOPIC = ["pipe", "orders", "out", "-g", "g", "--once"]
FROM_QUEUE = ["pipe", "jobs", "out", "--once"]
SOURCES = pytest.mark.parametrize("words", [FROM_TOPIC, FROM_QUEUE], ids=["topic", "queue"])


@SOURCES
def test_the_output_lines_are_stored(
    call_mq: RunMq, store: Store, path: Path, words: list[str]
) -> None:
    run = call_mq(*words, "-o", "json", "--", "sed", "s/^/n/")

    assert json.loads(run.out) | {"taken": 10, "stored": 10} == json.loads(run.out)
    assert sorted(values(path)) == [f"n{n}" for n in range(10)]


def test_the_offsets_are_committed_and_the_group_is_left(
    call_mq: RunMq, store: Store, path: Path
) -> None:
    call_mq(*FROM_TOPIC, "--", "cat")

    assert committed(path) == 10
    with Store.open(path) as again:
        assert again.group("g").state == "empty"


def test_messages_are_acknowledged(call_mq: RunMq, store: Store, path: Path) -> None:
    call_mq(*FROM_QUEUE, "--", "cat")

    assert jobs(path) == (0, 0)


def test_a_second_run_finds_nothing_to_do(call_mq: RunMq, store: Store, path: Path) -> None:
    call_mq(*FROM_TOPIC, "--", "cat")
    call_mq(*FROM_TOPIC, "--", "cat")

    assert len(values(path)) == 10


def test_outputs_may_go_to_a_queue(call_mq: RunMq, store: Store, path: Path) -> None:
    assert call_mq("pipe", "orders", "jobs", "-g", "g", "--once", "--", "cat").code == 0
    assert jobs(path) == (20, 0)


def test_a_batch_has_at_most_so_many_values(call_mq: RunMq, store: Store, path: Path) -> None:
    call_mq(*FROM_QUEUE, "--batch", "4", "--", "wc", "-l")

    assert [int(value) for value in values(path)] == [4, 4, 2]


@SOURCES
def test_a_command_that_fails_stores_nothing(
    call_mq: RunMq, store: Store, path: Path, words: list[str]
) -> None:
    run = call_mq(*words, "--", "sh", "-c", "cat; echo first >&2; echo last >&2; exit 3")

    assert run.code == 1
    assert run.err == (
        "first\nlast\nmq: error: sh ended with status 3: last; nothing of this batch is stored\n"
    )
    assert values(path) == []
    assert jobs(path) == (10, 0)


def test_batches_before_the_one_that_failed_stay_stored(
    call_mq: RunMq, store: Store, path: Path
) -> None:
    run = call_mq(*FROM_QUEUE, "--batch", "5", "--", "sh", "-c", "read a; echo $a; [ $a = 0 ]")

    assert run.code == 1
    assert values(path) == ["0"]
    assert jobs(path) == (5, 0)


def test_a_failed_attempt_is_noted_with_the_messages(
    call_mq: RunMq, store: Store, path: Path
) -> None:
    call_mq(*FROM_QUEUE, "--", "sh", "-c", "echo no disk >&2; exit 1")

    with Store.open(path) as again:
        (attempt,) = again.history("jobs", again.messages("jobs")[0].sequence)
    assert "no disk" in (attempt.error or "")


def test_a_command_killed_by_a_signal_is_named_with_it(call_mq: RunMq, store: Store) -> None:
    assert "killed by signal 9" in call_mq(*FROM_TOPIC, "--", "sh", "-c", "kill -9 $$").err


def test_a_missing_command_is_bad_input(call_mq: RunMq, store: Store) -> None:
    assert call_mq(*FROM_TOPIC, "--", "no-such-command").is_refused(2)


def test_more_than_a_pipe_holds_goes_through(call_mq: RunMq, store: Store, path: Path) -> None:
    with Store.open(path) as again:
        again.produce_many("orders", [NewRecord(b"x" * 5000) for _ in range(500)])

    assert call_mq(*FROM_TOPIC, "--", "cat").code == 0
    assert len(values(path)) == 510


def test_a_command_that_reads_nothing_is_fine(call_mq: RunMq, store: Store, path: Path) -> None:
    with Store.open(path) as again:
        again.produce_many("orders", [NewRecord(b"x" * 5000) for _ in range(500)])

    assert call_mq(*FROM_TOPIC, "--", "true").code == 0
    assert (values(path), committed(path)) == ([], 510)


def test_a_last_line_needs_no_newline_and_an_empty_line_is_an_output(
    call_mq: RunMq, store: Store, path: Path
) -> None:
    call_mq(*FROM_TOPIC, "--batch", "50", "--", "printf", r"a\n\nb")

    assert values(path) == ["a", "", "b"]


def test_the_command_uses_the_same_store(call_mq: RunMq, store: Store, path: Path) -> None:
    call_mq(*FROM_TOPIC, "--", "sh", "-c", 'echo "$MQ_STORE"')

    assert values(path) == [str(path)]


@SOURCES
def test_a_value_with_a_newline_is_refused_and_what_comes_before_it_is_stored(
    call_mq: RunMq, store: Store, path: Path, words: list[str]
) -> None:
    with Store.open(path) as again:
        again.produce("orders", b"two\nlines", partition=1)
        again.send("jobs", b"two\nlines")

    run = call_mq(*words, "--", "cat")

    assert run.is_refused(2)
    assert f"{words[1]}" in run.err
    assert "newline" in run.err
    assert len(values(path)) == 10


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("orders out -- cat", 2),
        ("jobs out -g g -- cat", 2),
        ("orders orders -g g -- cat", 2),
        ("orders/1 out -g g -- cat", 2),
        ("orders out -g g", 2),
        ("orders out -g g --batch 0 -- cat", 2),
        ("orders ordered -g g -- cat", 2),
        ("orders compacted -g g -- cat", 2),
        ("orders prices -g g -- cat", 3),
        ("prices out -g g -- cat", 3),
    ],
)
def test_what_makes_no_sense_is_refused(
    call_mq: RunMq, store: Store, path: Path, words: str, code: int
) -> None:
    with Store.open(path) as again:
        again.create_queue("ordered", fifo=True)
        again.create_topic("compacted", cleanup="compact")

    assert call_mq("pipe", *words.split()).is_refused(code)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
@pytest.mark.parametrize("words", [FROM_TOPIC[:-1], FROM_QUEUE[:-1]], ids=["topic", "queue"])
def test_a_signal_ends_it_and_the_command_and_stores_nothing(
    start_mq: StartMq, store: Store, path: Path, words: list[str], number: signal.Signals, code: int
) -> None:
    note = path.with_name("pid")
    running = start_mq(*words, "--", "sh", "-c", f"echo $$ > {note}; exec sleep 60")
    command = int(wait_for(note))
    running.interrupt(number)

    assert running.end().code == code
    assert values(path) == []
    assert jobs(path) == (10, 0)
    with pytest.raises(ProcessLookupError):
        os.kill(command, 0)


def test_without_once_it_goes_on_with_what_is_appended(
    start_mq: StartMq, store: Store, path: Path
) -> None:
    done = path.with_name("done")
    running = start_mq(
        *FROM_TOPIC[:-1], "--", "sh", "-c", f"grep -q last && echo yes > {done}; true"
    )
    with Store.open(path) as again:
        again.produce("orders", "last")
        assert wait_for(done) == "yes"
        running.interrupt(signal.SIGTERM)
        assert running.end().code == 0


def test_a_long_command_keeps_its_partitions(start_mq: StartMq, store: Store, path: Path) -> None:
    slow = ["sh", "-c", "sleep 4; cat"]
    begun = path.with_name("begun")
    slow[2] = f"echo yes > {begun}; {slow[2]}"
    running = start_mq(*FROM_TOPIC, "--session-timeout", "3s", "--", *slow)
    wait_for(begun)
    with Store.open(path) as again, again.consumer("g", ["orders"]) as other:
        while running.process.poll() is None:
            assert other.poll(timeout=0.05) == []

    assert running.end().code == 0
    assert sorted(values(path)) == list("0123456789")


def test_a_long_command_keeps_its_leases(start_mq: StartMq, store: Store, path: Path) -> None:
    begun = path.with_name("begun")
    with Store.open(path) as again:
        again.alter_queue("jobs", lease=3)
        running = start_mq(*FROM_QUEUE, "--", "sh", "-c", f"echo yes > {begun}; sleep 4; cat")
        wait_for(begun)
        while running.process.poll() is None:
            assert again.receive("jobs", wait=0.05) == []

    assert running.end().code == 0
    assert sorted(values(path)) == list("0123456789")
