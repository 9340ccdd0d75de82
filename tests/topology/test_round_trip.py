"""What is exported is what was applied, whatever it was."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings, strategies as st

from store import Store
from store.topology.checks import validate
from store.topology.kinds import KINDS
from store.topology.model import Resource, Topology
from store.topology.reading import TopologyFile
from store.topology.writing import yaml
from tests.topology.conftest import EXAMPLE

NAMES = ["a", "b-1", "c.dlq", "null", "1", "1e3", "yes", "Z_9", "2026-01-01"]
DURATIONS = st.sampled_from(["250ms", "1s", "90s", "1h", "7d"])
SIZES = st.sampled_from(["1B", "1537B", "64KiB", "1MiB"])
FLAGS = st.sampled_from(["true", "false"])
HEADERS = st.dictionaries(
    st.text(min_size=1, max_size=4).filter(lambda name: name != "x-match"),
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(max_size=6)
    | st.floats(allow_nan=False, allow_infinity=False),
    max_size=3,
)  # fmt: skip


def texts(
    alphabet: str = "ab.*#\"'\\:{}[],&!|>%@`~ \téü\u2028\U0001f600",
) -> st.SearchStrategy[str]:
    return st.text(alphabet, max_size=12)


@st.composite
def topologies(draw: st.DrawFn) -> dict[str, Any]:
    """A sound topology as the plain values of a file."""
    names = draw(st.lists(st.sampled_from(NAMES), unique=True, max_size=len(NAMES)))
    split = draw(st.integers(0, len(names)))
    topics, queues = names[:split], names[split:]
    exchanges = draw(st.lists(st.sampled_from(NAMES), unique=True, max_size=4))
    declared: dict[str, Any] = {"version": 1}
    declared["topics"] = {name: draw(topic_settings()) for name in topics}
    declared["queues"] = {name: draw(queue_settings()) for name in queues}
    for name in queues:
        fifo = declared["queues"][name].get("fifo", "false")
        targets = [
            other
            for other in queues
            if other != name and declared["queues"][other].get("fifo", "false") == fifo
        ]
        if targets and draw(FLAGS) == "true":
            declared["queues"][name]["dlq"] = draw(st.sampled_from(targets))
            if draw(st.booleans()):
                declared["queues"][name]["overflow"] = "dead-letter"
            if draw(st.booleans()):
                limit = draw(st.sampled_from(["none", "1", "5", "7"]))
                declared["queues"][name]["max_deliveries"] = limit
    declared["exchanges"] = {
        name: draw(exchange_settings([other for other in exchanges if other != name]))
        for name in exchanges
    }
    destinations = names + [f"exchange:{name}" for name in exchanges]
    if exchanges and destinations:
        binding = st.fixed_dictionaries(
            {"from": st.sampled_from(exchanges), "to": st.sampled_from(destinations)},
            optional={
                "key": texts(),
                "headers": HEADERS,
                "match": st.sampled_from(["all", "any", "all-with-x", "any-with-x"]),
            },
        )
        declared["bindings"] = draw(st.lists(binding, max_size=5, unique_by=_identity))
    groups = draw(st.lists(st.sampled_from(NAMES), unique=True, max_size=3))
    declared["groups"] = {name: draw(group_settings(topics)) for name in groups}
    if topics:
        shares = draw(st.lists(st.sampled_from(["s1", "s2"]), unique=True))
        declared["shares"] = {name: draw(share_settings(topics)) for name in shares}
    return {section: content for section, content in declared.items() if content}


def _identity(binding: dict[str, Any]) -> str:
    headers = sorted((name, repr(value)) for name, value in binding.get("headers", {}).items())
    parts = (binding["from"], binding["to"], binding.get("key", ""), headers)
    return repr((*parts, binding.get("match", "all")))


def topic_settings() -> st.SearchStrategy[dict[str, str]]:
    return st.fixed_dictionaries(
        {},
        optional={
            "partitions": st.integers(1, 5).map(str),
            "retention": DURATIONS | st.just("forever"),
            "retention_bytes": SIZES | st.just("none"),
            "cleanup": st.sampled_from(["delete", "compact", "compact,delete"]),
            "tombstone_delay": DURATIONS,
            "compaction_lag": DURATIONS,
            "max_message": SIZES,
        },
    )


def queue_settings() -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {},
        optional={
            "fifo": FLAGS,
            "lease": DURATIONS,
            "delay": DURATIONS,
            "retention": DURATIONS,
            "retry_delays": st.lists(DURATIONS, max_size=3).map(lambda d: ",".join(d) or "none"),
            "dedup": DURATIONS | st.just("none"),
            "content_dedup": FLAGS,
            "dedup_scope": st.sampled_from(["queue", "group"]),
            "ttl": DURATIONS | st.just("none"),
            "max_length": st.sampled_from(["none", "0", "10"]),
            "max_bytes": SIZES | st.just("none"),
            "overflow": st.sampled_from(["drop-head", "reject"]),
            "single_active": FLAGS,
            "max_message": SIZES,
        },
    )


def exchange_settings(others: list[str]) -> st.SearchStrategy[dict[str, str]]:
    return st.fixed_dictionaries(
        {"type": st.sampled_from(["direct", "topic", "fanout", "headers"])},
        optional={"alternate": st.sampled_from([*others, "none"])},
    )


def group_settings(topics: list[str]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {"topics": st.lists(st.sampled_from(topics), unique=True)} if topics else {},
        optional={
            "max_lag": st.sampled_from(["none", "0", "1000"]),
            "max_lag_time": DURATIONS | st.just("none"),
            "below_start": st.sampled_from(["earliest", "latest", "error"]),
            "assignor": st.sampled_from(["cooperative-sticky", "range", "roundrobin"]),
        },
    )


def share_settings(topics: list[str]) -> st.SearchStrategy[dict[str, str]]:
    return st.fixed_dictionaries(
        {"topic": st.sampled_from(topics)},
        optional={
            "lease": DURATIONS,
            "max_deliveries": st.sampled_from(["none", "1", "5"]),
            "max_in_flight": st.sampled_from(["1", "2000"]),
            "from": st.sampled_from(["earliest", "latest", "-3"]),
        },
    )


def as_file(content: dict[str, Any]) -> TopologyFile:
    """The file, as somebody else's YAML writer has it."""
    import yaml as pyyaml

    return TopologyFile("random.yaml", pyyaml.safe_dump(content, allow_unicode=True).encode())


