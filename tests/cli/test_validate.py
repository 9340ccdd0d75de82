"""`mq validate`: problems on stderr by place, or as a listing; exit code 2 if there are any."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.topology.conftest import EXAMPLE

if TYPE_CHECKING:
    from tests.cli.conftest import RunMq

BAD = """\
version: 1
queues:
  emails: {leas: 1m}
  a: {dlq: b}
  b: {dlq: a}
"""


@pytest.fixture
def bad(tmp_path: Path) -> str:
    (tmp_path / "bad.yaml").write_text(BAD)
    return "bad.yaml"


@pytest.fixture
def good(tmp_path: Path) -> str:
    (tmp_path / "good.yaml").write_text(EXAMPLE)
    return "good.yaml"


def test_a_sound_file_needs_no_store_and_says_nothing(
    call_mq: RunMq, good: str, path: Path
) -> None:
    run = call_mq("validate", good)
    assert (run.code, run.out, run.err) == (0, b"", "")
    assert not path.exists()


def test_problems_stand_on_stderr_with_their_places(call_mq: RunMq, bad: str) -> None:
    run = call_mq("validate", bad)
    assert (run.code, run.out) == (2, b"")
    assert run.err.splitlines() == [
        "bad.yaml:3:12: error: unknown key 'leas': did you mean 'lease'?",
        "bad.yaml:4:12: warning: dead letters go in a circle: a -> b -> a; a message that would go"
        " round stays where it is",
        "mq: error: 1 error in bad.yaml",
    ]


def test_as_json_they_are_a_list(call_mq: RunMq, bad: str) -> None:
    run = call_mq("validate", bad, "-o", "json")
    first, second = json.loads(run.out)
    assert (run.code, json.loads(run.err)["error"]["code"]) == (2, "invalid_topology")
    assert first == {
        "file": "bad.yaml",
        "line": 3,
        "column": 12,
        "severity": "error",
        "message": "unknown key 'leas': did you mean 'lease'?",
    }
    assert second["severity"] == "warning"


def test_a_sound_file_is_an_empty_list(call_mq: RunMq, good: str) -> None:
    run = call_mq("validate", good, "--json")
    assert (run.code, run.out) == (0, b"[]\n")


def test_warnings_alone_are_told_and_are_no_failure(call_mq: RunMq, tmp_path: Path) -> None:
    (tmp_path / "circle.yaml").write_text("version: 1\nqueues: {a: {dlq: b}, b: {dlq: a}}\n")
    run = call_mq("validate", "circle.yaml")
    assert run.code == 0
    assert run.err.startswith("circle.yaml:2:19: warning: dead letters go in a circle")


def test_a_file_that_is_not_there_is_not_found(call_mq: RunMq) -> None:
    run = call_mq("validate", "none.yaml")
    assert run.is_refused(3)


def test_a_folder_is_bad_input(call_mq: RunMq, tmp_path: Path) -> None:
    assert call_mq("validate", str(tmp_path)).is_refused(2)


def test_a_file_named_twice_is_bad_input(call_mq: RunMq, good: str) -> None:
    assert call_mq("validate", good, good).is_refused(2)


def test_a_dash_reads_standard_input(run_mq: RunMq) -> None:
    run = run_mq("validate", "-", stdin=b"version: 1\nqueues: {a: {leas: 1}}\n")
    assert run.code == 2
    assert run.err.startswith("<stdin>:2:14: error: unknown key 'leas'")
