"""`mq work` and canaries before a person: one line of numbers, each error once, what is awaited."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mq.work.live import LiveWork
from store import Store

if TYPE_CHECKING:
    from tests.cli.conftest import RunMq

Drawn = Callable[[], str]

FAILS = 'read n; echo "working on $n" >&2; echo "bad number $n" >&2; exit 1'
WORKS = 'read n; echo "working on $n" >&2; echo "wrote $n" >&2'


@pytest.fixture
def jobs(path: Path) -> Path:
    with Store.open(path, create=True, durability="normal") as store:
        store.create_queue("jobs.dlq")
        store.create_queue("jobs", dlq="jobs.dlq")
        store.send_many("jobs", ["4", "5", "6"])
    return path


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Drawn:
    """What a line at the foot of a terminal of 60 columns and 20 rows writes."""
    size = os.terminal_size((60, 20))
    monkeypatch.setattr("mq.cli.bottom_line._terminal_size", lambda: size)
    return lambda: capsys.readouterr().err


class TestErrors:
    def test_a_person_reads_each_kind_once(self, run_mq_on_terminal: RunMq, jobs: Path) -> None:
        run = run_mq_on_terminal("-s", str(jobs), "work", "jobs", "--once", "--", "sh", "-c", FAILS)

        assert run.text.count("bad number") == 1
        assert "mq: jobs@0 failed: bad number 4" in run.text
        assert run.text.count("working on") == 3

    def test_a_command_that_works_has_all_its_lines_shown(
        self, run_mq_on_terminal: RunMq, jobs: Path
    ) -> None:
        run = run_mq_on_terminal("-s", str(jobs), "work", "jobs", "--once", "--", "sh", "-c", WORKS)

        assert [run.text.count(line) for line in ("wrote 4", "wrote 5", "wrote 6")] == [1, 1, 1]

    def test_a_log_has_every_error_of_every_message(self, run_mq: RunMq, jobs: Path) -> None:
        run = run_mq("-s", str(jobs), "work", "jobs", "--once", "--", "sh", "-c", FAILS)

        assert run.err.count("failed: bad number") == 3


class TestLine:
    def test_it_has_the_numbers_and_comes_after_a_second(self, drawn: Drawn) -> None:
        now = [10.0]
        live = LiveWork("jobs", clock=lambda: now[0])
        live.update(1, 0, 2)
        assert drawn() == ""
        now[0] += 2
        live.update(1200, 3, 2)
        assert "work jobs  1,200 done  3 failed  2 running  601.5/s" in drawn()

    def test_the_row_is_kept_by_a_scrolling_region_and_given_back(self, drawn: Drawn) -> None:
        now = [0.0]
        live = LiveWork("jobs", clock=lambda: now[0])
        now[0] = 5.0
        live.update(1, 0, 0)
        live.close()
        shown = drawn()
        assert "\x1b[1;19r" in shown
        assert shown.endswith("\x1b7\x1b[r\x1b[20;1H\x1b[2K\x1b8")

    def test_a_line_that_was_never_shown_leaves_no_trace(self, drawn: Drawn) -> None:
        LiveWork("jobs").close()
        assert drawn() == ""

    def test_short_work_shows_none(self, run_mq_on_terminal: RunMq, jobs: Path) -> None:
        run = run_mq_on_terminal("-s", str(jobs), "work", "jobs", "--once", "--", "true")
        assert run.text == "3 runs on jobs, 0 failed\n"


def test_a_canary_is_told_to_be_waited_for(run_mq_on_terminal: RunMq, jobs: Path) -> None:
    with Store.open(jobs) as store:
        store.reject([str(message.receipt) for message in store.receive("jobs", 3)])

    words = ["dlq", "redrive", "jobs", "--canary", "2", "--canary-timeout", "10ms"]
    run = run_mq_on_terminal("-s", str(jobs), *words)

    assert run.code == 5
    assert "until a worker is done with jobs@3, jobs@4: 2 of 2 canaries\n" in run.text
