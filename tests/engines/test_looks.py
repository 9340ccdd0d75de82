"""The operator's looks on every engine, and commands that only a file has."""

from __future__ import annotations

import subprocess
import sys

import pytest

from store import Unsupported
from store.engine.broker import Broker
from store.engine.features import Feature
from store.model.actions import PurgeQueue
from store.model.addresses import Address
from tests.engines.conftest import NewTopic


@pytest.fixture
def emails(broker: Broker) -> Broker:
    """A queue with a message."""
    broker.create_queue("emails")
    broker.send("emails", b"one")
    return broker


@pytest.mark.needs(Feature.QUEUES, Feature.STATUS)
def test_the_status_names_engine_version_and_place(emails: Broker) -> None:
    status = emails.status()
    assert (status.engine, status.version) == (emails.features.engine, emails.features.version)
    assert status.queues == 1


@pytest.mark.needs(Feature.QUEUES, Feature.STATUS)
def test_the_kind_of_a_name_is_known(emails: Broker) -> None:
    assert (emails.kind("emails"), emails.kind("nothing")) == ("queue", None)


@pytest.mark.needs(Feature.QUEUES, Feature.DASHBOARD)
def test_the_overview_has_every_queue(emails: Broker) -> None:
    assert [subject.name for subject in emails.snapshot().subjects] == ["emails"]


@pytest.mark.needs(Feature.QUEUES, Feature.STALLS)
def test_a_queue_that_was_just_sent_to_is_no_stall(emails: Broker) -> None:
    assert emails.stalls() == []


@pytest.mark.needs(Feature.QUEUES, Feature.METRICS)
def test_metrics_have_the_depth_of_queues(emails: Broker) -> None:
    (family,) = [one for one in emails.metrics() if one.name == "mq_queue_messages"]
    assert {sample.labels["queue"] for sample in family.samples} == {"emails"}


@pytest.mark.needs(Feature.QUEUES, Feature.DOCTOR)
def test_the_doctor_looks_at_it(emails: Broker) -> None:
    assert all(finding.address for finding in emails.doctor())


@pytest.mark.needs(Feature.QUEUES, Feature.EXPLAIN)
def test_a_message_is_explained(emails: Broker) -> None:
    emails.explain(Address("emails", None, 0))


@pytest.mark.needs(Feature.QUEUES, Feature.PERFORM)
def test_a_remedy_is_performed(emails: Broker) -> None:
    emails.perform(PurgeQueue("emails"))


COMMANDS = [
    pytest.param(["verify"], marks=pytest.mark.needs(Feature.FILE)),
    pytest.param(
        ["pipe", "a", "b", "-g", "g", "--once", "--", "cat"],
        marks=pytest.mark.needs(Feature.TRANSACTIONS),
    ),
    pytest.param(["project", "a", "t", "--pk", "id"], marks=pytest.mark.needs(Feature.PROJECTIONS)),
]


@pytest.mark.parametrize("words", COMMANDS)
def test_a_command_of_some_engines_is_refused_elsewhere(
    broker: Broker, place: str, words: list[str], new_topic: NewTopic
) -> None:
    if not broker.features.lacks(Feature.TRANSACTIONS):
        new_topic("a", 1)
        new_topic("b", 1)
    done = subprocess.run(
        [sys.executable, "-m", "mq", "-s", place, "-o", "ndjson", *words],
        capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False,
    )  # fmt: skip
    if done.returncode == 2:
        import json

        error = json.loads(done.stderr)["error"]
        raise Unsupported(error["message"], error["hint"], error["feature"])
    assert done.returncode == 0
