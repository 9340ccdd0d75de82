"""A pattern that takes too long: named and refused everywhere, and nothing is held up or done."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from store import NewMessage, Store
from store.model import patterns

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cli.conftest import RunMq

PATTERN = "(a+)+$"
SLOW = "a" * 40 + "!"


@pytest.fixture
def post(path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """A DLQ, a queue and a topic, each with one value on which the pattern has no end."""
    monkeypatch.setattr(patterns, "PATIENCE", 0.05)
    with Store.open(path, create=True, durability="normal") as store:
        store.create_queue("graves")
        store.create_queue("emails", dlq="graves")
        store.send_many("emails", [NewMessage(SLOW)] * 2)
        (first,) = store.receive("emails", 1)
        store.reject([first.receipt or ""], error=SLOW)
        store.create_topic("notes")
        store.produce("notes", SLOW)
        yield store


@pytest.mark.parametrize(
    ("command", "field", "place"),
    [
        ("dlq redrive graves", "dead.error", "graves@0"),
        ("dlq redrive graves --dry-run", "value", "graves@0"),
        ("dlq redrive graves --rate 1/s", "dead.error", "graves@0"),
        ("dlq purge graves --yes", "dead.error", "graves@0"),
        ("dlq peek graves", "dead.error", "graves@0"),
        ("dlq peek graves --group-by error", "dead.error", "graves@0"),
        ("dlq export graves", "value", "graves@0"),
        ("peek emails", "value", "emails@1"),
        ("peek notes", "value", "notes/0@0"),
        ("consume notes", "value", "notes/0@0"),
        ("consume notes -g readers", "value", "notes/0@0"),
    ],
)
@pytest.mark.parametrize("operator", ["~", "!~"])
def test_a_pattern_without_end_is_named_and_does_nothing(
    call_mq: RunMq, post: Store, command: str, field: str, place: str, operator: str
) -> None:
    run = call_mq(*command.split(), "--where", f"{field} {operator} {PATTERN}")
    assert run.is_refused(2)
    assert f"{PATTERN!r} takes longer than" in run.err
    assert place in run.err
    assert [len(post.messages(queue)) for queue in ("graves", "emails")] == [1, 1]
    assert post.lag() == [] or post.lag()[0].committed is None


def test_a_policy_of_rabbitmq_is_bound_like_any_other(
    call_mq: RunMq, post: Store, tmp_path: Path
) -> None:
    queue = {"name": "a" * 40 + ".", "vhost": "/", "durable": True}
    policy = {"name": "p", "vhost": "/", "pattern": PATTERN, "definition": {"max-length": 1}}
    document = {"queues": [queue], "policies": [policy]}
    (tmp_path / "definitions.json").write_text(json.dumps(document))
    run = call_mq("import", "definitions.json")
    assert run.is_refused(2)
    assert f"{PATTERN!r} takes longer than" in run.err


def test_what_comes_before_the_value_is_shown_all_the_same(call_mq: RunMq, post: Store) -> None:
    assert call_mq("peek", "notes", "-n", "1", "--where", "value ~ a").code == 0
    post.produce("notes", "aaa")
    assert call_mq("peek", "notes", "--from", "1", "--where", f"value ~ {PATTERN}").code == 0
