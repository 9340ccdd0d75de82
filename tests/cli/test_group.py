"""`mq group`: create, alter, list, show, members, delete."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from store import NotFound, Store
from tests.cli.conftest import LAG_FIELDS

if TYPE_CHECKING:
    from tests.cli.conftest import RunMq


@pytest.fixture
def billing(shop: Store) -> Store:
    """A store with the group billing: committed 4 in orders/0, nothing in the others."""
    shop.create_group("billing", topics=["orders"])
    with shop.transaction() as tx:
        tx.commit("billing", {("orders", 0): 4})
    return shop


class TestCreate:
    def test_it_reads_the_given_topics(self, call_mq: RunMq, shop: Store) -> None:
        shop.create_topic("prices")
        run = call_mq("group", "create", "billing", "--topic", "orders", "--topic", "prices")
        assert (run.code, run.out, run.err) == (0, b"", "")
        assert {row.topic for row in shop.lag("billing")} == {"orders", "prices"}

    def test_its_settings_are_kept(self, call_mq: RunMq, shop: Store) -> None:
        words = "--max-lag 100 --max-lag-time 5m --below-start error --assignor range"
        call_mq("group", "create", "billing", *words.split(), "--retention", "1h")
        config = shop.group("billing").config
        assert (config.max_lag, config.max_lag_time) == (100, 300_000)
        assert (config.below_start, config.assignor) == ("error", "range")
        assert config.retention == 3_600_000

    def test_with_o_json_it_prints_the_group_as_show_does(
        self, call_mq: RunMq, shop: Store
    ) -> None:
        run = call_mq("group", "create", "billing", "-o", "json")
        assert run.text == (
            '{"name":"billing","state":"empty","generation":0,"members":[],"offsets":[]}\n'
        )

    def test_on_a_terminal_it_names_the_topics(
        self, run_mq_on_terminal: RunMq, shop: Store, path: Path
    ) -> None:
        run = run_mq_on_terminal("-s", str(path), "group", "create", "g", "--topic", "orders")
        assert run.text == "group g of orders\n"

    def test_what_exists_is_a_conflict(self, call_mq: RunMq, billing: Store) -> None:
        assert call_mq("group", "create", "billing").is_refused(4)

    @pytest.mark.parametrize(("words", "code"), [("", 0), ("--max-lag 5", 4)])
    def test_if_not_exists_accepts_the_same_settings_only(
        self, call_mq: RunMq, billing: Store, words: str, code: int
    ) -> None:
        run = call_mq("group", "create", "billing", "--if-not-exists", *words.split())
        assert run.code == code

    def test_a_limit_without_a_dead_letter_queue_is_refused(
        self, call_mq: RunMq, shop: Store
    ) -> None:
        assert call_mq("group", "create", "billing", "--max-deliveries", "3").is_refused(2)

    def test_a_dead_letter_queue_alone_allows_5_deliveries(
        self, call_mq: RunMq, shop: Store
    ) -> None:
        shop.create_queue("failed")
        assert call_mq("group", "create", "billing", "--dlq", "failed").code == 0
        config = shop.group("billing").config
        assert (config.dlq, config.max_deliveries) == ("failed", 5)

    def test_a_dead_letter_queue_must_be_there(self, call_mq: RunMq, shop: Store) -> None:
        run = call_mq("group", "create", "billing", "--dlq", "failed")
        assert run.is_refused(3)
        assert "mq queue create failed" in run.err

    @pytest.mark.parametrize(
        ("words", "code"),
        [
            ("", 2),
            ("g/1", 2),
            ("g --max-lag -1", 2),
            ("g --max-lag many", 2),
            ("g --max-lag 1.5", 2),
            ("g --max-lag-time 0s", 2),
            ("g --max-lag-time 100", 2),
            ("g --below-start middle", 2),
            ("g --assignor sticky", 2),
            ("g --retention 0s", 2),
            ("g --max-deliveries 0", 2),
            ("g --dlq a/b", 2),
            ("g --dlq orders", 3),
            ("g --topic prices", 3),
        ],
    )
    def test_bad_input_creates_nothing(
        self, call_mq: RunMq, shop: Store, words: str, code: int
    ) -> None:
        assert call_mq("group", "create", *words.split()).is_refused(code)
        assert shop.groups() == []


class TestAlter:
    def test_it_changes_what_is_given_and_prints_old_and_new(
        self, call_mq: RunMq, billing: Store
    ) -> None:
        billing.create_topic("prices")
        words = ("--max-lag", "100", "--topic", "prices", "-o", "json")
        assert json.loads(call_mq("group", "alter", "billing", *words).out) == [
            {"setting": "topics", "old": "orders", "new": "orders, prices", "risk": None},
            {"setting": "max_lag", "old": "none", "new": "100", "risk": None},
        ]

    def test_none_takes_an_objective_away(self, call_mq: RunMq, billing: Store) -> None:
        billing.alter_group("billing", max_lag=100, max_lag_time=60)
        call_mq("group", "alter", "billing", "--max-lag", "none", "--max-lag-time", "none")
        config = billing.group("billing").config
        assert (config.max_lag, config.max_lag_time) == (None, None)

    def test_a_dead_letter_queue_goes_with_its_limit(self, call_mq: RunMq, shop: Store) -> None:
        shop.create_queue("failed")
        shop.create_group("billing", dlq="failed", max_deliveries=3)
        alter = ("group", "alter", "billing", "--dlq", "none")
        assert call_mq(*alter).is_refused(2)
        assert call_mq(*alter, "--max-deliveries", "none").code == 0

    @pytest.mark.parametrize(
        ("words", "code"),
        [
            ("billing", 2),
            ("billing --max-lag -1", 2),
            ("billing --below-start nowhere", 2),
            ("billing --max-deliveries 3", 2),
            ("billing --max-lag 5 --topic prices", 3),
            ("shipping --max-lag 5", 3),
        ],
    )
    def test_bad_input_changes_nothing(
        self, call_mq: RunMq, billing: Store, words: str, code: int
    ) -> None:
        before = billing.group("billing").config
        assert call_mq("group", "alter", *words.split()).is_refused(code)
        assert billing.group("billing").config == before


class TestLooking:
    def test_the_list_sums_the_lag(self, call_mq: RunMq, billing: Store) -> None:
        assert json.loads(call_mq("group", "list", "-o", "json").out) == [
            {"name": "billing", "state": "empty", "members": 0, "topics": ["orders"], "lag": 26}
        ]

    def test_the_list_of_no_groups_is_empty(self, call_mq: RunMq, shop: Store) -> None:
        assert call_mq("group", "ls", "-o", "json").out == b"[]\n"

    def test_show_has_the_json_of_the_contract(self, call_mq: RunMq, billing: Store) -> None:
        shown = json.loads(call_mq("group", "show", "billing", "-o", "json").out)
        assert list(shown) == ["name", "state", "generation", "members", "offsets"]
        assert (shown["name"], shown["state"], shown["members"]) == ("billing", "empty", [])
        assert list(shown["offsets"][0]) == LAG_FIELDS
        assert [row["committed"] for row in shown["offsets"]] == [4, None, None]

    def test_show_of_several_is_an_array(self, call_mq: RunMq, billing: Store) -> None:
        billing.create_group("audit")
        shown = json.loads(call_mq("group", "show", "billing", "audit", "-o", "json").out)
        assert [group["name"] for group in shown] == ["billing", "audit"]

    def test_in_a_pipe_show_has_the_rows_of_lag(self, call_mq: RunMq, billing: Store) -> None:
        lines = call_mq("group", "show", "billing").text.splitlines()
        assert lines[0].split("\t") == LAG_FIELDS
        assert len(lines) == 4

    def test_people_see_settings_and_offsets(self, call_mq: RunMq, billing: Store) -> None:
        text = call_mq("group", "show", "billing", "-o", "table").text
        assert "below start     earliest" in text
        assert "COMMITTED" in text

    def test_as_names_show_is_a_check_that_they_exist(self, call_mq: RunMq, billing: Store) -> None:
        assert call_mq("group", "show", "billing", "-o", "name").text == "billing\n"

    @pytest.mark.parametrize("verb", ["show", "members", "delete"])
    def test_an_unknown_group_is_not_found(self, call_mq: RunMq, shop: Store, verb: str) -> None:
        assert call_mq("group", verb, "billing", "-y").is_refused(3)


class TestMembers:
    def test_a_member_has_process_partitions_and_times(
        self, call_mq: RunMq, billing: Store
    ) -> None:
        with billing.consumer("billing", ["orders"], member="worker-1"):
            (member,) = json.loads(call_mq("group", "members", "billing", "-o", "json").out)
            shown = json.loads(call_mq("group", "show", "billing", "-o", "json").out)
        fields = [
            "member",
            "host",
            "pid",
            "state",
            "static",
            "partitions",
            "joined",
            "last_seen",
            "session_timeout",
        ]
        assert list(member) == fields
        assert (member["member"], member["pid"]) == ("worker-1", os.getpid())
        assert member["partitions"] == ["orders/0", "orders/1", "orders/2"]
        assert member["last_seen"].endswith("Z")
        assert (shown["state"], shown["generation"]) == ("stable", 1)
        assert [member["member"] for member in shown["members"]] == ["worker-1"]

    def test_people_see_how_long_ago_it_was_seen(self, call_mq: RunMq, billing: Store) -> None:
        with billing.consumer("billing", ["orders"], member="worker-1"):
            run = call_mq("group", "members", "billing", "-o", "table")
        assert "LAST SEEN" in run.text
        assert re.search(r"\b(now|\d+s ago)\b", run.text)

    def test_an_empty_group_has_none(self, call_mq: RunMq, billing: Store) -> None:
        assert call_mq("group", "members", "billing", "-o", "json").out == b"[]\n"


class TestDelete:
    def test_off_a_terminal_it_needs_yes(self, call_mq: RunMq, billing: Store) -> None:
        assert call_mq("group", "delete", "billing").is_refused(2)
        assert billing.group("billing").name == "billing"

    def test_with_yes_its_offsets_go(self, call_mq: RunMq, billing: Store) -> None:
        assert call_mq("group", "rm", "billing", "-y").code == 0
        with pytest.raises(NotFound):
            billing.group("billing")

    def test_a_dry_run_counts_what_would_go(self, call_mq: RunMq, billing: Store) -> None:
        run = call_mq("group", "delete", "billing", "--dry-run", "-o", "json")
        assert json.loads(run.out) == [
            {"name": "billing", "topics": ["orders"], "committed": 1, "lag": 26}
        ]
        assert billing.group("billing").name == "billing"

    def test_a_group_with_members_is_refused(self, call_mq: RunMq, billing: Store) -> None:
        with billing.consumer("billing", ["orders"], member="worker-1"):
            run = call_mq("group", "delete", "billing", "-y")
        assert run.is_refused(4)
        assert "worker-1" in run.err

    @pytest.mark.parametrize(("typed", "code"), [("y\n", 0), ("\n", 1)])
    def test_on_a_terminal_it_asks(
        self, run_mq_on_terminal: RunMq, billing: Store, path: Path, typed: str, code: int
    ) -> None:
        run = run_mq_on_terminal("-s", str(path), "group", "delete", "billing", typed=typed)
        assert "deletes group billing with 1 committed offset." in run.text
        assert run.code == code
