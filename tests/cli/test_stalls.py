"""`mq stalls`: fields, explanations, exit codes, and that each way out is one."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Any

import pytest

from store import NewRecord, Store
from store.model.clock import ManualClock

if TYPE_CHECKING:
    from tests.cli.conftest import RunMq

FIELDS = [
    "kind", "source", "reader", "blocker", "key", "blocked", "seconds", "deliveries", "holder",
    "error", "cause", "do",
]  # fmt: skip


@pytest.fixture(autouse=True)
def _same_clock(clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands of this test tell the time from the test's clock."""
    monkeypatch.setattr("store.api.store.SystemClock", lambda: clock)


@pytest.fixture
def poisoned(store: Store, clock: ManualClock) -> Store:
    """Group billing fails at orders/0@3 of ten for ten minutes, and its member is alive."""
    store.create_topic("orders", retention=None)
    store.produce_many("orders", [NewRecord(b"%d" % n, key=f"k{n}") for n in range(10)])
    store.create_queue("orders.dlq")
    consumer = store.consumer(
        "billing", ["orders"], member="worker-7", session_timeout=9000, max_poll_interval=9000
    )
    consumer.poll(timeout=0)
    consumer.commit({("orders", 0): 3})
    consumer.seek("orders", 0, 3)
    (record,) = consumer.poll(1, timeout=0)
    for _ in range(6):
        clock.advance(100)
        consumer.fail(record, "card_api 502")
    return store


@pytest.fixture
def idle(store: Store, clock: ManualClock) -> Store:
    """Group billing has ten unread records, two hours old, and no member."""
    store.create_topic("orders", retention=None)
    store.produce_many("orders", [NewRecord(b"%d" % n) for n in range(10)])
    store.create_group("billing", topics=["orders"])
    clock.advance(7200)
    return store


@pytest.fixture
def fifo(store: Store, clock: ManualClock) -> Store:
    """A FIFO queue whose group a waits for its first message, which was leased a minute ago."""
    store.create_queue("mails.dlq", fifo=True)
    store.create_queue("mails", fifo=True, lease=600, dlq="mails.dlq", max_deliveries=9)
    for number in range(4):
        store.send("mails", str(number), message_group="a")
    store.receive("mails", holder="worker-7")
    clock.advance(60)
    return store


@pytest.fixture
def homeless(store: Store, clock: ManualClock) -> Store:
    """A FIFO queue whose first message has used up its deliveries; its exchange leads nowhere."""
    store.create_exchange("x", "fanout")
    store.create_queue("mails.dlq", fifo=True)
    store.create_queue("mails", fifo=True, lease=600, dlq="exchange:x", max_deliveries=1)
    for number in range(2):
        store.send("mails", str(number), message_group="a")
    store.nack([store.receive("mails")[0].receipt or ""])
    assert store.receive("mails") == []
    clock.advance(60)
    return store


