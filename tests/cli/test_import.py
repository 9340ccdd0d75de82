"""`mq import`: YAML on stdout, losses on stderr, and applied when asked for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from store import Store

if TYPE_CHECKING:
    from tests.cli.conftest import RunMq

DEFINITIONS = {
    "rabbitmq_version": "3.13.7",
    "users": [{"name": "guest"}],
    "queues": [
        {"name": "emails", "vhost": "/", "arguments": {"x-expires": 1, "x-message-ttl": 1000}}
    ],
    "exchanges": [{"name": "events", "vhost": "/", "type": "topic", "arguments": {}}],
    "bindings": [
        {"source": "events", "vhost": "/", "destination": "emails", "destination_type": "queue",
         "routing_key": "#", "arguments": {}}
    ],
}  # fmt: skip


@pytest.fixture
def definitions(tmp_path: Path) -> str:
    (tmp_path / "definitions.json").write_text(json.dumps(DEFINITIONS))
    return "definitions.json"


def test_it_writes_a_topology_and_tells_what_is_lost(
    call_mq: RunMq, definitions: str, path: Path
) -> None:
    run = call_mq("import", definitions)
    assert run.code == 0
    assert run.text == (
        "version: 1\n"
        "queues:\n"
        "  emails: {retention: 3650d, ttl: 1s}\n"
        "exchanges:\n"
        "  events: {type: topic}\n"
        "bindings:\n"
        '  - {from: events, to: emails, key: "#"}\n'
    )
    assert [line.partition(": ")[2][:46] for line in run.err.splitlines()] == [
        "warning: not carried over: queue emails: x-exp",
        "warning: not carried over: users (1): who may ",
    ]
    assert not path.exists()


def test_what_it_writes_can_be_validated(call_mq: RunMq, run_mq: RunMq, definitions: str) -> None:
    written = call_mq("import", definitions).out
    assert run_mq("validate", "-", stdin=written).code == 0


def test_it_can_be_json(call_mq: RunMq, definitions: str) -> None:
    document = json.loads(call_mq("import", definitions, "--json").out)
    assert document["queues"]["emails"]["ttl"] == "1s"


def test_it_can_be_applied(call_mq: RunMq, definitions: str, path: Path) -> None:
    run = call_mq("import", definitions, "--apply")
    assert (run.code, run.out) == (0, b"")
    with Store.open(path) as store:
        assert store.queue("emails").config.ttl == 1000
        assert len(store.bindings("events")) == 1


def test_several_virtual_hosts_need_a_choice(call_mq: RunMq, tmp_path: Path) -> None:
    queues = [{"name": "a", "vhost": "/"}, {"name": "b", "vhost": "prod"}]
    (tmp_path / "two.json").write_text(json.dumps({"queues": queues}))
    run = call_mq("import", "two.json")
    assert run.is_refused(2)
    assert "--vhost" in run.err
    assert "b: {" in call_mq("import", "two.json", "--vhost", "prod").text


def test_another_file_is_bad_input(call_mq: RunMq, tmp_path: Path) -> None:
    (tmp_path / "other.json").write_text("{}")
    assert call_mq("import", "other.json").is_refused(2)


def test_a_file_that_is_not_there_is_not_found(call_mq: RunMq) -> None:
    assert call_mq("import", "none.json").is_refused(3)
