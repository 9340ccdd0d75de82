"""`mq share`, and what other commands do with a share: exit codes, JSON, and what people read."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from store import NewRecord, Store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.cli.conftest import RunMq


@pytest.fixture
def orders(path: Path) -> Iterator[Store]:
    """A store with six records in the two partitions of `orders`, a share of it, and its DLQ."""
    with Store.open(path, create=True, durability="normal") as store:
        store.create_topic("orders", partitions=2)
        store.create_queue("dead")
        store.create_share("packers", "orders", dlq="dead", max_deliveries=2)
        store.produce_many("orders", [NewRecord(b"%d" % n, partition=n % 2) for n in range(6)])
        yield store


def shown(call_mq: RunMq, name: str = "packers") -> dict[str, Any]:
    document: dict[str, Any] = json.loads(call_mq("share", "show", name, "--json").out)
    return document


class TestCreate:
    def test_its_settings_are_kept(self, orders: Store, call_mq: RunMq) -> None:
        run = call_mq(
            "share", "create", "pickers", "orders", "--lease", "1m", "--max-deliveries", "3",
            "--max-in-flight", "10", "--dlq", "dead", "--from", "latest",
        )  # fmt: skip

        assert run.code == 0
        document = shown(call_mq, "pickers")
        assert document["config"] == {
            "lease": "1m", "max_deliveries": 3, "max_in_flight": 10, "dlq": "dead",
        }  # fmt: skip
        assert document["lag"] == 0

    def test_a_share_that_exists_is_a_conflict(self, orders: Store, call_mq: RunMq) -> None:
        assert call_mq("share", "create", "packers", "orders").is_refused(4)

    def test_if_not_exists_compares_the_given_settings(self, orders: Store, call_mq: RunMq) -> None:
        create = ["share", "create", "packers", "orders", "--if-not-exists"]

        assert call_mq(*create, "--dlq", "dead", "--max-deliveries", "2").code == 0
        assert call_mq(*create).code == 0
        assert call_mq(*create, "--max-deliveries", "3").is_refused(4)

    @pytest.mark.parametrize("words", [["new", "nowhere"], ["new", "orders", "--dlq", "nowhere"]])
    def test_a_topic_or_dlq_that_is_missing_is_not_found(
        self, orders: Store, call_mq: RunMq, words: list[str]
    ) -> None:
        assert call_mq("share", "create", *words).is_refused(3)

    @pytest.mark.parametrize("option", ["--max-deliveries", "--max-in-flight"])
    def test_a_bound_of_zero_is_bad_input(self, orders: Store, call_mq: RunMq, option: str) -> None:
        assert call_mq("share", "create", "new", "orders", option, "0").is_refused(2)

    def test_a_name_is_that_of_one_thing_only(self, orders: Store, call_mq: RunMq) -> None:
        assert call_mq("share", "create", "dead", "orders").is_refused(4)
        assert call_mq("queue", "create", "packers").is_refused(4)


class TestShow:
    def test_a_record_in_flight_tells_who_has_it_for_how_long(
        self, orders: Store, call_mq: RunMq
    ) -> None:
        orders.acquire("packers", holder="anna")

        (one,) = shown(call_mq)["in_flight"]
        assert (one["address"], one["state"], one["holder"]) == ("orders/0@0", "leased", "anna")
        assert (one["deliveries"], one["error"]) == (1, None)
        assert 0 < one["seconds_left"] <= 30

    def test_it_names_the_record_that_pins_a_full_window(
        self, orders: Store, call_mq: RunMq
    ) -> None:
        orders.alter_share("packers", max_in_flight=1)
        orders.acquire("packers")

        text = call_mq("share", "show", "packers", "-o", "table").text
        assert "pinned by orders/0@0" in text
        assert "full: nothing new is handed out" in text

    def test_an_unknown_share_is_not_found(self, orders: Store, call_mq: RunMq) -> None:
        assert call_mq("share", "show", "nobody").is_refused(3)

    def test_the_list_adds_its_partitions_up(self, orders: Store, call_mq: RunMq) -> None:
        orders.acquire("packers", 2)

        (row,) = json.loads(call_mq("share", "list", "--json").out)
        assert (row["name"], row["topic"], row["lag"], row["leased"]) == ("packers", "orders", 6, 2)


class TestAlter:
    def test_it_says_from_what_to_what(self, orders: Store, call_mq: RunMq) -> None:
        (change,) = json.loads(call_mq("share", "alter", "packers", "--lease", "5s", "--json").out)

        assert (change["setting"], change["old"], change["new"]) == ("lease", "30s", "5s")
        assert orders.share("packers").config.lease == 5000

    def test_a_dry_run_changes_nothing(self, orders: Store, call_mq: RunMq) -> None:
        call_mq("share", "alter", "packers", "--lease", "5s", "--dry-run")

        assert orders.share("packers").config.lease == 30_000

    def test_nothing_to_change_is_bad_input(self, orders: Store, call_mq: RunMq) -> None:
        assert call_mq("share", "alter", "packers").is_refused(2)


class TestReset:
    def test_it_shows_what_it_would_do_and_does_nothing(
        self, orders: Store, call_mq: RunMq
    ) -> None:
        orders.ack([record.receipt for record in orders.acquire("packers", 6)])

        plan = json.loads(call_mq("share", "reset", "packers", "--to", "earliest", "--json").out)
        assert [row["effect"] for row in plan["changes"]] == ["repeats 3", "repeats 3"]
        assert orders.acquire("packers", 6) == []

    def test_with_apply_the_records_are_delivered_again(
        self, orders: Store, call_mq: RunMq
    ) -> None:
        orders.ack([record.receipt for record in orders.acquire("packers", 6)])

        assert call_mq("share", "reset", "packers", "--to", "earliest", "--apply").code == 0
        assert len(orders.acquire("packers", 10)) == 6

    def test_it_is_refused_while_somebody_holds_a_record(
        self, orders: Store, call_mq: RunMq
    ) -> None:
        orders.acquire("packers")
        words = ["share", "reset", "packers", "--to", "latest", "--apply"]

        assert call_mq(*words).is_refused(4)
        assert call_mq(*words, "--force").code == 0
        assert orders.acquire("packers") == []

    def test_a_place_outside_the_log_is_moved_to_its_edge_with_a_warning(
        self, orders: Store, call_mq: RunMq
    ) -> None:
        told = call_mq("share", "reset", "packers", "--to", "99")

        assert "moved to its edge: orders/0 at " in told.err

    def test_a_word_that_is_no_place_is_bad_input(self, orders: Store, call_mq: RunMq) -> None:
        assert call_mq("share", "reset", "packers", "--to", "soon").is_refused(2)


class TestDelete:
    def test_it_needs_yes_off_a_terminal(self, orders: Store, call_mq: RunMq) -> None:
        assert call_mq("share", "delete", "packers").is_refused(2)
        assert call_mq("share", "delete", "packers", "--dry-run").code == 0
        assert call_mq("share", "delete", "packers", "--yes").code == 0
        assert orders.shares() == []

    def test_it_is_refused_while_somebody_holds_a_record(
        self, orders: Store, call_mq: RunMq
    ) -> None:
        orders.acquire("packers")

        assert call_mq("share", "delete", "packers", "--yes").is_refused(4)
        assert call_mq("share", "delete", "packers", "--yes", "--force").code == 0

    def test_a_topic_is_not_deleted_under_its_share(self, orders: Store, call_mq: RunMq) -> None:
        run = call_mq("topic", "delete", "orders", "--yes")

        assert run.is_refused(4)
        assert "mq share delete packers" in run.err

    def test_a_queue_is_not_deleted_while_it_is_the_dlq_of_a_share(
        self, orders: Store, call_mq: RunMq
    ) -> None:
        assert call_mq("queue", "delete", "dead", "--yes").is_refused(4)


class TestReceive:
    def test_a_record_comes_with_what_its_delivery_adds(
        self, orders: Store, call_mq: RunMq
    ) -> None:
        record = json.loads(call_mq("receive", "packers").out)

        assert list(record) == [
            "topic", "partition", "offset", "timestamp", "key", "headers", "value",
            "deliveries", "state", "receipt", "lease_expires", "holder",
        ]  # fmt: skip
        assert (record["topic"], record["partition"], record["offset"]) == ("orders", 0, 0)
        assert (record["value"], record["deliveries"], record["state"]) == ("0", 1, "leased")

    def test_its_receipt_acks_and_acks_again(self, orders: Store, call_mq: RunMq) -> None:
        receipt = call_mq("receive", "packers", "-o", "name").text.strip()

        assert call_mq("ack", receipt).code == 0
        assert call_mq("ack", receipt).code == 0
        assert orders.lag("packers")[0].lag == 2

    def test_what_is_rejected_is_copied_to_the_dlq(self, orders: Store, call_mq: RunMq) -> None:
        receipt = call_mq("receive", "packers", "-o", "name").text.strip()
        call_mq("nack", receipt, "--reject", "--error", "bad size")

        (letter,) = orders.messages("dead")
        assert letter.dead is not None
        assert (letter.dead.source, letter.dead.error) == ("orders/0@0", "bad size")
        assert orders.read("orders")[0].value == b"0"

    def test_an_empty_share_ends_with_10_if_asked_to(self, orders: Store, call_mq: RunMq) -> None:
        orders.reset_share("packers", orders_end())

        assert call_mq("receive", "packers", "--fail-empty").code == 10


def orders_end() -> Any:
    from store import Position

    return Position("latest")


class TestDeadLetters:
    def test_a_share_stands_for_its_dlq(self, orders: Store, call_mq: RunMq) -> None:
        orders.reject([orders.acquire("packers")[0].receipt], error="bad size")

        (letter,) = call_mq("dlq", "peek", "packers", "-o", "ndjson").text.splitlines()
        assert json.loads(letter)["dead"]["source"] == "orders/0@0"

    def test_they_are_sent_on_to_a_queue_that_is_named(self, orders: Store, call_mq: RunMq) -> None:
        orders.create_queue("by-hand")
        orders.reject([orders.acquire("packers")[0].receipt])

        assert call_mq("dlq", "redrive", "packers").is_refused(2)
        assert call_mq("dlq", "redrive", "packers", "--to", "by-hand").code == 0
        assert [message.value for message in orders.messages("by-hand")] == [b"0"]


class TestLeases:
    def test_they_are_listed_by_the_address_of_the_record(
        self, orders: Store, call_mq: RunMq
    ) -> None:
        orders.acquire("packers", holder="anna")

        (lease,) = json.loads(call_mq("lease", "list", "packers", "--json").out)
        assert (lease["address"], lease["reader"], lease["holder"]) == (
            "orders/0@0", "packers", "anna",
        )  # fmt: skip

    def test_a_record_is_released_by_its_address(self, orders: Store, call_mq: RunMq) -> None:
        orders.acquire("packers")

        assert call_mq("lease", "release", "orders/0@0").code == 0
        assert orders.leases("packers") == []
        assert call_mq("lease", "release", "orders/0@0").is_refused(3)

    def test_in_two_shares_only_the_receipt_says_which_is_meant(
        self, orders: Store, call_mq: RunMq
    ) -> None:
        orders.create_share("others", "orders")
        (mine,), (other,) = orders.acquire("packers"), orders.acquire("others")

        assert call_mq("lease", "release", "orders/0@0").is_refused(2)
        assert call_mq("lease", "release", mine.receipt).code == 0
        assert [lease.receipt for lease in orders.leases()] == [other.receipt]


class TestLag:
    def test_its_rows_are_those_of_a_group(self, orders: Store, call_mq: RunMq) -> None:
        orders.ack([orders.acquire("packers", 2)[1].receipt])

        rows = json.loads(call_mq("lag", "packers", "--json").out)
        assert [(row["group"], row["partition"], row["committed"], row["lag"]) for row in rows] == [
            ("packers", 0, 0, 2),
            ("packers", 1, 0, 3),
        ]

    def test_over_a_bound_it_ends_with_10(self, orders: Store, call_mq: RunMq) -> None:
        assert call_mq("lag", "packers", "--over", "2", "--exit-code").code == 10
        assert call_mq("lag", "packers", "--over", "3", "--exit-code").code == 0
        assert call_mq("lag", "packers", "--exit-code").code == 0


class TestWork:
    def test_the_command_is_told_the_record_and_its_receipt(
        self, orders: Store, run_mq: RunMq, tmp_path: Path, path: Path
    ) -> None:
        script = f'echo "$MQ_ADDRESS $MQ_TOPIC $MQ_DELIVERIES ${{MQ_RECEIPT%%.*}}" >>{tmp_path}/log'
        words = ["-s", str(path), "work", "packers", "--once", "--", "sh", "-c", script]
        assert run_mq(*words).code == 0

        told = (tmp_path / "log").read_text().splitlines()
        assert len(told) == 6
        assert told[0].startswith("orders/0@0 orders 1 r")
        assert [row.lag for row in orders.lag("packers")] == [0, 0]

    def test_what_fails_is_given_back_with_its_error(
        self, orders: Store, run_mq: RunMq, path: Path
    ) -> None:
        words = ["-s", str(path), "work", "packers", "--once", "--", "sh", "-c"]

        assert run_mq(*words, "echo torn >&2; exit 3").code == 1
        assert {(one.deliveries, one.error) for one in orders.in_flight("packers")} == {(1, "torn")}

    def test_a_group_does_not_go_with_a_share(self, orders: Store, call_mq: RunMq) -> None:
        assert call_mq("work", "packers", "-g", "g", "--", "true").is_refused(2)


@pytest.mark.parametrize("command", ["peek", "consume"])
def test_a_share_is_no_log_and_says_so(orders: Store, call_mq: RunMq, command: str) -> None:
    run = call_mq(command, "packers")

    assert run.is_refused(3)
    assert "mq share show packers" in run.err


def test_status_counts_shares(orders: Store, call_mq: RunMq) -> None:
    assert json.loads(call_mq("status", "--json").out)["shares"] == 1