def rows(call_mq: RunMq, *words: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(call_mq("stalls", *words, "-o", "json").out)
    return found


def commands(call_mq: RunMq, verb: str) -> list[list[str]]:
    """The commands that the one stall names and that contain `verb`, as words after `mq`."""
    (row,) = rows(call_mq)
    found = [shlex.split(command)[1:] for command in row["do"] if verb in command]
    assert found
    return found


class TestRows:
    def test_they_begin_with_the_fields_of_the_contract(
        self, call_mq: RunMq, poisoned: Store
    ) -> None:
        (row,) = rows(call_mq)
        assert list(row)[: len(FIELDS)] == FIELDS
        assert {name: row[name] for name in FIELDS[:-1]} == {
            "kind": "group",
            "source": "orders/0",
            "reader": "billing",
            "blocker": "orders/0@3",
            "key": "k3",
            "blocked": 6,
            "seconds": 600.0,
            "deliveries": 6,
            "holder": "worker-7",
            "error": "card_api 502",
            "cause": "poison",
        }
        assert row["do"][0] == "mq group skip billing orders/0@3 --to-dlq orders.dlq"

    def test_people_read_the_story_and_the_way_out(self, call_mq: RunMq, poisoned: Store) -> None:
        text = call_mq("stalls", "-o", "table").text
        assert text.startswith(
            "■ STALLED 10m00s  orders/0 → billing   orders/0@3"
            ' (key=k3, 6 deliveries, "card_api 502")  blocks 6 messages · 6 keys\n'
        )
        assert "POISON" in text
        assert "DO      mq group skip billing orders/0@3 --to-dlq orders.dlq " in text

    def test_on_a_narrow_terminal_no_command_is_wrapped_behind_its_effect(
        self, call_mq: RunMq, poisoned: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("sys.stdout.isatty", lambda: True)
        monkeypatch.setenv("COLUMNS", "80")
        lines = call_mq("stalls", "--no-color").text.splitlines()
        assert [line for line in lines if len(line) > 80 and " mq " not in line] == []
        assert lines[:2] == [
            "■ STALLED 10m00s  orders/0 → billing",
            '  orders/0@3 (key=k3, 6 deliveries, "card_api 502")  blocks 6 messages · 6 keys',
        ]
        assert "  DO      mq group skip billing orders/0@3 --to-dlq orders.dlq" in lines

    def test_a_healthy_store_has_none(self, call_mq: RunMq, orders: Store) -> None:
        assert rows(call_mq) == []
        assert call_mq("stalls", "-o", "table").out == b""

    def test_people_are_told_that_nothing_is_stalled(
        self, call_mq: RunMq, orders: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("sys.stderr.isatty", lambda: True)
        assert call_mq("stalls").err == "nothing is stalled\n"

    @pytest.mark.parametrize("command", ["lag", "group show billing"])
    def test_people_see_it_in_the_lag_too(
        self, call_mq: RunMq, poisoned: Store, monkeypatch: pytest.MonkeyPatch, command: str
    ) -> None:
        monkeypatch.setattr("sys.stdout.isatty", lambda: True)
        assert "\x1b[1;31m■ STALLED\x1b[0m" in call_mq(*command.split()).text
        assert "STALLED" not in call_mq(*command.split(), "-o", "tsv").text

    def test_people_see_it_in_red_in_the_status(
        self, call_mq: RunMq, poisoned: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("sys.stdout.isatty", lambda: True)
        assert "\x1b[1;31m■ STALLED 10m00s" in call_mq("status").text


class TestExitCode:
    def test_it_is_10_if_anything_is_stalled(self, call_mq: RunMq, poisoned: Store) -> None:
        assert call_mq("stalls").code == 0
        assert call_mq("stalls", "--exit-code").code == 10
        assert call_mq("stalls", "--exit-code", "--over", "11m").code == 0

    def test_it_is_0_if_nothing_is(self, call_mq: RunMq, orders: Store) -> None:
        assert call_mq("stalls", "--exit-code").code == 0

    @pytest.mark.parametrize("words", ["--over soon", "--idle-after 1", "--explain a//b", "extra"])
    def test_bad_input_is_2(self, call_mq: RunMq, orders: Store, words: str) -> None:
        assert call_mq("stalls", *words.split()).is_refused(2)

    @pytest.mark.parametrize("address", ["nothing", "orders/7", "orders/0@99"])
    def test_an_address_that_is_not_there_is_3(
        self, call_mq: RunMq, orders: Store, address: str
    ) -> None:
        assert call_mq("stalls", "--explain", address).is_refused(3)


class TestWaysOut:
    @pytest.mark.parametrize("verb", ["--to-dlq", "skip", "reset"])
    def test_of_a_poisoned_group(self, call_mq: RunMq, poisoned: Store, verb: str) -> None:
        for command in commands(call_mq, verb)[:1]:
            assert call_mq(*command).code == 0
        assert rows(call_mq) == []

    def test_a_policy_moves_at_once_what_has_failed_that_often(
        self, call_mq: RunMq, poisoned: Store
    ) -> None:
        (command,) = commands(call_mq, "alter")
        assert call_mq(*command).code == 0
        assert rows(call_mq) == []
        assert poisoned.queue("orders.dlq").ready == 1

    @pytest.mark.parametrize("verb", ["consume", "reset", "delete"])
    def test_of_a_group_without_members(self, call_mq: RunMq, idle: Store, verb: str) -> None:
        (command,) = commands(call_mq, verb)
        assert call_mq(*command).code == 0
        assert rows(call_mq) == []

    @pytest.mark.parametrize("verb", ["consume", "reset", "delete"])
    def test_of_an_abandoned_partition(
        self, call_mq: RunMq, store: Store, clock: ManualClock, verb: str
    ) -> None:
        store.create_topic("orders", retention=None)
        store.produce("orders", "v")
        store.consumer("billing", ["orders"], session_timeout=10)
        clock.advance(60)
        (command,) = commands(call_mq, verb)
        assert call_mq(*command).code == 0
        assert rows(call_mq) == []

    @pytest.mark.parametrize("verb", ["release", "--reject"])
    def test_of_a_leased_head(self, call_mq: RunMq, fifo: Store, verb: str) -> None:
        (command,) = commands(call_mq, verb)
        assert call_mq(*command).code == 0
        assert rows(call_mq) == []

    @pytest.mark.parametrize("verb", ["release", "--reject"])
    def test_of_a_pinned_window(
        self, call_mq: RunMq, store: Store, clock: ManualClock, verb: str
    ) -> None:
        store.create_topic("orders")
        store.produce_many("orders", [NewRecord(b"v")] * 5)
        store.create_share("packers", "orders", max_in_flight=2, lease=600)
        store.acquire("packers", max_records=2)
        clock.advance(60)
        (command,) = commands(call_mq, verb)
        assert call_mq(*command).code == 0
        assert rows(call_mq) == []

    def test_of_a_head_that_waits(self, call_mq: RunMq, fifo: Store, clock: ManualClock) -> None:
        fifo.release("mails", 0)
        fifo.nack([fifo.receive("mails")[0].receipt or ""], delay=500)
        (command,) = commands(call_mq, "release")
        assert call_mq(*command).code == 0
        assert rows(call_mq) == []

    @pytest.mark.parametrize("verb", ["alter", "purge"])
    def test_of_a_head_that_has_nowhere_to_go(
        self, call_mq: RunMq, homeless: Store, verb: str
    ) -> None:
        assert "has nowhere to go" in call_mq("stalls").out.decode()
        (command,) = commands(call_mq, verb)
        assert call_mq(*command).code == 0
        assert rows(call_mq) == []

    def test_of_a_head_that_has_a_place_to_go_since(self, call_mq: RunMq, homeless: Store) -> None:
        homeless.bind("x", "mails.dlq")
        told = call_mq("stalls").out.decode()
        assert "nowhere" not in told
        assert "waits 9m" in told
        (command,) = commands(call_mq, "release")
        assert call_mq(*command).code == 0
        assert rows(call_mq) == []
        assert [message.value for message in homeless.receive("mails")] == [b"1"]
        assert homeless.queue("mails.dlq").ready == 1

    def test_a_lower_limit_is_one(self, call_mq: RunMq, fifo: Store) -> None:
        fifo.release("mails", 0)
        fifo.nack([fifo.receive("mails")[0].receipt or ""], delay=500)
        assert call_mq("queue", "alter", "mails", "--max-deliveries", "2").code == 0
        assert rows(call_mq) == []

    def test_of_a_record_that_waits_in_two_shares(
        self, call_mq: RunMq, store: Store, clock: ManualClock
    ) -> None:
        store.create_topic("orders")
        store.produce_many("orders", [NewRecord(b"v")] * 5)
        for name in ("packers", "billers"):
            store.create_share(name, "orders", max_in_flight=2)
            store.nack([m.receipt or "" for m in store.acquire(name, 2)], delay=500)
        clock.advance(60)
        for row in rows(call_mq):
            (command,) = row["do"]
            assert call_mq(*shlex.split(command)[1:]).code == 0
        assert rows(call_mq) == []

    def test_where_a_dlq_is_missing_the_first_step_makes_it(
        self, call_mq: RunMq, poisoned: Store
    ) -> None:
        poisoned.delete_queue("orders.dlq")
        for verb in ("create", "alter"):
            (command,) = commands(call_mq, verb)
            assert call_mq(*command).code == 0


class TestExplain:
    @pytest.mark.parametrize(
        ("address", "verdict", "blocker"),
        [
            ("orders/0@2", "done", None),
            ("orders/0@3", "blocks", "orders/0@3"),
            ("orders/0@9", "blocked", "orders/0@3"),
            ("orders/0", "blocked", "orders/0@3"),
            ("orders", "blocked", "orders/0@3"),
        ],
    )
    def test_of_a_stalled_partition(
        self, call_mq: RunMq, poisoned: Store, address: str, verdict: str, blocker: str | None
    ) -> None:
        (row,) = rows(call_mq, "--explain", address)
        assert (row["reader"], row["verdict"], row["blocker"]) == ("billing", verdict, blocker)
        assert bool(row["do"]) == (blocker is not None)

    @pytest.mark.parametrize(
        ("address", "verdict"),
        [
            ("mails@0", "blocks"),
            ("mails@2", "blocked"),
            ("mails", "blocked"),
            ("mails.dlq", "free"),
        ],
    )
    def test_of_a_fifo_queue(self, call_mq: RunMq, fifo: Store, address: str, verdict: str) -> None:
        (row,) = rows(call_mq, "--explain", address)
        assert row["verdict"] == verdict

    @pytest.mark.parametrize(
        ("address", "verdict"),
        [("orders/0@2", "done"), ("orders/0@3", "next"), ("orders/0@5", "waits")],
    )
    def test_of_a_group_that_moves(
        self, call_mq: RunMq, read_three: Store, address: str, verdict: str
    ) -> None:
        (row,) = rows(call_mq, "--explain", address)
        assert (row["verdict"], row["do"]) == (verdict, [])

    def test_nothing_blocks_a_topic_that_nobody_reads(self, call_mq: RunMq, orders: Store) -> None:
        (row,) = rows(call_mq, "--explain", "orders/0@3")
        assert (row["reader"], row["verdict"]) == (None, "free")

    def test_people_read_what_blocks_it_and_the_way_out(
        self, call_mq: RunMq, poisoned: Store
    ) -> None:
        first, second, *_ = call_mq("stalls", "--explain", "orders/0@9", "-o", "table").text.split(
            "\n"
        )
        assert first.startswith("orders/0@9 → billing  BLOCKED by orders/0@3  poison: it failed 6")
        assert second.startswith("  DO  mq group skip billing orders/0@3 --to-dlq orders.dlq")

    def test_only_what_blocks_or_is_blocked_counts_for_the_exit_code(
        self, call_mq: RunMq, poisoned: Store
    ) -> None:
        assert call_mq("stalls", "--explain", "orders/0@2", "--exit-code").code == 0
        assert call_mq("stalls", "--explain", "orders/0@9", "--exit-code").code == 10
