"""What the doctor prescribes can be taken: every command exists, with its options."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from store import NewMessage, NewRecord, Store, parse_position
from store.model.clock import ManualClock
from store.sqlite.operations.doctor.file import Facts, examine
from tests.test_docs import ROOT, unknown

DAY = 86_400


@pytest.fixture
def sick(store: Store, path: Path, clock: ManualClock) -> Store:
    """A store with nearly everything wrong that the doctor knows."""
    random.seed(88)
    store.create_topic("orders", partitions=3, retention=DAY / 2)
    store.produce_many("orders", [NewRecord(b"v", key="hot") for _ in range(1000)])
    store.create_group("billing", topics=["orders"], max_lag_time=DAY)
    store.create_topic("sizes", retention_bytes=2000)
    store.create_share("packers", "sizes")
    store.produce_many("sizes", [NewRecord(b"v" * 1000) for _ in range(2)])
    store.create_exchange("events", "topic")
    store.create_exchange("orders", "topic", alternate="nowhere")
    store.create_queue("mails", dlq="exchange:events", dlq_key="mail", chaos="throttle=3000/s")
    store.bind("orders", "mails", key="a.*")
    store.create_exchange("some", "direct")
    store.bind("some", "mails", key="a")
    store.create_queue("a")
    store.create_queue("b", dlq="a")
    store.alter_queue("a", dlq="b")
    store.create_queue("drops", max_deliveries=3, drop_exhausted=True)
    store.create_queue("short")
    store.create_queue("source", dlq="short")
    store.create_queue("bills", fifo=True)
    messages = [NewMessage(b"v", message_group="big", dedup_id=f"{n}") for n in range(100)]
    store.send_many("bills", messages)
    store.send_many("drops", [NewMessage(b"v") for _ in range(1000)])
    taken = store.receive("drops", 1000)
    clock.advance(11 * 3600)
    store.ack([message.receipt or "" for message in taken])
    store.send("short", b"v")
    for _ in range(5):
        store.receive("short")
        clock.advance(40)
    store.create_topic("gone")
    store.produce_many("gone", [NewRecord(b"v") for _ in range(2)])
    with store.consumer("audit", ["gone"]) as consumer:
        consumer.poll(1, timeout=0)
        consumer.commit()
    store.trim("gone", parse_position("latest", 0))
    with closing(sqlite3.connect(path)) as foreign:
        foreign.execute("create view totals as select 1")
    return store


def test_every_prescribed_command_is_one_of_mq(sick: Store) -> None:
    ill = Facts(
        free=0, size=9, wal=1 << 40, most=10, sqlite=(3, 40, 1), ahead=1 << 40, objects=frozenset()
    )  # fmt: skip
    diagnoses = [*sick.doctor(), *examine(ill)]
    commands = [line for one in diagnoses for line in one.do]

    assert len({one.code for one in diagnoses}) >= 28
    assert [line for line in commands if unknown(line)] == []


def test_every_code_is_on_the_page_about_the_doctor(sick: Store) -> None:
    page = (ROOT / "docs" / "doctor.md").read_text(encoding="utf-8")

    assert [one.code for one in sick.doctor() if f"`{one.code}`" not in page] == []
