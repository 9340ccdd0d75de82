"""Drivers of the RabbitMQ cases about exchanges, bindings, and what is published through them."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from store import Binding, Conflict, Exists, NotFound
from store.model.topics import HeaderValue
from store.topology.rabbitmq_definitions.conversion import convert
from tests.support.sqs_frame import Driver, Queues, register_in

ROUTING_CASES: dict[str, Driver] = {}
case = register_in(ROUTING_CASES)

DATA = Path(__file__).parents[1] / "conformance" / "data" / "rabbitmq.json"


def _topic_case(given: dict[str, Any], key: str, expected: list[str], q: Queues) -> None:
    q.store.create_exchange("x", "topic")
    for number, pattern in enumerate(given["binding_keys"]):
        q.standard(name=f"q{number}")
        q.store.bind("x", f"q{number}", key=pattern)
    matched = [route.via[0].key for route in q.store.route("x", key)]
    q.store.publish("x", key, "m")
    stored = [
        pattern
        for number, pattern in enumerate(given["binding_keys"])
        if q.counts(f"q{number}") == (1, 0, 0)
    ]
    assert sorted(matched) == sorted(stored) == sorted(expected)


def _headers_case(
    given: dict[str, Any], headers: dict[str, Any], expected: bool, q: Queues
) -> None:
    arguments = dict(given)
    match = arguments.pop("x-match", "all")
    q.store.create_exchange("x", "headers")
    q.standard()
    q.store.bind("x", "q", headers=arguments, match=match)
    assert bool(q.store.route("x", "", headers)) is expected
    q.store.publish("x", "", "m", headers=headers)
    assert q.counts() == (int(expected), 0, 0)


def _register_tables() -> None:
    for known in json.loads(DATA.read_text()):
        setup, action, expected = known["setup"], known["action"], known["expected"]
        if known["area"] == "topic" and "binding_keys" in setup:
            key, matching = action["publish_routing_key"], expected["matching_binding_keys"]
            ROUTING_CASES[known["id"]] = partial(_topic_case, setup, key, matching)
        elif known["area"] == "headers" and "binding_arguments" in setup:
            ROUTING_CASES[known["id"]] = partial(
                _headers_case,
                setup["binding_arguments"],
                action["message_headers"],
                expected["match"],
            )


_register_tables()


@case("topic-25")
def any_number_of_hashes_is_accepted(q: Queues) -> None:
    q.store.create_exchange("x", "topic")
    q.standard()
    for pattern in ("#.#.#", "#.*.#.*.#", "a.#.b.#.c.#"):
        assert q.store.bind("x", "q", key=pattern)


@case("topic-27")
def an_empty_binding_key_touches_its_own_exchange_only(q: Queues) -> None:
    for number in (1, 2):
        q.store.create_exchange(f"x{number}", "topic")
        q.standard(name=f"q{number}")
        q.store.bind(f"x{number}", f"q{number}", key="")
    q.store.publish("x1", "", "m")
    assert (q.counts("q1"), q.counts("q2")) == ((1, 0, 0), (0, 0, 0))


@case("headers-17")
def a_header_without_a_value_asks_only_for_its_presence(q: Queues) -> None:
    q.store.create_exchange("x", "headers")
    wanted: dict[str, HeaderValue] = {"foo": None, "x-foo": None}
    for name, match in (("QAll", "all-with-x"), ("QAny", "any-with-x")):
        q.standard(name=name)
        q.store.bind("x", name, headers=wanted, match=match)
    published: list[dict[str, HeaderValue]] = [
        {"foo": "anything", "x-foo": 42}, {"foo": "w"}, {"x-foo": "s"}, {"other": 1}, {},
    ]  # fmt: skip
    for number, headers in enumerate(published, 1):
        q.store.publish("x", "", str(number), headers=headers)
    assert q.bodies(name="QAll") == ["1"]
    assert q.bodies(name="QAny") == ["1", "2", "3"]


@case("routing-01")
def several_matching_bindings_make_one_copy(q: Queues) -> None:
    q.store.create_exchange("x", "topic")
    q.standard()
    for pattern in ("a.*", "*.b", "#", "a.b"):
        q.store.bind("x", "q", key=pattern)
    assert len(q.store.publish("x", "a.b", "m")) == 1
    assert q.counts() == (1, 0, 0)
    assert len(q.store.route("x", "a.b")[0].via) == 4


@case("routing-03")
def arguments_are_part_of_what_a_binding_is(q: Queues) -> None:
    q.store.create_exchange("x", "topic")
    q.standard()
    q.store.bind("x", "q", key="k", headers={"x-foo": "bar"})
    with pytest.raises(NotFound):
        q.store.unbind("x", "q", key="k")
    assert q.store.bindings("x") == [Binding("x", "q", "queue", "k", {"x-foo": "bar"})]
    q.store.unbind("x", "q", key="k", headers={"x-foo": "bar"})
    assert q.store.bindings("x") == []


@case("e2e-01")
def a_ring_of_exchanges_ends_with_one_copy_each(q: Queues) -> None:
    for name in "ABC":
        q.store.create_exchange(name, "fanout")
    for source, target in ("AB", "BC", "CA"):
        q.store.bind(source, f"exchange:{target}")
    q.standard()
    q.standard(name="q2")
    for source, target in (("A", "q"), ("C", "q"), ("B", "q2")):
        q.store.bind(source, target)
    q.store.publish("A", "", "m")
    assert (q.counts("q"), q.counts("q2")) == ((1, 0, 0), (1, 0, 0))


@case("e2e-03")
def an_exchange_may_lead_to_several_others(q: Queues) -> None:
    q.store.create_exchange("x1", "topic")
    for number in (2, 3):
        q.store.create_exchange(f"x{number}", "topic")
        q.store.bind("x1", f"exchange:x{number}", key="#")
        q.standard(name=f"q{number - 1}")
        q.store.bind(f"x{number}", f"q{number - 1}", key="#")
    q.store.publish("x1", "k", "m")
    assert (q.counts("q1"), q.counts("q2")) == ((1, 0, 0), (1, 0, 0))


@case("ae-01")
def alternates_are_followed_and_the_key_stays(q: Queues) -> None:
    q.store.create_exchange("main", "direct", alternate="ae1")
    q.store.create_exchange("ae1", "fanout", alternate="ae2")
    q.store.create_exchange("ae2", "topic")
    q.standard(name="un")
    q.store.bind("ae2", "un", key="#")
    q.store.publish("main", "miss", "m", mandatory=True)
    (message,) = q.receive(name="un")
    assert message.key == b"miss"


@case("ae-03")
def a_binding_that_leads_nowhere_keeps_the_alternate_out(q: Queues) -> None:
    q.store.create_exchange("main", "direct", alternate="ae")
    q.store.create_exchange("ae", "fanout")
    q.store.create_exchange("empty", "direct")
    q.standard(name="un")
    q.store.bind("ae", "un")
    q.store.bind("main", "exchange:empty", key="k")
    assert q.store.publish("main", "k", "m") == []
    assert q.counts("un") == (0, 0, 0)


@case("ae-05")
def an_alternate_that_does_not_exist_is_as_none(q: Queues) -> None:
    q.store.create_exchange("main", "direct", alternate="nowhere")
    assert q.store.publish("main", "k", "m") == []


@case("confirm-01")
def what_leads_nowhere_is_confirmed_and_dropped(q: Queues) -> None:
    q.store.create_exchange("x", "direct")
    assert q.store.publish("x", "k", "m") == []


@case("confirm-03")
def publishing_to_no_exchange_is_refused(q: Queues) -> None:
    with pytest.raises(NotFound):
        q.store.publish("x", "k", "m")


@case("errors-05")
def what_is_missing_is_not_found(q: Queues) -> None:
    q.store.create_exchange("x", "direct")
    with pytest.raises(NotFound):
        q.store.purge_queue("q")
    with pytest.raises(NotFound):
        q.store.bind("x", "q", key="k")
    with pytest.raises(NotFound):
        q.store.queue("q")


@case("errors-09")
def an_exchange_in_use_is_kept_if_asked(q: Queues) -> None:
    q.store.create_exchange("x", "direct")
    q.standard()
    q.store.bind("x", "q", key="k")
    with pytest.raises(Conflict):
        q.store.delete_exchange("x", if_unused=True)
    assert q.store.exchange("x").bindings == 1


@case("declare-09")
def an_exchange_of_another_type_is_another_exchange(q: Queues) -> None:
    q.store.create_exchange("x", "direct")
    with pytest.raises(Exists):
        q.store.create_exchange("x", "topic", if_not_exists=True)


@case("dlx-15")
def the_key_of_the_queue_is_the_only_one_that_a_dead_letter_is_routed_by(q: Queues) -> None:
    q.store.create_exchange("dead", "direct")
    for name in ("own", "cc", "set"):
        q.standard(name=name)
        q.store.bind("dead", name, key=name)
    q.standard(dlq="exchange:dead", dlq_key="set")
    q.store.send("q", "m", key="own", headers={"CC": "cc"})
    q.store.reject(list(q.in_hand().values()))
    (letter,) = q.receive(name="set")
    assert letter.headers == {"CC": "cc"}
    assert (q.counts("own"), q.counts("cc")) == ((0, 0, 0), (0, 0, 0))


@case("dlx-17")
def an_argument_says_more_than_a_policy(q: Queues) -> None:
    queue = {"vhost": "/", "durable": True, "auto_delete": False}
    own = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "argument"}
    policy = {"dead-letter-exchange": "", "dead-letter-routing-key": "policy"}
    definitions = {
        "vhosts": [{"name": "/"}],
        "queues": [
            {**queue, "name": "src", "arguments": own},
            {**queue, "name": "argument", "arguments": {}},
            {**queue, "name": "policy", "arguments": {}},
        ],
        "policies": [
            {
                "vhost": "/", "name": "p", "pattern": "src", "apply-to": "queues", "priority": 1,
                "definition": policy,
            }
        ],
    }  # fmt: skip
    topology, _ = convert(json.dumps(definitions).encode())
    (source,) = [thing for thing in topology.of("queue") if thing.name == "src"]
    assert source.settings["dlq"] == "argument"
