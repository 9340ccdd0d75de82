"""`mq publish`: input as for produce, routed, stored in every destination or in none."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from store import Fenced, NewMessage, Store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cli.conftest import RunMq


@pytest.fixture
def post(path: Path) -> Iterator[Store]:
    """`events` leads `order.#` to the queue `emails` and the topic `orders`."""
    with Store.open(path, create=True, durability="normal") as store:
        store.create_queue("emails")
        store.create_topic("orders")
        store.create_exchange("events", "topic")
        for name in ("emails", "orders"):
            store.bind("events", name, key="order.#")
        yield store


def emails(store: Store) -> list[bytes | None]:
    return [message.value for message in store.messages("emails")]


class TestStoring:
    def test_each_value_goes_to_every_destination(self, call_mq: RunMq, post: Store) -> None:
        assert call_mq("publish", "events", "-k", "order.eu", "a", "b").code == 0
        assert emails(post) == [b"a", b"b"]
        assert [record.value for record in post.read("orders")] == [b"a", b"b"]

    def test_ndjson_tells_where_each_message_is(self, call_mq: RunMq, post: Store) -> None:
        run = call_mq("publish", "events", "-k", "order.eu", "a", "-o", "ndjson")
        document = json.loads(run.out)
        assert document["returned"] is False
        queue, topic = document["routed"]
        assert (queue["queue"], queue["sequence"]) == ("emails", 0)
        assert topic == {"topic": "orders", "partition": 0, "offset": 0}

    def test_the_name_format_has_a_line_per_message(self, call_mq: RunMq, post: Store) -> None:
        run = call_mq("publish", "events", "-k", "order.eu", "a", "-o", "name")
        assert run.text == "emails@0 orders/0@0\n"

    def test_the_routing_key_is_stored_as_the_key(self, call_mq: RunMq, post: Store) -> None:
        call_mq("publish", "events", "-k", "order.eu", "a")
        assert [record.key for record in post.read("orders")] == [b"order.eu"]

    def test_a_file_with_keys_is_routed_line_by_line(
        self, call_mq: RunMq, post: Store, tmp_path: Path
    ) -> None:
        (tmp_path / "in").write_text("order.eu:a\nother:b\norder.us:c\n")
        run = call_mq("publish", "events", "-f", "in", "-K", ":", "-o", "ndjson")
        assert [len(json.loads(line)["routed"]) for line in run.text.splitlines()] == [2, 0, 2]
        assert emails(post) == [b"a", b"c"]

    def test_stdin_is_read_without_a_value(self, run_mq: RunMq, post: Store, path: Path) -> None:
        run_mq("publish", "events", "-k", "order.x", stdin=b"a\nb\n", MQ_STORE=str(path))
        assert emails(post) == [b"a", b"b"]

    def test_envelopes_bring_their_own_keys_and_headers(
        self, call_mq: RunMq, post: Store, tmp_path: Path
    ) -> None:
        (tmp_path / "in").write_text('{"key":"order.1","value":"a","headers":{"n":1}}\n')
        call_mq("publish", "events", "-f", "in", "--framing", "ndjson")
        (record,) = post.read("orders")
        assert (record.key, record.headers) == (b"order.1", {"n": 1})

    def test_headers_decide_in_a_headers_exchange(self, call_mq: RunMq, post: Store) -> None:
        post.create_exchange("audit", "headers")
        post.bind("audit", "emails", headers={"n": 1})
        call_mq("publish", "audit", "-H", "n=1", "text")
        call_mq("publish", "audit", "-H", "n:=1", "number")
        assert emails(post) == [b"number"]

    def test_what_is_killed_before_its_commit_is_stored_nowhere(
        self, run_mq: RunMq, post: Store, path: Path
    ) -> None:
        words = ("publish", "events", "-k", "order.1", "a")
        run = run_mq(*words, MQ_STORE=str(path), MQ_CRASH_AT="commit.before:1")
        assert run.code == -signal.SIGKILL
        assert (emails(post), post.read("orders")) == ([], [])


class TestNowhere:
    def test_it_is_success_with_a_warning(self, call_mq: RunMq, post: Store) -> None:
        run = call_mq("publish", "events", "-k", "else", "a")
        assert run.code == 0
        assert "1 message went nowhere" in run.err

    def test_mandatory_returns_it_with_exit_code_3(self, call_mq: RunMq, post: Store) -> None:
        run = call_mq("publish", "events", "-k", "else", "a", "--mandatory", "-o", "ndjson")
        assert run.code == 3
        assert json.loads(run.out) == {"routed": [], "returned": True}
        assert json.loads(run.err)["error"]["code"] == "unroutable"

    def test_the_rest_of_a_mandatory_batch_is_stored(
        self, call_mq: RunMq, post: Store, tmp_path: Path
    ) -> None:
        (tmp_path / "in").write_text("order.eu:a\nother:b\norder.us:c\n")
        assert call_mq("publish", "events", "-f", "in", "-K", ":", "--mandatory").code == 3
        assert emails(post) == [b"a", b"c"]

    def test_an_exchange_that_is_not_there(self, call_mq: RunMq, post: Store) -> None:
        assert call_mq("publish", "nowhere", "-k", "a", "b").is_refused(3)


class TestRefused:
    def test_produce_to_an_exchange_names_the_command_for_it(
        self, call_mq: RunMq, post: Store
    ) -> None:
        run = call_mq("produce", "events", "a")
        assert run.is_refused(3)
        assert "mq publish events -k KEY" in run.err

    def test_a_fifo_destination_without_a_group_is_named_and_nothing_is_stored(
        self, call_mq: RunMq, post: Store
    ) -> None:
        post.create_queue("billing", fifo=True)
        post.bind("events", "billing", key="#")
        run = call_mq("publish", "events", "-k", "order.eu", "a")
        assert run.is_refused(2)
        assert "FIFO queue billing needs a message group" in run.err
        assert emails(post) == []
        assert post.read("orders") == []

    def test_a_delay_is_refused_where_a_topic_is_reached(self, call_mq: RunMq, post: Store) -> None:
        run = call_mq("publish", "events", "-k", "order.eu", "a", "--delay", "5s")
        assert run.is_refused(2)
        assert "leads to the topic orders, which takes no delay" in run.err

    def test_a_full_queue_stores_nothing_anywhere(self, call_mq: RunMq, post: Store) -> None:
        post.create_queue("small", max_length=1, overflow="reject")
        post.bind("events", "small", key="#")
        assert call_mq("publish", "events", "-k", "order.eu", "a").code == 0
        run = call_mq("publish", "events", "-k", "order.eu", "b")
        assert run.is_refused(5)
        assert emails(post) == [b"a"]


class TestResumableLoad:
    LOAD = ("publish", "events", "-k", "order.eu", "--producer", "loader")

    def test_run_again_it_publishes_only_what_is_new(self, call_mq: RunMq, post: Store) -> None:
        assert call_mq(*self.LOAD, *"ab").code == 0
        run = call_mq(*self.LOAD, *"abc")
        assert "skipped 2 messages that loader stored before" in run.err
        assert emails(post) == [b"a", b"b", b"c"]
        assert [record.value for record in post.read("orders")] == [b"a", b"b", b"c"]

    def test_it_goes_on_behind_the_last_batch_that_was_stored(
        self, call_mq: RunMq, post: Store
    ) -> None:
        post.create_queue("small", max_length=2, overflow="reject")
        post.bind("events", "small", key="#")
        assert call_mq(*self.LOAD, "--batch", "2", *"abcd").is_refused(5)
        post.purge_queue("small")
        assert call_mq(*self.LOAD, "--batch", "2", *"abcd").code == 0
        assert emails(post) == [b"a", b"b", b"c", b"d"]

    def test_each_exchange_is_counted_by_itself(self, call_mq: RunMq, post: Store) -> None:
        post.create_exchange("copies", "fanout")
        post.bind("copies", "emails")
        call_mq(*self.LOAD, "a")
        call_mq("publish", "copies", "--producer", "loader", "a")
        assert emails(post) == [b"a", b"a"]

    def test_what_led_nowhere_counts_as_published(self, call_mq: RunMq, post: Store) -> None:
        load = ("publish", "events", "-k", "other", "--producer", "loader", "a")
        assert call_mq(*load, "--mandatory").is_refused(3)
        post.bind("events", "emails", key="other")
        assert call_mq(*load).code == 0
        assert emails(post) == []


def test_an_older_incarnation_of_a_publishing_producer_is_fenced(post: Store) -> None:
    old = post.producer("loader")
    post.producer("loader")
    with pytest.raises(Fenced):
        old.publish_many("events", [NewMessage(b"a", key="order.eu")], 0)
    assert emails(post) == []
