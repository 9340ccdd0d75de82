"""The demos of three systems and of stalls: each tells a story, and stops where it is not true."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mq.cli.bundled import load

if TYPE_CHECKING:
    from tests.cli.conftest import RunMq

DEMOS = Path(__file__).parents[2] / "demos"
NAMES = ("pipeline", "presence", "recorder", "stalls")


class Told:
    """Keeps what a story writes."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def text(self, text: str, *, style: str = "") -> None:
        self.lines += text.splitlines()


@pytest.mark.parametrize("name", NAMES)
def test_each_claim_of_the_story_holds_within_80_columns(
    name: str, run_mq: RunMq, tmp_path: Path
) -> None:
    run = run_mq("demo", name, TMPDIR=str(tmp_path))

    assert (run.code, run.err) == (0, "")
    assert [
        line for line in run.text.splitlines() if len(line) > 80 and str(DEMOS) not in line
    ] == []
    assert not list(tmp_path.glob("mq-demo-*"))


@pytest.mark.parametrize(
    ("name", "file", "before", "after"),
    [
        ("presence", "topology.yaml", "max_length: 20", "max_length: 10"),
        ("pipeline", "extract.py", "os.kill(", "print("),
        ("pipeline", "index.py", "primary key", ""),
        ("recorder", "balances.py", 'else -event["cents"]', 'else event["cents"]'),
        ("stalls", "bill.py", 'POISON = "invoice 3"', 'POISON = "invoice 33"'),
    ],
)
def test_a_story_stops_where_a_claim_does_not_hold(
    name: str, file: str, before: str, after: str, tmp_path: Path
) -> None:
    altered = tmp_path / f"altered-{name}"
    shutil.copytree(DEMOS, altered, ignore=shutil.ignore_patterns("__pycache__"))
    text = (altered / name / file).read_text()
    assert before in text
    (altered / name / file).write_text(text.replace(before, after))
    (tmp_path / "stage").mkdir()
    story, stage = load(altered, f"{name}.demo"), load(altered, "stage")

    with pytest.raises(stage.StoryFailed):
        story.tell(Told(), tmp_path / "stage", None)


@pytest.mark.parametrize("name", NAMES)
def test_its_topology_is_valid_by_itself(name: str, run_mq: RunMq) -> None:
    assert run_mq("validate", str(DEMOS / name / "topology.yaml")).code == 0


def test_the_stories_are_listed_with_what_each_is_about(run_mq: RunMq) -> None:
    lines = run_mq("demo", "--list").text.splitlines()

    names = [line.split()[0] for line in lines if line]
    assert names == ["flights", "pipeline", "presence", "recorder", "single-active", "stalls"]
    assert all(len(line) <= 80 for line in lines)
