"""A file for several engines: settings for one alone, and an engine's own."""

from __future__ import annotations

import pytest

from store.topology.model import Resource
from store.topology.problems import Problems
from store.topology.reading import TopologyFile, read

BOTH = "version: 1\nqueues:\n  q: {ttl: 1h, only: {file: {lease: 45s}, rabbitmq: {ttl: 2h}}}\n"


def queue(text: str, engine: str) -> Resource:
    """The queue `q` as an engine sees it."""
    problems = Problems()
    found = read([TopologyFile("f", text.encode())], problems, engine).get("queue", "q")
    assert [str(problem) for problem in problems.found] == []
    assert found is not None
    return found


def problem(text: str) -> str:
    """The first problem of a file."""
    problems = Problems()
    read([TopologyFile("f", text.encode())], problems)
    return str(problems.found[0])


@pytest.mark.parametrize(
    ("engine", "ttl", "lease"), [("sqlite", "1h", "45s"), ("rabbitmq", "2h", "30s")]
)
def test_settings_of_one_engine_go_over_the_common_ones(engine: str, ttl: str, lease: str) -> None:
    settings = queue(BOTH, engine).settings
    assert (settings["ttl"], settings["lease"]) == (ttl, lease)


def test_they_keep_their_place_for_refusals() -> None:
    thing = queue(BOTH, "sqlite")
    assert thing.place_of("lease").column == 37
    assert "lease" not in queue(BOTH, "rabbitmq").places


def test_an_own_setting_of_another_engine_is_passed_over() -> None:
    text = "version: 1\ntopics:\n  t: {retention: 1h, kafka: {replicas: 3}}\n"
    for engine, native in (("sqlite", {}), ("kafka", {"kafka.replicas": "3"})):
        thing = read([TopologyFile("f", text.encode())], Problems(), engine).get("topic", "t")
        assert thing is not None
        assert (thing.settings["retention"], thing.native) == ("1h", native)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ("only: {rabbit: {ttl: 1h}}", "f:3:14: error: unknown engine 'rabbit': did you mean"),
        ("only: {rabbitmq: {tl: 1h}}", "f:3:25: error: unknown key 'tl': did you mean 'ttl'?"),
        ("only: {rabbitmq: 1}", "f:3:24: error: rabbitmq needs a mapping of settings"),
        ("only: 1", "f:3:13: error: only is a mapping of engines to settings"),
        ("rabbitmq: {x: 1}", "f:3:18: error: rabbitmq has no setting of its own 'x'"),
        ("kafka: 1", "f:3:14: error: kafka needs a mapping of its own settings"),
        ("sqs: {x: [1]}", "f:3:16: error: x is one value"),
        ("kafka: {replicas: 1}", "f:3:15: error: kafka has no setting of its own 'replicas'"),
    ],
)
def test_a_slip_is_told_on_any_engine(settings: str, told: str) -> None:
    assert problem(f"version: 1\nqueues:\n  q: {{{settings}}}\n").startswith(told)
