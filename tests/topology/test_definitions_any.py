"""Whatever a definitions file says, what comes out can be applied."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings, strategies as st

from store.topology import writing
from store.topology.checks import validate
from store.topology.rabbitmq_definitions.conversion import convert
from store.topology.reading import TopologyFile

VALUES = st.none() | st.booleans() | st.integers(-2, 2**40) | st.sampled_from(
    ["", "a", "b", "7D", "quorum", "stream", "reject-publish", "reject-publish-dlx", "any"]
) | st.just([1])  # fmt: skip
ARGUMENTS = st.dictionaries(
    st.sampled_from(
        ["x-queue-type", "x-message-ttl", "x-max-length", "x-max-length-bytes", "x-overflow",
         "x-dead-letter-exchange", "x-dead-letter-routing-key", "x-delivery-limit", "x-max-age",
         "x-max-priority", "x-single-active-consumer", "alternate-exchange", "x-match", "h"]
    ), VALUES, max_size=6,
)  # fmt: skip
NAMES = st.sampled_from(["a", "b", "c d", "/", "ü", "-x"])


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.fixed_dictionaries({"name": NAMES, "arguments": ARGUMENTS}), max_size=4),
    st.lists(
        st.fixed_dictionaries(
            {
                "name": NAMES,
                "type": st.sampled_from(["direct", "topic", "fanout", "headers", "x-random"]),
                "arguments": ARGUMENTS,
            }
        ),
        max_size=3,
    ),
    st.lists(
        st.fixed_dictionaries(
            {
                "source": NAMES | st.just("amq.topic"),
                "destination": NAMES,
                "destination_type": st.sampled_from(["queue", "exchange"]),
                "routing_key": st.sampled_from(["", "#", "a.*", "a"]),
                "arguments": ARGUMENTS,
            }
        ),
        max_size=4,
    ),
    st.dictionaries(
        st.sampled_from(["message-ttl", "max-length", "dead-letter-exchange", "overflow"]), VALUES
    ),
)
def test_whatever_is_defined_the_topology_is_sound(
    queues: list[Any], exchanges: list[Any], bindings: list[Any], definition: dict[str, Any]
) -> None:
    content = {
        "queues": queues,
        "exchanges": exchanges,
        "bindings": bindings,
        "policies": [{"name": "p", "pattern": "", "definition": definition}],
    }
    topology, _ = convert(json.dumps(content).encode())
    source = TopologyFile("imported.yaml", writing.yaml(topology).encode())
    assert [str(p) for p in validate([source]) if p.severity == "error"] == []
