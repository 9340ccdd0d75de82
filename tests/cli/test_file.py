"""The store as a file: copied, moved, with the commands that people have for files."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import RunMq, StartMq

COMMANDS = [
    ["topic", "list"],
    ["produce", "t", "x"],
    ["consume", "t"],
    ["consume", "t", "-g", "g"],
    ["receive", "q"],
    ["peek", "t"],
    ["lag"],
    ["status"],
    ["verify"],
    ["doctor"],
    ["stalls"],
    ["backup", "backup.db"],
    ["vacuum"],
    ["export"],
    ["topic", "show", "missing"],
]


@pytest.fixture
def used(call_mq: RunMq) -> RunMq:
    """The command line, after commands that made a topic `t` and a queue `q` with one message."""
    for words in (["topic", "create", "t"], ["queue", "create", "q"]):
        assert call_mq(*words).code == 0
    for name in ("t", "q"):
        assert call_mq("produce", name, "first").code == 0
    return call_mq


def beside(path: Path) -> set[str]:
    return {found.name for found in path.parent.iterdir() if found.name.startswith(path.name)}


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_after_a_command_the_file_is_alone(used: RunMq, path: Path, words: list[str]) -> None:
    used(*words)

    assert beside(path) == {"store.db", "store.db-lock"}


def test_a_copy_of_the_file_shows_what_the_store_shows(used: RunMq, path: Path) -> None:
    shutil.copy(path, path.with_name("c.db"))

    assert used("-s", "c.db", "peek", "t").out == used("peek", "t").out
    assert used("-s", "c.db", "verify").code == 0


def test_a_file_that_was_moved_is_the_store(used: RunMq, path: Path) -> None:
    before = used("peek", "t").out
    path.rename(path.with_name("moved.db"))

    assert used("-s", "moved.db", "peek", "t").out == before


def test_a_command_beside_another_process_leaves_the_log_to_it(
    used: RunMq, start_mq: StartMq, path: Path
) -> None:
    following = start_mq("consume", "t", "--follow")
    assert following.stdout.readline() == b"first\n"
    used("produce", "t", "second")
    assert "store.db-wal" in beside(path)

    assert following.stdout.readline() == b"second\n"
    following.interrupt()
    following.end()
    assert beside(path) == {"store.db", "store.db-lock"}


@pytest.mark.parametrize("side", ["-wal", "-shm", ""])
def test_a_follower_is_told_that_a_file_of_its_store_was_removed(
    used: RunMq, start_mq: StartMq, path: Path, side: str
) -> None:
    following = start_mq("consume", "t", "--follow")
    assert following.stdout.readline() == b"first\n"
    path.with_name(f"store.db{side}").unlink()
    run = following.end()

    assert run.code == 7
    assert f"store.db{side} was removed or replaced" in run.err


@pytest.fixture
def lost(used: RunMq, start_mq: StartMq, path: Path) -> RunMq:
    """The command line on a store whose log was removed after two records were confirmed."""
    producing = start_mq("produce", "t", "--batch", "1", "-o", "ndjson")
    for number in range(2):
        producing.stdin.write(b"%d\n" % number)
        assert producing.stdout.readline()
    producing.process.kill()
    producing.process.wait()
    path.with_name("store.db-wal").unlink()
    return used


MISSING = "2 confirmed commits are missing since "


def test_every_command_warns_of_confirmed_commits_that_are_missing(lost: RunMq) -> None:
    for words in (["topic", "list"], ["produce", "t", "x"], ["peek", "t", "-o", "ndjson"]):
        run = lost(*words)

        assert run.code == 0
        assert run.err.startswith("mq: warning: ")
        assert MISSING in run.err


def test_verify_and_doctor_find_that_commits_are_missing(lost: RunMq) -> None:
    verified, examined = lost("verify"), lost("doctor", "--exit-code", "-o", "json")

    assert (verified.code, MISSING in verified.text) == (7, True)
    assert (examined.code, "lost_commits" in examined.text) == (10, True)


def test_what_is_missing_is_told_of_no_more_once_it_is_accepted(lost: RunMq) -> None:
    accepted = lost("store", "accept", "-o", "json")

    assert json.loads(accepted.out) == {"lost_commits": 2}
    assert lost("verify").err == ""
    assert json.loads(lost("store", "accept", "-o", "json").out) == {"lost_commits": 0}
