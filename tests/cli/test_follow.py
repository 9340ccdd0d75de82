"""`mq consume --follow`: going on with what is appended, until it is told to end."""

from __future__ import annotations

import fcntl
import signal
import struct
import termios
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from threading import Event
from time import monotonic
from typing import TYPE_CHECKING, Any

import pytest

from store import NewRecord, Store

if TYPE_CHECKING:
    from tests.cli.conftest import StartMq

PATIENCE = 60.0


@pytest.fixture
def orders(path: Path) -> Iterator[Store]:
    """A store by this machine's clock, with one record `0` in the topic `orders`; open."""
    with Store.open(path, create=True, durability="normal") as store:
        store.create_topic("orders")
        store.produce("orders", "0")
        yield store


def until(condition: Callable[[], bool]) -> None:
    """Wait for something that another process brings about."""
    deadline = monotonic() + PATIENCE
    while not condition():
        assert monotonic() < deadline, "it did not happen"
        Event().wait(0.005)


def waiting_bytes(pipe: Any) -> int:
    """How many bytes stand in a pipe, to be read."""
    return int(struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)))[0])


def committed(store: Store) -> int | None:
    return store.lag("g")[0].committed


GROUPS = pytest.mark.parametrize("group", [[], ["-g", "g"]], ids=["alone", "group"])


@GROUPS
def test_what_is_appended_is_printed_as_it_comes(
    start_mq: StartMq, orders: Store, group: list[str]
) -> None:
    reader = start_mq("consume", "orders", "-f", *group)

    assert reader.stdout.readline() == b"0\n"
    for number in range(1, 4):
        orders.produce("orders", str(number))
        assert reader.stdout.readline() == b"%d\n" % number


def test_a_new_partition_is_followed_too(start_mq: StartMq, orders: Store) -> None:
    reader = start_mq("consume", "orders", "-f")
    assert reader.stdout.readline() == b"0\n"

    orders.alter_topic("orders", partitions=2)
    orders.produce("orders", "new", partition=1)

    assert reader.stdout.readline() == b"new\n"


def test_one_partition_can_be_followed_alone(start_mq: StartMq, orders: Store) -> None:
    orders.alter_topic("orders", partitions=2)
    reader = start_mq("consume", "orders/0", "-f")
    assert reader.stdout.readline() == b"0\n"

    orders.produce("orders", "elsewhere", partition=1)
    orders.produce("orders", "here", partition=0)

    assert reader.stdout.readline() == b"here\n"


@GROUPS
def test_sigterm_ends_it_in_order(start_mq: StartMq, orders: Store, group: list[str]) -> None:
    reader = start_mq("consume", "orders", "-f", *group)
    assert reader.stdout.readline() == b"0\n"

    reader.interrupt(signal.SIGTERM)

    run = reader.end()
    assert (run.code, run.out, run.err) == (0, b"", "")


@GROUPS
def test_ctrl_c_ends_it_with_130_and_no_traceback(
    start_mq: StartMq, orders: Store, group: list[str]
) -> None:
    reader = start_mq("consume", "orders", "-f", *group)
    assert reader.stdout.readline() == b"0\n"

    reader.interrupt()

    run = reader.end()
    assert (run.code, run.out, run.err) == (130, b"", "")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_what_was_printed_is_committed_and_the_group_is_left(
    start_mq: StartMq, orders: Store, number: signal.Signals
) -> None:
    reader = start_mq("consume", "orders", "-f", "-g", "g")
    assert reader.stdout.readline() == b"0\n"

    reader.interrupt(number)
    reader.end()

    assert committed(orders) == 1
    assert orders.group("g").state == "empty"


@GROUPS
def test_a_limit_ends_it(start_mq: StartMq, orders: Store, group: list[str]) -> None:
    reader = start_mq("consume", "orders", "-f", "-n", "2", *group)
    assert reader.stdout.readline() == b"0\n"

    orders.produce_many("orders", [NewRecord("1"), NewRecord("2")])

    run = reader.end()
    assert (run.code, run.out) == (0, b"1\n")


@GROUPS
def test_an_offset_bound_ends_it(start_mq: StartMq, orders: Store, group: list[str]) -> None:
    reader = start_mq("consume", "orders", "-f", "--until", "2", *group)
    assert reader.stdout.readline() == b"0\n"

    orders.produce_many("orders", [NewRecord("1"), NewRecord("2")])

    run = reader.end()
    assert (run.code, run.out) == (0, b"1\n")


@GROUPS
def test_a_time_bound_that_has_passed_ends_it_at_the_end(
    start_mq: StartMq, orders: Store, group: list[str]
) -> None:
    now = orders.clock.wall()
    run = start_mq("consume", "orders", "-f", "--until", f"@{now + 1000}", *group).end()

    assert (run.code, run.out) == (0, b"0\n")


@GROUPS
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_reader_that_has_stopped_reading_cannot_hold_it(
    start_mq: StartMq, orders: Store, group: list[str], number: signal.Signals
) -> None:
    for _ in range(20):
        orders.produce_many("orders", [NewRecord(b"x" * 999) for _ in range(100)])
    reader = start_mq("consume", "orders", "-f", *group)
    until(lambda: waiting_bytes(reader.stdout) > 60_000)

    reader.interrupt(number)

    assert reader.process.wait(PATIENCE) == (0 if number == signal.SIGTERM else 130)