@settings(max_examples=25, deadline=None)
@given(topologies())
def test_an_export_has_no_changes_and_makes_the_same_again(declared: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        with Store.open(Path(folder, "first.db"), create=True, durability="normal") as first:
            first.apply([as_file(declared)])
            exported = first.export()
            again = TopologyFile("again.yaml", exported.encode())
            assert all(problem.severity == "warning" for problem in validate([again]))
            assert first.plan([again]).steps == ()
        with Store.open(Path(folder, "second.db"), create=True, durability="normal") as second:
            second.apply([again])
            assert second.export() == exported


def test_a_key_that_reads_like_headers_is_another_binding(store: Store) -> None:
    store.create_exchange("audit", "headers")
    store.create_queue("vault")
    store.bind("audit", "vault", key="k", headers={"a": 1})
    store.bind("audit", "vault", key='k headers {"a":1}')
    exported = store.export()
    assert (exported.count("from: audit"), len(store.bindings())) == (2, 2)
    assert store.plan([TopologyFile("again.yaml", exported.encode())]).steps == ()


def test_an_alternate_that_is_not_there_yet_is_no_change(store: Store) -> None:
    store.create_exchange("events", "topic", alternate="later")
    plan = store.plan([TopologyFile("again.yaml", store.export().encode())])
    assert plan.steps == ()
    assert [problem.message for problem in plan.warnings] == [
        "alternate: there is no exchange later; until then what no binding of events matches is"
        " dropped"
    ]


@given(st.dictionaries(texts(), texts(), max_size=4))
def test_any_text_is_written_so_that_it_is_read_again(values: dict[str, str]) -> None:
    import yaml as pyyaml

    from store.topology.writing import flow

    assert pyyaml.safe_load(flow(values)) == values


def test_the_order_of_declaration_does_not_show(store: Store) -> None:
    things = [Resource("queue", name, KINDS["queue"].complete({})) for name in ("b", "a", "c")]
    assert yaml(Topology(things)) == yaml(Topology(reversed(things)))


def test_an_export_reads_like_a_file_that_a_person_wrote(store: Store) -> None:
    store.apply([TopologyFile("shop.yaml", EXAMPLE.encode())])
    assert (
        store.export()
        == """\
version: 1
topics:
  orders: {partitions: 6}
queues:
  billing: {fifo: true, dedup: 5m}
  emails: {lease: 45s, max_deliveries: 5, dlq: emails.dlq, retry_delays: [5s, 1m]}
  emails.dlq: {}
  vault: {}
exchanges:
  audit: {type: headers}
  events: {type: topic, alternate: unrouted}
  unrouted: {type: fanout}
bindings:
  - {from: audit, to: vault, headers: {attempts: 1, region: eu}}
  - {from: events, to: emails, key: "order.*.created"}
  - {from: events, to: "exchange:audit", key: "#"}
  - {from: events, to: orders, key: "order.#"}
groups:
  analytics: {topics: [orders], max_lag: 1000, max_lag_time: 5m}
shares:
  packers: {topic: orders, lease: 1m, dlq: emails.dlq}"""
    )
