"""What RabbitMQ does, case by case: facts from its own tests and from watching a broker.

The cases of area `stream` are about logs, and are driven beside Kafka's.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from store.routing.match import PatternTrie
from tests.conformance.conftest import Engine
from tests.support.rabbitmq_queue_cases import QUEUE_CASES
from tests.support.rabbitmq_routing_cases import ROUTING_CASES
from tests.support.sqs_frame import Queues

ALL_CASES = ROUTING_CASES | QUEUE_CASES
DATA = Path(__file__).parent / "data" / "rabbitmq.json"
KNOWN: dict[str, dict[str, Any]] = {
    case["id"]: case for case in json.loads(DATA.read_text()) if case["area"] != "stream"
}
MATRIX = json.loads(DATA.with_name("topic_matrix.json").read_text())

_EXPIRED_ANYWHERE = "an expired message goes wherever it stands, not only at the head"
_OLD_VERSION = "what an old version did: mq follows the newer or classic answer"
_NOTHING_DROPPED = "a DLQ must exist, and nothing is dropped for want of a target"
_NO_DEFAULT_EXCHANGE = "there is no default exchange and no reserved name: produce sends directly"
_NO_CONSUMER_PRIORITY = "consumers have no priorities: the first to ask receives"
_NOT_OFFERED = {
    "policy": "no policies: alter and apply change settings in place",
    "cc": "no CC and BCC headers",
    "hash": "no hash exchanges: a topic places by key",
    "lifecycle": "nothing deletes itself",
}

DEPARTURES = {
    "ttl-01": _EXPIRED_ANYWHERE,
    "ttl-05": _EXPIRED_ANYWHERE,
    "priority-07": _EXPIRED_ANYWHERE,
    "maxlen-03": _OLD_VERSION,
    "maxlen-07": "a publish is one transaction: refused by one queue means stored in none",
    "priority-09": _OLD_VERSION,
    "requeue-07": _OLD_VERSION,
    "requeue-11": "looking never changes a message",
    "dlx-13": _NOTHING_DROPPED,
    "dlx-21": _NOTHING_DROPPED,
    "dlx-23": _NOTHING_DROPPED,
    "prefetch-05": _NO_CONSUMER_PRIORITY,
    "sac-05": _NO_CONSUMER_PRIORITY,
    "errors-01": _NO_DEFAULT_EXCHANGE,
    "errors-03": _NO_DEFAULT_EXCHANGE,
} | {
    case["id"]: _NOT_OFFERED[case["area"]]
    for case in KNOWN.values()
    if case["area"] in _NOT_OFFERED
}


@pytest.mark.parametrize("id", sorted(ALL_CASES))
def test_it_is_as_in_rabbitmq(id: str, engine: Engine, queues: Queues) -> None:
    engine.must_pass(id)
    drive: Callable[[Queues], None] = ALL_CASES[id]

    drive(queues)


def test_every_case_is_in_exactly_one_list() -> None:
    listed = [*ALL_CASES, *DEPARTURES]

    assert sorted(listed) == sorted(KNOWN)


@pytest.mark.parametrize("pattern", sorted({row["pattern"] for row in MATRIX}))
def test_a_pattern_matches_the_keys_that_a_broker_let_it_match(pattern: str) -> None:
    trie: PatternTrie[str] = PatternTrie()
    trie.add(pattern, pattern)
    rows = [row for row in MATRIX if row["pattern"] == pattern]

    assert [bool(trie.match(row["key"])) for row in rows] == [row["match"] for row in rows]