def test_records_left_in_the_pipe_by_an_interrupted_reader_are_whole_and_committed(
    start_mq: StartMq, orders: Store
) -> None:
    for _ in range(20):
        orders.produce_many("orders", [NewRecord(b"x" * 999) for _ in range(100)])
    reader = start_mq("consume", "orders", "-f", "-g", "g")
    until(lambda: waiting_bytes(reader.stdout) > 60_000)

    reader.interrupt()
    reader.process.wait(PATIENCE)

    printed = reader.stdout.read()
    assert printed.endswith(b"\n")
    assert committed(orders) == printed.count(b"\n")


def test_a_larger_record_than_a_pipe_takes_is_finished_while_its_reader_reads(
    start_mq: StartMq, orders: Store
) -> None:
    large = b"x" * 500_000
    orders.produce_many("orders", [NewRecord(large), NewRecord("after")])
    reader = start_mq("consume", "orders", "-f", "-g", "g", "--from", "1")
    until(lambda: waiting_bytes(reader.stdout) > 60_000)

    reader.interrupt(signal.SIGTERM)
    run = reader.end()

    assert (run.code, run.out) == (0, large + b"\n")
    assert committed(orders) == 2


class TestABusyStore:
    def test_ctrl_c_ends_a_reader_that_waits_to_commit(
        self, start_mq: StartMq, orders: Store
    ) -> None:
        reader = start_mq("consume", "orders", "-f", "-g", "g")
        assert reader.stdout.readline() == b"0\n"
        until(lambda: committed(orders) == 1)
        reader.interrupt(signal.SIGSTOP)
        orders.produce("orders", "1")
        with orders.transaction(timeout=PATIENCE):
            reader.interrupt(signal.SIGCONT)
            assert reader.stdout.readline() == b"1\n"

            reader.interrupt()
            began = monotonic()

            assert reader.process.wait(PATIENCE) == 130
            assert monotonic() - began < PATIENCE / 2
        assert reader.stderr.read().startswith(b"mq: warning: the last records printed will be")
        assert committed(orders) == 1

    def test_ctrl_c_ends_a_producer_that_waits_for_the_lock(
        self, start_mq: StartMq, orders: Store
    ) -> None:
        with orders.transaction(timeout=PATIENCE):
            producer = start_mq("produce", "orders")
            producer.stdin.write(b"x\n")
            until(lambda: waiting_bytes(producer.stdin) == 0)

            producer.interrupt()
            began = monotonic()

            assert producer.process.wait(PATIENCE) == 130
            assert monotonic() - began < PATIENCE / 2
        assert len(orders.read("orders")) == 1

    def test_a_wait_longer_than_the_timeout_is_exit_code_5(
        self, start_mq: StartMq, orders: Store
    ) -> None:
        with orders.transaction(timeout=PATIENCE):
            run = start_mq("produce", "orders", "x", "--timeout", "50ms").end()

        assert run.code == 5
        assert run.err.startswith("mq: error: the store is busy: held by pid")


def test_a_group_whose_partitions_are_taken_is_waited_for_as_long_as_allowed(
    start_mq: StartMq, orders: Store
) -> None:
    with closing(orders.consumer("g", ["orders"], member="first")):
        run = start_mq("consume", "orders", "-g", "g", "--timeout", "50ms").end()

    assert run.code == 5


def test_a_member_that_was_replaced_may_not_commit_and_ends_with_4(
    start_mq: StartMq, orders: Store
) -> None:
    reader = start_mq("consume", "orders", "-f", "-g", "g", "--member", "me")
    assert reader.stdout.readline() == b"0\n"
    until(lambda: committed(orders) == 1)

    with closing(orders.consumer("g", ["orders"], member="me")):
        orders.produce("orders", "1")
        run = reader.end()

    assert run.code == 4
    assert run.err.startswith("mq: error: me ")


def test_ctrl_c_while_typing_stores_what_was_confirmed_and_no_more(
    start_mq: StartMq, orders: Store
) -> None:
    producer = start_mq("produce", "orders", "-o", "name")
    producer.stdin.write(b"1\n")
    assert producer.stdout.readline() == b"orders/0@1\n"

    producer.interrupt()
    run = producer.end()

    assert (run.code, run.err) == (130, "mq: interrupted; 1 record stored\n")
    assert len(orders.read("orders")) == 2


@pytest.mark.parametrize("pause", [0.0, 0.002, 0.005, 0.01, 0.02, 0.04])
def test_ctrl_c_never_parts_what_is_stored_from_its_confirmation(
    start_mq: StartMq, orders: Store, tmp_path: Path, pause: float
) -> None:
    (tmp_path / "lines").write_bytes(b"x\n" * 200_000)
    producer = start_mq("produce", "orders", "-f", "lines", "-o", "name", "--batch", "100")
    confirmed = producer.stdout.readline()
    Event().wait(pause)

    producer.interrupt()
    run = producer.end()

    assert run.code == 130
    confirmed += run.out
    assert confirmed.count(b"\n") == orders.topic("orders").partitions[0].end - 1
