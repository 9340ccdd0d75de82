"""A name that no store can have is bad input for every command that takes one."""

from __future__ import annotations

from pathlib import Path

import pytest

from store import Store
from tests.cli.conftest import RunMq

LINES = [
    "backup {}",
    "restore store.db --to {} --yes",
    "restore {} --yes",
    "salvage store.db {}",
    "salvage {} new.db",
    "-s {} status",
    "-s {} init",
]


@pytest.mark.parametrize("line", LINES)
@pytest.mark.parametrize("name", ["x" * 300, "x" * 300 + "/store.db"])
def test_an_impossible_name_ends_with_2_and_leaves_nothing(
    run_mq: RunMq, path: Path, line: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    Store.open(path, create=True).close()
    monkeypatch.chdir(path.parent)
    before = sorted(path.parent.iterdir())

    run = run_mq(*line.format(name).split(), MQ_STORE=str(path))

    assert run.code == 2, run.err
    assert "too long" in run.err
    assert sorted(path.parent.iterdir()) == before


def test_a_backup_to_a_folder_that_there_is_not_is_refused(run_mq: RunMq, path: Path) -> None:
    Store.open(path, create=True).close()

    assert run_mq("backup", f"{path.parent}/nothing/", MQ_STORE=str(path)).code == 2
    assert not (path.parent / "nothing").exists()
