"""Topologies on engines that lack a part of them: what is left out is named, the rest plans."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from mq.command_line import run
from store import BadInput
from store.advice.advice import advise
from store.advice.questions import read_workload
from store.api.places import all_features, rules_of
from store.engine.broker import Broker
from store.engine.features import Feature
from store.engine.landing import land
from store.topology import fitting
from store.topology.model import Topology
from store.topology.problems import InvalidTopology, Problems
from store.topology.reading import TopologyFile, read
from store.topology.writing import yaml

CONFIGS = sorted((Path(__file__).parents[2] / "configs").glob("*.yaml"))
EXPECTED = Path(__file__).with_name("config_losses.txt")
WORKLOADS: list[dict[str, Any]] = [
    {"replay": True, "readers": "a,b"},
    {"per_message": "retry", "readers": "a,b", "routing": "key"},
    {"per_message": "retry,delay,priority"},
    {"per_message": "uneven", "replay": True, "readers": "a,b"},
    {"order": "key", "per_message": "retry"},
    {"order": "all", "source_of_truth": True},
    {"latest_only": True},
    {"routing": "headers", "replay": True, "per_message": "retry", "readers": "a,b"},
]


def wanted(config: Path, engine: str) -> Topology:
    """What a file declares for an engine."""
    problems = Problems()
    topology = read([TopologyFile.of(config)], problems, engine)
    problems.raise_errors()
    return topology


def file(topology: Topology) -> list[TopologyFile]:
    """A file of this topology."""
    return [TopologyFile("fitted.yaml", yaml(topology).encode())]


def test_the_topologies_that_come_with_mq_tell_what_each_engine_leaves_out() -> None:
    told = [
        f"{config.stem} on {engine}: {one.setting or 'all'} of {one.kind} {one.name}"
        for config in CONFIGS
        for engine in all_features()
        for one in fitting.fit(wanted(config, engine), rules_of(engine).refusal).left_out
    ]
    text = "".join(f"{line}\n" for line in told)
    if os.environ.get("UPDATE_LOSSES"):
        EXPECTED.write_text(text, encoding="utf-8")
    assert text == EXPECTED.read_text(encoding="utf-8"), "UPDATE_LOSSES=1 writes it anew"


@pytest.mark.needs(Feature.TOPOLOGY)
def test_what_is_left_of_them_plans_and_what_is_left_out_does_not(broker: Broker) -> None:
    engine = broker.features.engine
    for config in CONFIGS:
        topology = wanted(config, engine)
        fitted = fitting.fit(topology, broker.refusal)
        if fitted.left_out:
            with pytest.raises(InvalidTopology):
                broker.plan([TopologyFile.of(config)])
        assert len(broker.plan(file(fitted.topology)).steps) == len(list(fitted.topology))


@pytest.mark.needs(Feature.TOPOLOGY)
def test_the_things_of_an_advice_plan_on_the_engine_that_it_is_for(broker: Broker) -> None:
    engine = broker.features.engine
    for answers in WORKLOADS:
        workload = read_workload(answers)
        landing = land(workload, advise(workload), rules_of(engine))
        assert list(landing.topology)
        plan = broker.plan(file(landing.topology))
        assert len(plan.steps) == len(list(landing.topology))


@pytest.mark.parametrize(
    ("engine", "place"),
    [
        ("file", "log-and-queue"),
        ("rabbitmq", "log-and-queue"),
        ("kafka", "share"),
        ("sqs", "queue"),
    ],
)
def test_an_advice_lands_on_the_nearest_that_an_engine_has(engine: str, place: str) -> None:
    workload = read_workload({"replay": True, "routing": "key", "per_message": "delay"})
    advice = advise(workload)
    assert advice.place == "log-and-queue"
    assert land(workload, advice, rules_of(engine)).place == place


def test_each_answer_has_its_level_and_the_way_out(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["advise", "--per-message", "priority", "--for", "sqs", "-o", "table"]) == 0
    out = " ".join(capfd.readouterr().out.split())
    assert "a queue: queues: native" in out
    assert "priorities: absent: a queue has no levels; instead: a queue for each level" in out
    assert "LEFT OUT priorities of queue events" in out


def test_yaml_alone_says_in_comments_what_is_left_out(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["advise", "--per-message", "priority", "--for", "sqs", "--yaml"]) == 0
    out = capfd.readouterr().out
    assert out.splitlines()[1].startswith("# left out: priorities of queue events: sqs has no")
    assert "  events: {lease: 30s, max_deliveries: 5, dlq: events-dlq}" in out


def test_an_engine_that_there_is_not_is_refused() -> None:
    with pytest.raises(BadInput, match="no engine 'rabbit'"):
        rules_of("rabbit")
