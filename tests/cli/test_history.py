"""History into a topic that keeps records for less: a person is asked before it is stored."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from store import Store

if TYPE_CHECKING:
    from tests.cli.conftest import RunMq

HISTORY = '{"at": "2020-01-01T00:00:00Z", "n": 1}\n{"at": "2020-01-02T00:00:00Z", "n": 2}\n'
LOAD = ("produce", "orders", "-f", "history", "--timestamp-from", "value.at")


@pytest.fixture
def history(path: Path, tmp_path: Path) -> Path:
    (tmp_path / "history").write_text(HISTORY)
    with Store.open(path, create=True, durability="normal") as store:
        store.create_topic("orders")
    return path


def stored(path: Path) -> int:
    with Store.open(path) as store:
        return store.topic("orders").partitions[0].end


def test_a_person_is_asked_once(run_mq_on_terminal: RunMq, history: Path) -> None:
    run = run_mq_on_terminal("-s", str(history), *LOAD, typed="y\n")

    assert run.code == 0
    assert run.text.count("line 1: orders keeps records for 7d; cleaning removes") == 1
    assert stored(history) == 2


def test_after_a_no_nothing_is_stored(run_mq_on_terminal: RunMq, history: Path) -> None:
    run = run_mq_on_terminal("-s", str(history), *LOAD, typed="n\n")

    assert run.code == 1
    assert "stopped before a record that cleaning would remove" in run.text
    assert stored(history) == 0


def test_with_yes_or_without_a_terminal_it_is_stored_with_a_warning(
    run_mq_on_terminal: RunMq, run_mq: RunMq, history: Path
) -> None:
    assert "2 records older than orders" in run_mq_on_terminal("-s", str(history), *LOAD, "-y").text
    assert "2 records older than orders" in run_mq("-s", str(history), *LOAD).err


def test_a_topic_that_keeps_them_is_no_reason_to_ask(
    run_mq_on_terminal: RunMq, history: Path
) -> None:
    with Store.open(history) as store:
        store.alter_topic("orders", retention=None)

    run = run_mq_on_terminal("-s", str(history), *LOAD)

    assert (run.code, run.text) == (0, "2 records stored in orders\n")
