"""`mq metrics`: OpenMetrics text that Prometheus' own parser reads, with the store's numbers."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from store import NewRecord, Store
from store.model.clock import ManualClock
from store.model.metrics import Family, to_openmetrics

if TYPE_CHECKING:
    from tests.cli.conftest import RunMq

# Of the dev extra; nothing but this judge of our text needs it.
text_format = pytest.importorskip("prometheus_client.parser")
openmetrics = pytest.importorskip("prometheus_client.openmetrics.parser")


@pytest.fixture
def busy(store: Store, clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A topic with a group stalled for two hours, and a queue with a message in each state."""
    monkeypatch.setattr("store.api.store.SystemClock", lambda: clock)
    store.create_topic("orders", partitions=2, retention=None)
    store.produce_many("orders", [NewRecord(b"v", partition=0)] * 5)
    store.create_group("billing", topics=["orders"])
    with store.transaction() as tx:
        tx.commit("billing", {("orders", 0): 2})
    clock.advance(7200)
    store.create_share("packers", "orders")
    store.acquire("packers", max_records=2)
    store.create_queue("mails", lease=60, dlq=None)
    for delay in (0, 0, 0, 600):
        store.send("mails", "v", delay=delay)
    store.ack([message.receipt or "" for message in store.receive("mails")])
    store.receive("mails")
    clock.advance(5)
    return store


Values = dict[tuple[str, frozenset[tuple[str, str]]], float]


def values(text: str) -> Values:
    """Every sample of OpenMetrics text by name and labels."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in openmetrics.text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(found: Values, name: str, **labels: str) -> float:
    return found[name, frozenset(labels.items())]


def test_a_member_that_timed_out_is_not_counted(store: Store, clock: ManualClock) -> None:
    store.create_topic("orders")
    store.consumer("billing", ["orders"], session_timeout=45)
    before = to_openmetrics(store.metrics())
    clock.advance(60)
    after = to_openmetrics(store.metrics())

    members = "mq_group_members", frozenset({("group", "billing")})
    assert (values(before)[members], values(after)[members]) == (1, 0)


@pytest.mark.parametrize(
    ("name", "labels", "expected"),
    [
        ("mq_topic_records", {"topic": "orders", "partition": "0"}, 5),
        ("mq_topic_appended_records_total", {"topic": "orders", "partition": "0"}, 5),
        ("mq_topic_bytes", {"topic": "orders", "partition": "0"}, 5),
        ("mq_queue_messages", {"queue": "mails", "state": "ready"}, 1),
        ("mq_queue_messages", {"queue": "mails", "state": "leased"}, 1),
        ("mq_queue_messages", {"queue": "mails", "state": "delayed"}, 1),
        ("mq_queue_messages", {"queue": "mails", "state": "blocked"}, 0),
        ("mq_queue_oldest_seconds", {"queue": "mails"}, 5),
        ("mq_queue_sent_messages_total", {"queue": "mails"}, 4),
        ("mq_queue_acknowledged_messages_total", {"queue": "mails"}, 1),
        ("mq_queue_dead_letters", {"queue": "mails"}, 0),
        ("mq_group_lag_records", {"group": "billing", "topic": "orders", "partition": "0"}, 3),
        ("mq_group_lag_seconds", {"group": "billing", "topic": "orders", "partition": "0"}, 7205),
        ("mq_group_lag_bytes", {"group": "billing", "topic": "orders", "partition": "0"}, 3),
        ("mq_group_members", {"group": "billing"}, 0),
        ("mq_share_lag_records", {"share": "packers", "topic": "orders", "partition": "0"}, 5),
        (
            "mq_share_in_flight_records",
            {"share": "packers", "topic": "orders", "partition": "0"},
            2,
        ),
        ("mq_stalls", {"cause": "unassigned"}, 1),
        ("mq_stalls", {"cause": "poison"}, 0),
        (
            "mq_stall_seconds",
            {"kind": "group", "source": "orders/0", "reader": "billing", "cause": "unassigned"},
            7205,
        ),
    ],
)
def test_its_numbers_are_those_of_the_store(
    call_mq: RunMq, busy: Store, name: str, labels: dict[str, str], expected: float
) -> None:
    assert value(values(call_mq("metrics").text), name, **labels) == expected


def test_sizes_are_those_of_mq_status(call_mq: RunMq, busy: Store) -> None:
    status = json.loads(call_mq("status", "-o", "json").out)
    found = values(call_mq("metrics").text)
    for name in ("bytes", "free_bytes", "wal_bytes"):
        assert value(found, f"mq_store_{name}") == status[name]


def test_an_empty_store_has_metrics_too(call_mq: RunMq, store: Store) -> None:
    assert value(values(call_mq("metrics").text), "mq_stalls", cause="held") == 0


def test_the_older_text_format_can_be_read_from_it_as_node_exporter_does(
    call_mq: RunMq, busy: Store
) -> None:
    text = call_mq("metrics").text
    names = {
        sample.name
        for family in text_format.text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert {"mq_queue_sent_messages_total", "mq_group_lag_records"} <= names


def test_labels_are_escaped() -> None:
    family = Family("mq_store_info", "gauge", "The store.")
    family.add(1, path='a "b"\\c\nd')
    ((_, labels),) = values(to_openmetrics([family]))
    assert dict(labels) == {"path": 'a "b"\\c\nd'}


def test_to_file_replaces_the_file_and_leaves_nothing_beside_it(
    call_mq: RunMq, busy: Store, tmp_path: Path
) -> None:
    folder = tmp_path / "collector"
    folder.mkdir()
    (folder / "mq.prom").write_text("old")
    assert call_mq("metrics", "--to-file", "collector/mq.prom").out == b""
    assert (folder / "mq.prom").read_text() == call_mq("metrics").text
    assert os.listdir(folder) == ["mq.prom"]
    assert (folder / "mq.prom").stat().st_mode & 0o777 == 0o644


def test_a_folder_that_is_not_there_is_refused(call_mq: RunMq, busy: Store) -> None:
    assert call_mq("metrics", "--to-file", "nowhere/mq.prom").is_refused(2)


def test_as_json_it_is_one_object_per_number(call_mq: RunMq, busy: Store) -> None:
    rows = json.loads(call_mq("metrics", "-o", "json").out)
    assert {"name": "mq_stalls", "labels": {"cause": "unassigned"}, "value": 1} in rows


def test_a_missing_store_is_not_found(call_mq: RunMq, path: Path) -> None:
    assert call_mq("metrics").is_refused(3)
