"""`mq topic compact` and `mq topic latest`: the newest value of each key."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from store import NewRecord, Store

if TYPE_CHECKING:
    from tests.cli.conftest import RunMq

CHANGES = [("ada", "1"), ("bob", "1"), ("ada", "2"), ("bob", None), ("cyd", "1"), ("ada", "3")]


@pytest.fixture
def users(path: Path) -> Iterator[Store]:
    """A compacted topic in which ada was changed twice and bob was deleted; open."""
    with Store.open(path, create=True, durability="normal") as store:
        store.create_topic("users", cleanup="compact")
        store.produce_many("users", [NewRecord(value, key) for key, value in CHANGES])
        yield store


class TestCompact:
    def test_each_partition_says_what_was_removed(self, call_mq: RunMq, users: Store) -> None:
        size = users.topic("users").partitions[0].bytes
        (done,) = json.loads(call_mq("topic", "compact", "users", "-o", "json").out)
        left = users.topic("users").partitions[0]

        assert (done["topic"], done["partition"], done["records"]) == ("users", 0, 3)
        assert (left.records, (size or 0) - (left.bytes or 0)) == (3, done["bytes"])

    def test_offsets_and_order_stay(self, call_mq: RunMq, users: Store) -> None:
        call_mq("topic", "compact", "users")
        run = call_mq("consume", "users", "-F", r"%o:%k=%s\n")

        assert run.text.split() == ["3:bob=", "4:cyd=1", "5:ada=3"]

    def test_in_a_pipe_it_is_silent(self, call_mq: RunMq, users: Store) -> None:
        run = call_mq("topic", "compact", "users")

        assert (run.code, run.out, run.err) == (0, b"", "")

    def test_people_are_told(self, run_mq_on_terminal: RunMq, users: Store, path: Path) -> None:
        run = run_mq_on_terminal("-s", str(path), "topic", "compact", "users")

        assert run.text.startswith("removed 3 records (")

    def test_several_topics_are_compacted(self, call_mq: RunMq, users: Store) -> None:
        users.create_topic("prices", cleanup="compact,delete", partitions=2)
        run = call_mq("topic", "compact", "users", "prices", "--json")

        assert [row["topic"] for row in json.loads(run.out)] == ["users", "prices", "prices"]

    def test_a_topic_that_is_not_compacted_is_refused(self, call_mq: RunMq, users: Store) -> None:
        users.create_topic("orders")

        assert call_mq("topic", "compact", "orders").is_refused(2)

    def test_a_missing_topic_is_not_found(self, call_mq: RunMq, users: Store) -> None:
        assert call_mq("topic", "compact", "orders").is_refused(3)


class TestLatest:
    def test_the_newest_values_come_by_key_and_deleted_keys_do_not(
        self, call_mq: RunMq, users: Store
    ) -> None:
        assert call_mq("topic", "latest", "users").out == b"3\n1\n"

    def test_it_says_the_same_after_compaction(self, call_mq: RunMq, users: Store) -> None:
        before = call_mq("topic", "latest", "users", "-o", "ndjson").out
        call_mq("topic", "compact", "users")

        assert call_mq("topic", "latest", "users", "-o", "ndjson").out == before

    def test_as_envelopes_they_can_be_produced_again(self, call_mq: RunMq, users: Store) -> None:
        lines = call_mq("topic", "latest", "users", "-o", "ndjson").text.splitlines()
        found = [json.loads(line) for line in lines]

        assert [(one["key"], one["offset"], one["value"]) for one in found] == [
            ("ada", 5, "3"),
            ("cyd", 4, "1"),
        ]

    def test_json_is_one_array(self, call_mq: RunMq, users: Store) -> None:
        lines = call_mq("topic", "latest", "users", "-o", "ndjson").text.splitlines()

        found = json.loads(call_mq("topic", "latest", "users", "-o", "json").out)

        assert found == [json.loads(line) for line in lines]
        assert json.loads(call_mq("topic", "latest", "users", "-k", "ada", "--json").out) == [
            one for one in found if one["key"] == "ada"
        ]

    def test_json_of_nothing_is_an_empty_array(self, call_mq: RunMq, users: Store) -> None:
        users.create_topic("empty")

        assert json.loads(call_mq("topic", "latest", "empty", "-o", "json").out) == []

    def test_one_key_can_be_asked_for(self, call_mq: RunMq, users: Store) -> None:
        assert call_mq("topic", "latest", "users", "--key", "ada").out == b"3\n"

    def test_they_can_be_formatted(self, call_mq: RunMq, users: Store) -> None:
        run = call_mq("topic", "latest", "users", "-F", r"%k=%s\n")

        assert run.text == "ada=3\ncyd=1\n"

    @pytest.mark.parametrize("words", ["users --key bob", "users --key dan", "orders"])
    def test_what_has_no_value_is_not_found(self, call_mq: RunMq, users: Store, words: str) -> None:
        assert call_mq("topic", "latest", *words.split()).is_refused(3)
