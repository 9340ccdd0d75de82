"""`mq restore`: a backup in the place of a store, also while others use it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import RunMq, StartMq


@pytest.fixture
def backed_up(call_mq: RunMq) -> RunMq:
    """The command line on a store that has a topic `t` more than its backup `b.db`."""
    for words in (
        ["queue", "create", "q"],
        ["topic", "create", "orders"],
        ["produce", "orders", "1", "2"],
        ["backup", "b.db"],
        ["topic", "create", "t"],
    ):
        assert call_mq(*words).code == 0
    return call_mq


def topics(call_mq: RunMq, *store: str) -> list[str]:
    return call_mq(*store, "topic", "list", "-o", "name").text.split()


def test_it_puts_the_backup_in_the_place_of_the_store(backed_up: RunMq) -> None:
    run = backed_up("restore", "b.db", "--yes")

    assert (run.code, run.out, run.err) == (0, b"", "")
    assert topics(backed_up) == ["orders"]
    assert backed_up("verify").code == 0


def test_its_json_says_what_came_and_what_went(backed_up: RunMq, path: Path) -> None:
    backed_up("produce", "orders", "3")
    document = json.loads(backed_up("restore", "b.db", "--yes", "-o", "json").out)

    assert document == {
        "path": str(path), "backup": str(path.with_name("b.db")),
        "bytes": path.stat().st_size, "topics": 1, "queues": 1, "records": 2,
        "replaced_bytes": document["replaced_bytes"], "replaced_topics": 2, "replaced_queues": 1,
        "replaced_records": 3,
    }  # fmt: skip


def test_without_yes_it_asks_and_off_a_terminal_refuses(backed_up: RunMq) -> None:
    assert backed_up("restore", "b.db").is_refused(2)
    assert topics(backed_up) == ["orders", "t"]


def test_on_a_terminal_the_name_of_the_store_has_to_be_typed(
    backed_up: RunMq, run_mq_on_terminal: RunMq, path: Path
) -> None:
    words = ("-s", str(path), "restore", "b.db")
    assert run_mq_on_terminal(*words, typed="yes\n").code == 1
    assert topics(backed_up) == ["orders", "t"]
    run = run_mq_on_terminal(*words, typed="store.db\n")

    assert "2 records" in run.text
    assert topics(backed_up) == ["orders"]


def test_a_dry_run_shows_it_and_changes_nothing(backed_up: RunMq) -> None:
    document = json.loads(backed_up("restore", "b.db", "--dry-run", "-o", "json").out)

    assert (document["topics"], document["replaced_topics"]) == (1, 2)
    assert topics(backed_up) == ["orders", "t"]


def test_it_makes_a_store_where_there_is_none(backed_up: RunMq) -> None:
    assert backed_up("restore", "b.db", "--to", "new/store.db").code == 0
    assert topics(backed_up, "-s", "new/store.db") == ["orders"]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["none.db"], 3),
        ([""], 3),
        (["b.db", "--to", ""], 2),
        (["b.db", "--to", "b.db"], 2),
        (["-s", "x.db", "b.db", "--to", "y.db"], 2),
        (["b.db", "--to", "x.db-wal"], 2),
        (["note.txt"], 7),
        (["b.db", "--to", "note.txt"], 7),
        ([], 2),
    ],
)
def test_what_can_not_be_restored_is_refused(backed_up: RunMq, words: list[str], code: int) -> None:
    Path("note.txt").write_text("mine")
    run = backed_up("restore", *words, "--yes")

    assert run.is_refused(code), run
    assert Path("note.txt").read_text() == "mine"
    assert topics(backed_up) == ["orders", "t"]


def test_a_store_that_is_damaged_can_be_restored(backed_up: RunMq, path: Path) -> None:
    path.write_bytes(b"\0" * path.stat().st_size)
    assert backed_up("topic", "list").code == 7

    assert backed_up("restore", "b.db", "--yes").code == 0
    assert topics(backed_up) == ["orders"]


RUNNING = {
    "produce": ["produce", "orders", "--batch", "1", "-o", "ndjson"],
    "follow": ["consume", "orders", "--follow"],
    "group": ["consume", "orders", "-g", "g", "--follow"],
    "work": ["work", "q", "--", "echo", "ran"],
}


def test_four_running_processes_are_told_and_none_writes_any_more(
    backed_up: RunMq, start_mq: StartMq
) -> None:
    running = {name: start_mq(*words) for name, words in RUNNING.items()}
    running["produce"].stdin.write(b"3\n")
    backed_up("produce", "q", "job")
    # Each of them has the store open.
    for each in running.values():
        assert each.stdout.readline()
    assert backed_up("restore", "b.db", "--yes").code == 0
    running["produce"].stdin.write(b"4\n")
    ends = {name: each.end() for name, each in running.items()}

    assert {name: run.code for name, run in ends.items()} == dict.fromkeys(RUNNING, 7)
    assert all("store.db was removed or replaced" in run.err for run in ends.values())
    assert backed_up("peek", "orders", "-o", "name").text.split() == ["orders/0@0", "orders/0@1"]
    assert json.loads(backed_up("group", "list", "-o", "json").out) == []
    assert backed_up("verify").code == 0
