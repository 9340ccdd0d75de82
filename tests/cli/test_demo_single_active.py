"""`mq demo single-active`: a reader is killed, and the one in reserve takes over."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from store import Store

if TYPE_CHECKING:
    from tests.cli.conftest import RunMq


def test_the_second_goes_on_where_the_first_was_killed(run_mq: RunMq, path: Path) -> None:
    run = run_mq("-s", str(path), "demo", "single-active")

    assert (run.code, run.err) == (0, "")
    assert re.findall(r"^    (\w+): (\d)$", run.text, re.MULTILINE) == [
        *(("first", number) for number in "123"),
        *(("second", number) for number in "456"),
    ]
    seconds = re.search(r"took over ([\d.]+) s after", run.text)
    assert seconds
    assert float(seconds[1]) < 5
    with Store.open(path) as store:
        assert store.topic("jobs").partitions[0].end == 6


def test_it_fits_80_columns(run_mq: RunMq) -> None:
    lines = run_mq("demo", "single-active").text.splitlines()

    assert [line for line in lines if len(line) > 80 and "mq init" not in line] == []


def test_a_story_that_does_not_come_true_ends_with_1(run_mq: RunMq, path: Path) -> None:
    with Store.open(path, create=True) as store:
        store.create_topic("jobs")

    run = run_mq("-s", str(path), "demo", "single-active")

    assert run.code == 1
    assert "`mq topic create jobs` ended with 4" in run.err


def test_the_stories_there_are_can_be_looked_up(run_mq: RunMq) -> None:
    run = run_mq("demo", "nothing")

    assert run.code == 3
    assert "recorder, single-active" in run.err
