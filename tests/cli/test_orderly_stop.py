"""What a command leased and did not begin goes back as if it had never been delivered."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from threading import Event
from time import monotonic
from typing import TYPE_CHECKING, Any

import pytest

from store import NewMessage, NewRecord, Store
from tests.cli.test_work import wait_for_lines

if TYPE_CHECKING:
    from tests.cli.conftest import Running, Shell, StartMq

PATIENCE = 60.0
NUMBER = 6
SLOW = "cat >> begun; echo >> begun; while [ ! -e go ]; do sleep 0.02; done"
STUBBORN = "trap '' TERM; cat >> begun; echo >> begun; sleep 60 & echo $! >> pids; wait"
KINDS: dict[str, dict[str, Any] | None] = {
    "share": None,
    "standard": {},
    "priorities": {"priorities": 3},
    "fair": {"fair": True},
    "fifo": {"fifo": True},
    "single active": {"single_active": True},
    "retry delays": {"retry_delays": [60]},
    "chaos": {"chaos": "reorder=3,seed=2"},
}


@pytest.fixture(params=KINDS)
def source(path: Path, request: pytest.FixtureRequest) -> str:
    """A source of the kind: six things, each of which may be delivered once, then dies."""
    settings = KINDS[request.param]
    with Store.open(path, create=True, durability="normal") as store:
        store.create_queue("dead", fifo=bool(settings and settings.get("fifo")))
        if settings is None:
            store.create_topic("t")
            store.create_share("jobs", "t", max_deliveries=1, dlq="dead")
            store.produce_many("t", [NewRecord(b"%d" % n) for n in range(NUMBER)])
        else:
            store.create_queue("jobs", max_deliveries=1, dlq="dead", **settings)
            messages = [NewMessage(b"%d" % n, message_group=f"g{n}") for n in range(NUMBER)]
            store.send_many("jobs", messages)
    return str(request.param)


@pytest.fixture
def queue(path: Path) -> Path:
    """A queue `jobs` of messages 0 to 5, each of which may be delivered once."""
    with Store.open(path, create=True, durability="normal") as store:
        store.create_queue("dead")
        store.create_queue("jobs", max_deliveries=1, dlq="dead")
        store.send_many("jobs", [NewMessage(b"%d" % n) for n in range(NUMBER)])
    return path


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def received(path: Path, most: int = 10) -> list[tuple[str, int]]:
    """What comes next, and the how many-th delivery of each that is."""
    with Store.open(path) as store:
        take = store.acquire if store.kind("jobs") == "share" else store.receive
        found = [*take("jobs", most)]
        return [((one.value or b"").decode(), one.deliveries) for one in found]


def dead(path: Path) -> list[str]:
    with Store.open(path) as store:
        return [(message.value or b"").decode() for message in store.messages("dead")]


def until(condition: Callable[[], bool]) -> None:
    deadline = monotonic() + PATIENCE
    while not condition():
        assert monotonic() < deadline, "it did not happen"
        Event().wait(0.01)


def in_hand(path: Path) -> int:
    with Store.open(path) as store:
        return len(store.leases("jobs"))


def work(start_mq: StartMq, path: Path, script: str, *words: str) -> Running:
    """A worker with everything in hand, whose first command runs."""
    running = start_mq("work", "jobs", "--prefetch", "6", *words, "--", "sh", "-c", script)
    wait_for_lines(path.with_name("begun"))
    return running


# mq work.


def test_a_worker_that_is_told_to_end_uses_up_only_what_it_began_and_keeps_the_order(
    start_mq: StartMq, path: Path, source: str
) -> None:
    running = work(start_mq, path, SLOW)
    running.interrupt(signal.SIGTERM)
    path.with_name("go").touch()
    running.end()

    begun = lines(path.with_name("begun"))
    assert len(begun) == 1
    messages = received(path)
    rest = [value for value, _ in messages]
    assert sorted([*begun, *rest]) == [str(n) for n in range(NUMBER)]
    assert {deliveries for _, deliveries in messages} == {1}
    assert dead(path) == []
    if source != "chaos":
        assert rest == [str(n) for n in range(1, NUMBER)]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_every_signal_that_ends_a_worker_lets_it_end_what_it_began(
    start_mq: StartMq, queue: Path, number: signal.Signals
) -> None:
    running = work(start_mq, queue, SLOW)
    running.interrupt(number)
    queue.with_name("go").touch()
    running.end()

    assert received(queue) == [(str(n), 1) for n in range(1, NUMBER)]


def test_a_second_signal_uses_up_what_it_interrupts_and_nothing_else(
    start_mq: StartMq, path: Path, source: str
) -> None:
    running = work(start_mq, path, SLOW)
    running.interrupt(signal.SIGTERM)
    until(lambda: in_hand(path) == 1)
    running.interrupt(signal.SIGINT)
    running.end()

    (begun,) = lines(path.with_name("begun"))
    assert dead(path) == [begun]
    assert len(received(path)) == NUMBER - 1


def test_a_command_that_ignores_the_end_is_killed_with_what_it_started(
    start_mq: StartMq, queue: Path
) -> None:
    running = work(start_mq, queue, STUBBORN)
    (pid,) = wait_for_lines(queue.with_name("pids"))
    # Two of a kind may arrive as one.
    running.interrupt(signal.SIGTERM)
    running.interrupt(signal.SIGHUP)
    assert running.end().code == 0

    # One that has ended has no command line any more, also before its parent asks for it.
    command = Path(f"/proc/{pid}/cmdline")
    until(lambda: not command.exists() or not command.read_bytes())
    assert received(queue) == [(str(n), 1) for n in range(1, NUMBER)]


def test_on_failure_stop_uses_up_only_what_failed(
    start_mq: StartMq, path: Path, source: str
) -> None:
    words = ["--prefetch", "4", "--on-failure", "stop"]
    run = start_mq("work", "jobs", *words, "--", "sh", "-c", "cat; exit 3").end()

    assert run.code == 1
    assert dead(path) == [run.text]
    assert len(received(path)) == NUMBER - 1


def test_a_worker_without_a_dlq_drops_only_what_failed(start_mq: StartMq, path: Path) -> None:
    with Store.open(path, create=True) as store:
        store.create_queue("jobs", max_deliveries=1, drop_exhausted=True)
        store.send_many("jobs", [NewMessage(b"%d" % n) for n in range(4)])
    words = ["--prefetch", "4", "--on-failure", "stop"]
    assert start_mq("work", "jobs", *words, "--", "false").end().code == 1

    with Store.open(path) as store:
        assert store.queue("jobs").dropped == 1
    assert received(path) == [("1", 1), ("2", 1), ("3", 1)]


def test_a_command_that_can_not_be_run_uses_up_nothing(start_mq: StartMq, queue: Path) -> None:
    script = queue.with_name("script")
    script.write_text("#!/no/such/interpreter\n")
    script.chmod(0o755)
    assert start_mq("work", "jobs", "--prefetch", "6", "--", str(script)).end().code == 2

    assert received(queue) == [(str(n), 1) for n in range(NUMBER)]


# mq consume.


def test_a_reader_that_closes_the_pipe_uses_up_only_what_was_written(
    start_mq: StartMq, path: Path
) -> None:
    with Store.open(path, create=True, durability="normal") as store:
        store.create_queue("dead")
        store.create_queue("jobs", max_deliveries=1, dlq="dead")
        store.send_many("jobs", [NewMessage(b"%09d" % n * 9_000) for n in range(20)])
    running = start_mq("consume", "jobs")
    running.stdout.read(1)
    running.stdout.close()
    assert running.end().code == 141

    with Store.open(path) as store:
        first, *_ = store.messages("jobs")
    assert [deliveries for _, deliveries in received(path, 20)] == [1] * (20 - first.sequence)
    assert dead(path) == []


@pytest.mark.parametrize(
    ("words", "number", "code"),
    [
        ([], signal.SIGINT, 130),
        ([], signal.SIGTERM, -signal.SIGTERM),
        (["--follow"], signal.SIGINT, 130),
        (["--follow"], signal.SIGTERM, 0),
        (["--follow"], signal.SIGHUP, 0),
    ],
)
def test_a_consumer_that_is_told_to_end_uses_up_only_what_was_written(
    start_mq: StartMq, path: Path, words: list[str], number: signal.Signals, code: int
) -> None:
    with Store.open(path, create=True, durability="normal") as store:
        store.create_queue("jobs", max_deliveries=1, drop_exhausted=True)
        store.send_many("jobs", [NewMessage(b"%09d" % n * 9_000) for n in range(20)])
    running = start_mq("consume", "jobs", *words)
    running.stdout.read(1)
    running.interrupt(number)
    assert running.process.wait(PATIENCE) == code

    with Store.open(path) as store:
        written = store.queue("jobs").acknowledged or 0
        assert store.queue("jobs").dropped == 0
    assert [deliveries for _, deliveries in received(path, 20)] == [1] * (20 - written)


def test_a_consumer_behind_a_full_disk_uses_up_nothing(queue: Path, shell: Shell) -> None:
    done = shell("mq consume jobs > /dev/full")

    assert done.returncode == 1
    assert b"standard output: No space left on device" in done.stderr
    assert received(queue) == [(str(n), 1) for n in range(NUMBER)]


# mq pipe.


def test_a_pipe_uses_up_nothing_behind_a_value_that_it_refuses(
    start_mq: StartMq, path: Path
) -> None:
    with Store.open(path, create=True) as store:
        store.create_queue("done")
        store.create_queue("dead")
        store.create_queue("jobs", max_deliveries=1, dlq="dead")
        store.send_many("jobs", [NewMessage(value) for value in ("0", "1", "a\nb", "3", "4")])
    assert start_mq("pipe", "jobs", "done", "--once", "--", "cat").end().code == 2

    with Store.open(path) as store:
        assert [message.value for message in store.messages("done")] == [b"0", b"1"]
    assert received(path) == [("3", 1), ("4", 1)]
    assert dead(path) == ["a\nb"]


def test_a_pipe_that_is_told_to_end_before_its_command_began_uses_up_nothing(
    start_mq: StartMq, queue: Path
) -> None:
    with Store.open(queue) as store:
        store.create_queue("done")
    running = start_mq("pipe", "jobs", "done", "--batch", "1", "--", "sh", "-c", SLOW)
    wait_for_lines(queue.with_name("begun"))
    running.interrupt(signal.SIGTERM)
    running.end()

    assert received(queue) == [(str(n), 1) for n in range(1, NUMBER)]


# mq receive.


def test_what_receive_can_not_write_was_never_delivered(
    shell: Shell, path: Path, source: str
) -> None:
    done = shell("mq receive jobs -n 6 > /dev/full")

    assert done.returncode == 1
    assert b"standard output: No space left on device" in done.stderr
    assert in_hand(path) == 0
    assert sorted(received(path)) == [(str(n), 1) for n in range(NUMBER)]


@pytest.mark.parametrize("output", ["-o ndjson", "-o tsv", "-o name", "-o table"])
def test_that_is_so_in_every_format(shell: Shell, queue: Path, output: str) -> None:
    assert shell(f"mq receive jobs {output} > /dev/full").returncode == 1
    assert received(queue) == [(str(n), 1) for n in range(NUMBER)]


def test_a_closed_stdout_takes_nothing_out_of_a_queue(shell: Shell, queue: Path) -> None:
    assert shell("mq receive jobs -n 6 >&-").returncode == 1
    assert received(queue) == [(str(n), 1) for n in range(NUMBER)]


def test_receive_keeps_what_was_written_before_the_pipe_closed(
    start_mq: StartMq, path: Path
) -> None:
    with Store.open(path, create=True) as store:
        store.create_queue("jobs", max_deliveries=1, drop_exhausted=True)
        store.send_many("jobs", [NewMessage(b"x" * 40_000) for _ in range(10)])
    running = start_mq("receive", "jobs", "-n", "10")
    first = running.stdout.readline()
    assert first.endswith(b"\n")
    running.stdout.close()
    assert running.end().code == 141

    with Store.open(path) as store:
        kept = store.leases("jobs")
        assert 1 <= len(kept) < 10
        assert kept[0].receipt == json.loads(first)["receipt"]
        # Those alone may be gone for good.
        store.ack([lease.receipt for lease in kept])
    assert [deliveries for _, deliveries in received(path)] == [1] * (10 - len(kept))


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, -signal.SIGTERM)]
)
def test_a_signal_while_receive_writes_gives_back_the_rest(
    start_mq: StartMq, path: Path, number: signal.Signals, code: int
) -> None:
    with Store.open(path, create=True) as store:
        store.create_queue("jobs", max_deliveries=1, drop_exhausted=True)
        store.send_many("jobs", [NewMessage(b"x" * 40_000) for _ in range(10)])
    running = start_mq("receive", "jobs", "-n", "10")
    running.stdout.read(1)
    running.interrupt(number)
    assert running.process.wait(PATIENCE) == code

    with Store.open(path) as store:
        assert len(store.leases("jobs")) + len(store.receive("jobs", 10)) == 10
        assert store.queue("jobs").dropped == 0


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, -signal.SIGTERM)]
)
def test_a_receive_that_waits_ends_at_a_signal(
    start_mq: StartMq, path: Path, number: signal.Signals, code: int
) -> None:
    with Store.open(path, create=True) as store:
        store.create_queue("jobs")
    running = start_mq("receive", "jobs", "--wait", "60s")
    until(lambda: has_store_open(running.process.pid, path))
    running.interrupt(number)

    assert running.process.wait(PATIENCE) == code


def has_store_open(pid: int, path: Path) -> bool:
    with suppress(OSError):
        for name in Path(f"/proc/{pid}/fd").iterdir():
            if os.readlink(name) == f"{path}-lock":
                return True
    return False


def test_a_receive_that_waits_for_the_write_lock_ends_at_a_signal(
    start_mq: StartMq, queue: Path
) -> None:
    with closing(Store.open(queue)) as store, store.transaction(timeout=60) as tx:
        tx.send("dead", "the lock is held")
        running = start_mq("receive", "jobs")
        until(lambda: has_store_open(running.process.pid, queue))
        running.interrupt()
        assert running.process.wait(PATIENCE) == 130


@pytest.mark.parametrize("command", ["receive jobs -n 2", "consume jobs -n 2"])
def test_messages_acknowledged_at_once_are_reported_when_the_output_takes_none(
    queue: Path, shell: Shell, command: str
) -> None:
    done = shell(f"mq {command} --auto-ack > /dev/full")

    assert b"2 messages were received and not printed" in done.stderr
