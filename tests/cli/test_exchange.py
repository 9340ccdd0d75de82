"""`mq exchange`, `bind`, `unbind`, `binding list` and `route`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cli.conftest import RunMq


@pytest.fixture
def post(path: Path) -> Iterator[Store]:
    """The topic exchange `events` leads to the queue `emails`; `audit` compares headers."""
    with Store.open(path, create=True, durability="normal") as store:
        store.create_queue("emails")
        store.create_topic("orders")
        store.create_exchange("events", "topic")
        store.create_exchange("audit", "headers")
        store.bind("events", "emails", key="order.*.created")
        yield store


def documents(call_mq: RunMq, *words: str) -> Any:
    return json.loads(call_mq(*words, "-o", "json").out)


class TestExchange:
    def test_it_is_created_with_the_store(self, call_mq: RunMq, path: Path) -> None:
        assert call_mq("exchange", "create", "events", "-t", "topic").code == 0
        assert path.exists()

    def test_one_that_exists_is_a_conflict(self, call_mq: RunMq, post: Store) -> None:
        assert call_mq("exchange", "create", "events", "-t", "topic").is_refused(4)

    @pytest.mark.parametrize(("type", "code"), [("topic", 0), ("direct", 4)])
    def test_if_not_exists_wants_the_same_settings(
        self, call_mq: RunMq, post: Store, type: str, code: int
    ) -> None:
        run = call_mq("exchange", "create", "events", "-t", type, "--if-not-exists")
        assert run.code == code

    def test_if_not_exists_names_another_alternate(self, call_mq: RunMq, post: Store) -> None:
        words = ["-t", "topic", "--alternate", "audit", "--if-not-exists"]
        run = call_mq("exchange", "create", "events", *words)
        assert "another alternate: none, not audit" in run.err

    def test_a_queue_is_not_taken_for_an_exchange_that_is_missing(
        self, call_mq: RunMq, post: Store
    ) -> None:
        run = call_mq("exchange", "show", "emails")
        assert run.is_refused(3)
        assert "emails is a queue, not an exchange" in run.err

    def test_an_unknown_type_is_refused(self, call_mq: RunMq) -> None:
        assert call_mq("exchange", "create", "events", "-t", "topics").is_refused(2)

    def test_an_alternate_that_is_not_there_yet_is_warned_of(self, call_mq: RunMq) -> None:
        run = call_mq("exchange", "create", "events", "-t", "topic", "--alternate", "rest")
        assert run.code == 0
        assert "the alternate rest does not exist yet" in run.err

    def test_an_alternate_of_none_is_none(self, call_mq: RunMq, post: Store) -> None:
        assert (
            call_mq("exchange", "create", "rest", "-t", "fanout", "--alternate", "none").err == ""
        )
        assert post.exchange("rest").alternate is None

    def test_show_tells_type_alternate_and_bindings(self, call_mq: RunMq, post: Store) -> None:
        shown = documents(call_mq, "exchange", "show", "events")
        assert {name: shown[name] for name in ("name", "kind", "type", "alternate")} == {
            "name": "events",
            "kind": "exchange",
            "type": "topic",
            "alternate": None,
        }
        assert [binding["key"] for binding in shown["bindings"]] == ["order.*.created"]

    def test_list_counts_bindings(self, call_mq: RunMq, post: Store) -> None:
        run = call_mq("exchange", "list")
        assert run.text == (
            "name\ttype\talternate\tbindings\naudit\theaders\t\t0\nevents\ttopic\t\t1\n"
        )

    def test_delete_takes_its_bindings_along(self, call_mq: RunMq, post: Store) -> None:
        assert call_mq("exchange", "rm", "events", "--yes").code == 0
        assert post.bindings() == []
        assert post.queue("emails").name == "emails"

    def test_delete_needs_yes_off_a_terminal(self, call_mq: RunMq, post: Store) -> None:
        assert call_mq("exchange", "delete", "events").is_refused(2)

    def test_delete_if_unused_keeps_what_leads_somewhere(self, call_mq: RunMq, post: Store) -> None:
        assert call_mq("exchange", "delete", "events", "--if-unused", "--yes").is_refused(4)

    def test_an_alternate_is_not_deleted_until_it_is_none(
        self, call_mq: RunMq, post: Store
    ) -> None:
        call_mq("exchange", "alter", "events", "--alternate", "audit")
        refused = call_mq("exchange", "delete", "audit", "--yes")
        assert refused.is_refused(4)
        assert "hint: mq exchange alter events --alternate none" in refused.err
        assert call_mq("exchange", "alter", "events", "--alternate", "none").code == 0
        assert call_mq("exchange", "delete", "audit", "--yes").code == 0

    def test_delete_of_what_is_not_there(self, call_mq: RunMq, post: Store) -> None:
        assert call_mq("exchange", "delete", "nothing", "--yes").is_refused(3)


class TestBind:
    def test_binding_again_succeeds_and_changes_nothing(self, call_mq: RunMq, post: Store) -> None:
        for _ in range(2):
            assert call_mq("bind", "events", "orders", "-k", "#").code == 0
        assert len(post.bindings("events", "orders")) == 1

    def test_an_exchange_as_destination_has_its_prefix(self, call_mq: RunMq, post: Store) -> None:
        run = call_mq("bind", "events", "exchange:audit", "-k", "#", "-o", "json")
        assert json.loads(run.out)["destination"] == "exchange:audit"

    def test_a_bare_exchange_is_explained(self, call_mq: RunMq, post: Store) -> None:
        run = call_mq("bind", "events", "audit", "-k", "#")
        assert run.is_refused(3)
        assert "write exchange:audit" in run.err

    @pytest.mark.parametrize("words", [("nowhere", "emails"), ("events", "nowhere")])
    def test_what_is_not_there_can_not_be_bound(
        self, call_mq: RunMq, post: Store, words: tuple[str, str]
    ) -> None:
        assert call_mq("bind", *words).is_refused(3)

    def test_headers_are_typed(self, call_mq: RunMq, post: Store) -> None:
        call_mq(
            "bind", "audit", "emails", "-H", "region=eu", "-H", "attempts:=1", "-H", "tag",
            "--match", "any",
        )  # fmt: skip
        (binding,) = post.bindings("audit")
        assert binding.headers == {"region": "eu", "attempts": 1, "tag": None}
        assert binding.match == "any"

    def test_an_unknown_way_to_match_is_refused(self, call_mq: RunMq, post: Store) -> None:
        assert call_mq("bind", "audit", "emails", "--match", "most").is_refused(2)

    def test_a_match_as_a_header_is_explained(self, call_mq: RunMq, post: Store) -> None:
        run = call_mq("bind", "audit", "emails", "-H", "x-match=any")
        assert run.is_refused(2)
        assert "--match any" in run.err

    def test_unbind_of_nothing_is_not_found(self, call_mq: RunMq, post: Store) -> None:
        assert call_mq("unbind", "events", "emails", "-k", "order.#").is_refused(3)

    def test_unbind_takes_the_same_arguments(self, call_mq: RunMq, post: Store) -> None:
        assert call_mq("unbind", "events", "emails", "-k", "order.*.created").code == 0
        assert post.bindings() == []

    def test_the_list_may_be_of_one_destination(self, call_mq: RunMq, post: Store) -> None:
        post.bind("events", "orders", key="#")
        found = documents(call_mq, "binding", "list", "--to", "orders")
        assert [(one["destination"], one["kind"], one["key"]) for one in found] == [
            ("orders", "topic", "#")
        ]

    def test_the_list_names_all_that_a_binding_is(self, call_mq: RunMq, post: Store) -> None:
        assert documents(call_mq, "binding", "list", "events") == [
            {
                "exchange": "events",
                "destination": "emails",
                "kind": "queue",
                "key": "order.*.created",
                "headers": {},
                "match": "all",
            }
        ]


class TestRoute:
    def test_it_names_the_destination_its_kind_and_the_bindings(
        self, call_mq: RunMq, post: Store
    ) -> None:
        (route,) = documents(call_mq, "route", "events", "-k", "order.eu.created")
        assert (route["destination"], route["kind"]) == ("emails", "queue")
        assert [binding["key"] for binding in route["via"]] == ["order.*.created"]

    def test_it_stores_nothing(self, call_mq: RunMq, post: Store) -> None:
        call_mq("route", "events", "-k", "order.eu.created")
        assert post.queue("emails").ready == 0

    def test_nowhere_to_go_is_an_empty_list(self, call_mq: RunMq, post: Store) -> None:
        assert documents(call_mq, "route", "events", "-k", "else") == []

    def test_it_walks_through_exchanges(self, call_mq: RunMq, post: Store) -> None:
        post.bind("events", "exchange:audit", key="#")
        post.bind("audit", "orders", headers={"region": "eu"})
        (route,) = documents(call_mq, "route", "events", "-k", "x", "-H", "region=eu")
        assert [step["destination"] for step in route["via"]] == ["exchange:audit", "orders"]

    def test_explain_adds_what_did_not_match_and_why(self, call_mq: RunMq, post: Store) -> None:
        post.bind("events", "orders", key="order.us.#")
        found = documents(call_mq, "route", "events", "-k", "order.eu.created", "--explain")
        assert [(row["destination"], row["matched"], row["why_not"]) for row in found] == [
            ("emails", True, None),
            ("orders", False, "word 2 'eu' is not 'us'"),
        ]

    def test_an_exchange_that_is_not_there(self, call_mq: RunMq, post: Store) -> None:
        assert call_mq("route", "nowhere", "-k", "a").is_refused(3)
