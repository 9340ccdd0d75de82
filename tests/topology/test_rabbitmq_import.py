"""What a definitions file of RabbitMQ becomes, and that nothing of it goes in silence."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from store import Store
from store.model.errors import BadInput
from store.topology import writing
from store.topology.rabbitmq_definitions.conversion import convert
from store.topology.reading import TopologyFile


def imported(vhost: str | None = None, **sections: Any) -> tuple[dict[str, Any], list[str]]:
    """The topology as plain values, and the losses."""
    topology, losses = convert(json.dumps({"queues": [], **sections}).encode(), vhost)
    return writing.document(topology), [str(loss) for loss in losses]


def queue(name: str = "q", **arguments: Any) -> dict[str, Any]:
    given = {key.replace("_", "-"): value for key, value in arguments.items()}
    return {"name": name, "vhost": "/", "durable": True, "arguments": given}


def exchange(name: str, type: str = "direct", **arguments: Any) -> dict[str, Any]:
    given = {key.replace("_", "-"): value for key, value in arguments.items()}
    return {"name": name, "vhost": "/", "type": type, "durable": True, "arguments": given}


def binding(source: str, to: str, key: str = "", **more: Any) -> dict[str, Any]:
    kinds = {"destination_type": "queue", "arguments": {}, **more}
    return {"source": source, "vhost": "/", "destination": to, "routing_key": key, **kinds}


def policy(name: str, definition: dict[str, Any], **more: Any) -> dict[str, Any]:
    known = {"vhost": "/", "pattern": ".*", "apply-to": "all", "priority": 0}
    return {"name": name, "definition": definition, **known, **more}


def settings_of(*, policies: Any = (), parameters: Any = (), **arguments: Any) -> dict[str, Any]:
    document, _ = imported(
        queues=[queue(**arguments)], policies=list(policies), parameters=list(parameters)
    )
    found: dict[str, Any] = document["queues"]["q"]
    assert found.pop("retention") == "3650d"
    return found


class TestQueues:
    @pytest.mark.parametrize(
        ("arguments", "expected"),
        [
            ({}, {}),
            ({"x_message_ttl": 60_000}, {"ttl": "1m"}),
            ({"x_max_length": 10}, {"max_length": 10}),
            ({"x_max_length_bytes": 1 << 20}, {"max_bytes": "1MiB"}),
            ({"x_overflow": "drop-head"}, {}),
            ({"x_overflow": "reject-publish"}, {"overflow": "reject"}),
            ({"x_max_priority": 9}, {"priorities": 10}),
            ({"x_single_active_consumer": True}, {"single_active": True}),
            (
                {"x_queue_type": "quorum", "x_delivery_limit": 4},
                {"max_deliveries": 5, "drop_exhausted": True},
            ),
            ({"x_queue_type": "quorum", "x_delivery_limit": -1}, {}),
        ],
    )
    def test_an_argument_becomes_a_setting(
        self, arguments: dict[str, Any], expected: dict[str, Any]
    ) -> None:
        assert settings_of(**arguments) == expected

    def test_quorum_queues_of_version_4_have_a_limit_of_their_own(self) -> None:
        document, _ = imported(
            rabbitmq_version="4.1.0", queues=[queue(x_queue_type="quorum"), queue("c")]
        )
        assert document["queues"]["q"]["max_deliveries"] == 21
        assert "max_deliveries" not in document["queues"]["c"]

    @pytest.mark.parametrize(
        ("arguments", "expected"),
        [
            ({"x_expires": 1_800_000}, "queue q: x-expires 1800000: unused queues stay"),
            (
                {"x_queue_mode": "lazy"},
                "queue q: x-queue-mode 'lazy': every message is in the file",
            ),
            ({"x_new_thing": [1]}, "queue q: x-new-thing [1]: there is nothing like it here"),
            ({"x_delivery_limit": 3}, "queue q: x-delivery-limit 3 has no effect on a classic"),
            ({"x_message_ttl": "1m"}, "queue q: x-message-ttl '1m' is not a number"),
            ({"x_max_priority": 300}, "queue q: x-max-priority 300 is more than 255"),
            ({"x_overflow": "reject-publish-dlx"}, "queue q: reject-publish-dlx without a"),
            ({"x_dead_letter_exchange": "gone"}, "queue q: x-dead-letter-exchange 'gone' is not"),
            ({"x_single_active_consumer": "yes"}, "queue q: x-single-active-consumer 'yes' is"),
            (
                {"x_dead_letter_exchange": "", "x_dead_letter_routing_key": "q"},
                "queue q: its dead letters come back to it by the default exchange",
            ),
        ],
    )
    def test_what_does_not_carry_over_is_told(
        self, arguments: dict[str, Any], expected: str
    ) -> None:
        (loss,) = imported(queues=[queue(**arguments)])[1]
        assert loss.startswith(expected)

    def test_transient_and_auto_delete_queues_become_lasting_ones(self) -> None:
        given = {**queue(), "durable": False, "auto_delete": True}
        assert imported(queues=[given])[1] == [
            "queue q: it is transient there; here everything is kept",
            "queue q: it is deleted there with its last user; here it stays",
        ]

    def test_a_name_that_is_not_usable_gets_another_one(self) -> None:
        document, losses = imported(queues=[queue("a/b"), queue("a:b")])
        assert list(document["queues"]) == ["a-b", "a-b-2"]
        assert losses == [
            "queue a/b: it is called a-b here",
            "queue a:b: it is called a-b-2 here",
        ]

    def test_a_stream_becomes_a_topic(self) -> None:
        given = queue(x_queue_type="stream", x_max_age="7D", x_max_length_bytes=10**9)
        document, losses = imported(queues=[given])
        assert (document["topics"], losses) == ({"q": {"retention_bytes": "1GB"}}, [])

    def test_a_stream_without_an_age_is_kept_for_ever(self) -> None:
        document, _ = imported(queues=[queue(x_queue_type="stream")])
        assert document["topics"] == {"q": {"retention": "forever"}}


class TestDeadLetters:
    def test_where_they_lead_to_one_queue_that_is_the_dlq(self) -> None:
        document, losses = imported(
            queues=[
                queue(x_dead_letter_exchange="dlx", x_dead_letter_routing_key="q.dead"),
                queue("dead"),
            ],
            exchanges=[exchange("dlx")],
            bindings=[binding("dlx", "dead", "q.dead"), binding("dlx", "q", "other")],
        )
        assert document["queues"]["q"]["dlq"] == "dead"
        assert losses == []

    def test_without_a_delivery_limit_they_have_none_here(self) -> None:
        document, _ = imported(
            queues=[queue(x_dead_letter_exchange="dlx"), queue("dead")],
            exchanges=[exchange("dlx", "fanout")],
            bindings=[binding("dlx", "dead")],
        )
        assert document["queues"]["q"]["max_deliveries"] == "none"

    def test_by_the_default_exchange_the_key_is_the_queue(self) -> None:
        document, _ = imported(
            queues=[
                queue(x_dead_letter_exchange="", x_dead_letter_routing_key="dead"),
                queue("dead"),
            ]
        )
        assert document["queues"]["q"]["dlq"] == "dead"

    def test_otherwise_they_go_through_the_exchange_as_before(self) -> None:
        document, losses = imported(
            queues=[
                queue("keyed", x_dead_letter_exchange="dlx", x_dead_letter_routing_key="k"),
                queue("own", x_dead_letter_exchange="dlx"),
                queue("dead"),
            ],
            exchanges=[exchange("dlx", "topic")],
            bindings=[binding("dlx", "dead", "#"), binding("dlx", "own", "k")],
        )
        keyed, own = document["queues"]["keyed"], document["queues"]["own"]
        assert (keyed["dlq"], keyed["dlq_key"]) == ("exchange:dlx", "k")
        assert (own["dlq"], own.get("dlq_key")) == ("exchange:dlx", None)
        assert losses == []

    def test_a_queue_or_key_called_none_is_not_taken_for_no_queue_or_key(self) -> None:
        document, losses = imported(
            queues=[
                queue("a", x_dead_letter_exchange="", x_dead_letter_routing_key="none"),
                queue("b", x_dead_letter_exchange="dlx", x_dead_letter_routing_key="none"),
                queue("none"),
            ],
            exchanges=[exchange("dlx", "topic")],
        )
        assert document["queues"]["a"]["dlq"] == "none-2"
        assert losses == [
            "queue none: it is called none-2 here",
            "queue b: x-dead-letter-routing-key 'none' is no key here, so they keep theirs",
        ]


class TestExchanges:
    def test_types_and_alternates_carry_over(self) -> None:
        document, losses = imported(
            exchanges=[
                exchange("events", "topic", alternate_exchange="rest"), exchange("rest", "fanout")
            ]
        )  # fmt: skip
        assert document["exchanges"] == {
            "events": {"type": "topic", "alternate": "rest"},
            "rest": {"type": "fanout"},
        }
        assert losses == []

    def test_a_delayed_exchange_becomes_one_of_its_inner_type(self) -> None:
        given = exchange("later", "x-delayed-message", x_delayed_type="topic")
        document, losses = imported(exchanges=[given])
        assert document["exchanges"] == {"later": {"type": "topic"}}
        assert "delays are given when sending" in losses[0]

    def test_one_of_another_type_is_left_out_with_its_bindings(self) -> None:
        document, losses = imported(
            queues=[queue()],
            exchanges=[exchange("hash", "x-consistent-hash")],
            bindings=[binding("hash", "q", "1")],
        )
        assert "exchanges" not in document
        assert losses == [
            "exchange hash: there is no exchange type x-consistent-hash, so it and its bindings are"
            " left out",
            "binding hash -> q: one of its ends is not here, so it is left out",
        ]

    @pytest.mark.parametrize("alternate", ["gone", "", "amq.fanout"])
    def test_an_alternate_that_is_not_in_the_file_is_told(self, alternate: str) -> None:
        _, (loss,) = imported(exchanges=[exchange("e", alternate_exchange=alternate)])
        assert loss.startswith("exchange e: its alternate ")

    def test_internal_and_auto_delete_are_told(self) -> None:
        given = {**exchange("e"), "internal": True, "auto_delete": True}
        assert len(imported(exchanges=[given])[1]) == 2

    def test_a_built_in_one_that_is_bound_is_made(self) -> None:
        document, losses = imported(queues=[queue()], bindings=[binding("amq.topic", "q", "#")])
        assert document["exchanges"] == {"amq.topic": {"type": "topic"}}
        assert losses == []


class TestBindings:
    def test_they_carry_over_with_their_keys(self) -> None:
        document, _ = imported(
            queues=[queue()],
            exchanges=[exchange("a", "topic"), exchange("b", "fanout")],
            bindings=[
                binding("", "q", "q"),
                binding("a", "q", "x.#"),
                binding("a", "b", "y", destination_type="exchange"),
            ],
        )
        assert document["bindings"] == [
            {"from": "a", "to": "exchange:b", "key": "y"},
            {"from": "a", "to": "q", "key": "x.#"},
        ]

    def test_headers_keep_their_types(self) -> None:
        arguments = {"x-match": "any", "region": "eu", "attempts": 1, "urgent": True}
        document, losses = imported(
            queues=[queue()],
            exchanges=[exchange("h", "headers")],
            bindings=[binding("h", "q", arguments=arguments)],
        )
        assert document["bindings"] == [
            {
                "from": "h",
                "to": "q",
                "headers": {"attempts": 1, "region": "eu", "urgent": True},
                "match": "any",
            }
        ]
        assert losses == []

    @pytest.mark.parametrize(("key", "headers"), [("k" * 256, {}), ("", {"h": "v" * (1 << 20)})])
    def test_one_that_can_not_be_made_here_is_left_out(
        self, key: str, headers: dict[str, Any]
    ) -> None:
        document, (loss,) = imported(
            queues=[queue()],
            exchanges=[exchange("e", "headers")],
            bindings=[binding("e", "q", key, arguments=headers)],
        )
        assert "bindings" not in document
        assert loss.startswith("binding e -> q: ")

    def test_one_that_compares_a_table_is_left_out(self) -> None:
        document, losses = imported(
            queues=[queue()],
            exchanges=[exchange("h", "headers")],
            bindings=[binding("h", "q", arguments={"a": {"b": 1}})],
        )
        assert "bindings" not in document
        assert losses[0].startswith("binding h -> q: it compares lists or tables")


class TestPolicies:
    def test_the_highest_priority_holds_alone(self) -> None:
        low = policy("low", {"message-ttl": 1000, "max-length": 5}, priority=1)
        high = policy("high", {"max-length": 7}, priority=2)
        assert settings_of(policies=[low, high]) == {"max_length": 7}

    def test_only_where_its_pattern_and_kind_match(self) -> None:
        others = [
            policy("a", {"max-length": 1}, pattern="^other$"),
            policy("b", {"max-length": 2}, **{"apply-to": "exchanges"}),
            policy("c", {"max-length": 3}, **{"apply-to": "quorum_queues"}),
            policy("d", {"max-length": 4}, vhost="elsewhere"),
        ]
        document, losses = imported(queues=[queue()], policies=others)
        assert document["queues"] == {"q": {"retention": "3650d"}}
        assert [loss.partition(":")[0] for loss in losses] == ["policy a", "policy b", "policy c"]

    def test_of_two_numbers_the_smaller_holds_else_the_argument(self) -> None:
        given = policy("p", {"max-length": 5, "overflow": "drop-head", "message-ttl": 9000})
        assert settings_of(
            policies=[given], x_max_length=7, x_message_ttl=1000, x_overflow="reject-publish"
        ) == {"ttl": "1s", "max_length": 5, "overflow": "reject"}

    def test_an_operator_bounds_what_users_say(self) -> None:
        user = policy("u", {"message-ttl": 5000, "max-length": 3, "overflow": "drop-head"})
        value = {
            "pattern": ".*", "apply-to": "queues", "priority": 0,
            "definition": {"message-ttl": 3000, "overflow": "reject-publish"},
        }  # fmt: skip
        operator = {"component": "operator_policy", "vhost": "/", "name": "o", "value": value}
        assert settings_of(policies=[user], parameters=[operator]) == {
            "ttl": "3s",
            "max_length": 3,
            "overflow": "reject",
        }

    def test_two_of_equal_priority_are_told(self) -> None:
        both = [policy("a", {"max-length": 1}), policy("b", {"max-length": 2})]
        document, losses = imported(queues=[queue()], policies=both)
        assert document["queues"]["q"]["max_length"] == 1
        assert losses[0].startswith("policies a and b: both have priority 0 and match q")

    def test_an_alternate_of_a_policy_holds(self) -> None:
        document, losses = imported(
            exchanges=[exchange("a"), exchange("b", "fanout")],
            policies=[policy("p", {"alternate-exchange": "b"}, pattern="^a$")],
        )
        assert document["exchanges"]["a"]["alternate"] == "b"
        assert losses == []

    def test_one_whose_pattern_can_not_be_read_is_told(self) -> None:
        broken = policy("p", {"max-length": 1}, pattern="(")
        assert imported(queues=[queue()], policies=[broken])[1][0].startswith(
            "policy p: its pattern"
        )


class TestSurroundings:
    def test_people_and_parameters_are_told(self) -> None:
        _, losses = imported(
            users=[{"name": "guest"}],
            permissions=[{"user": "guest", "vhost": "/"}],
            global_parameters=[{"name": "cluster_name", "value": "rabbit@a"}],
            parameters=[{"component": "shovel", "name": "s", "vhost": "/", "value": {}}],
            new=[1],
        )
        told = ["users (1)", "permissions (1)", "shovel s", "global parameters (1)", "new"]
        assert [loss.partition(":")[0] for loss in losses] == told

    def test_of_several_virtual_hosts_one_is_chosen(self) -> None:
        queues = [queue("a"), {**queue("b"), "vhost": "prod"}]
        with pytest.raises(BadInput, match="2 virtual hosts: /, prod"):
            imported(queues=queues)
        assert list(imported("prod", queues=queues)[0]["queues"]) == ["b"]
        with pytest.raises(BadInput, match="no virtual host nowhere"):
            imported("nowhere", queues=queues)

    @pytest.mark.parametrize(
        "content",
        [b"", b"[]", b"{}", b"[" * 100_000, b'{"queues": 1}', b'{"queues": [1]}',
         b'{"queues": [{"name": 1}]}', b'{"queues": [{"name": "q", "arguments": [1]}]}',
         b'{"queues": [], "x": NaN}', b'{"queues": [], "x": 1e999}', b"\xff",
         b'{"queues": [{"name": "\\ud800"}]}'],
    )  # fmt: skip
    def test_another_file_is_refused(self, content: bytes) -> None:
        with pytest.raises(BadInput):
            convert(content)


def test_an_import_can_be_applied_and_says_the_same_afterwards(store: Store) -> None:
    content = {
        "queues": [queue(x_dead_letter_exchange="dlx", x_message_ttl=1000), queue("dead")],
        "exchanges": [exchange("dlx", "fanout")],
        "bindings": [binding("dlx", "dead")],
    }
    topology, _ = convert(json.dumps(content).encode())
    store.apply([TopologyFile("definitions.json", writing.yaml(topology).encode())])
    assert store.export() == writing.yaml(topology)
    assert re.search(r"q: \{.*dlq: dead", store.export())
