"""Power cuts at any moment: what was confirmed is there, and nothing is damaged.

A program's writes and syncs are recorded once, then cut off at random moments, and what the disk
may have kept of them is opened as a store.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from time import time

import pytest

from store.model.clock import ManualClock
from tests.store.test_migrations import create_with_schema
from tests.support import recorded
from tests.support.recording import Disk, Event, build_recorder, events

ROOT = Path(__file__).parents[2]
SEED = int(os.environ.get("MQ_CUT_SEED", "0")) or random.SystemRandom().randrange(1 << 32)

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or shutil.which("cc") is None,
    reason="recording what is written needs Linux and a C compiler",
)


@dataclass
class Tally:
    """What cuts came to: in how many confirmed operations were lost, and how many told of that."""

    cuts: int = 0
    lost: int = 0
    told: int = 0


class Cutter:
    """One program's recording, and what its power cuts leave."""

    def __init__(self, recorder: Path, place: Path) -> None:
        self._recorder, self._place = recorder, place
        self.folder = place / "recorded"
        self.folder.mkdir()

    def __call__(self, program: str, durability: str, cuts: int) -> Tally:
        """Record a program, then cut it off so many times; a cut that does harm fails the test."""
        disk, chance, tally, done = Disk(self.folder), random.Random(SEED), Tally(), 0
        happened = self._record(program, durability)
        for moment in sorted(chance.randint(0, len(happened)) for _ in range(cuts)):
            for event in happened[done:moment]:
                disk.apply(event)
            done = moment
            self._put(disk.after_cut(chance), chance)
            where = f"MQ_CUT_SEED={SEED}, {program}, {durability}, cut at event {moment}"
            self._examine(disk.confirmed, durability, tally, where)
        return tally

    def _record(self, program: str, durability: str) -> list[Event]:
        recording, states = self._place / "recording", self._place / "states"
        subprocess.run(
            [sys.executable, recorded.__file__, program, self.folder, durability, states],
            env={
                **os.environ, "PYTHONPATH": str(ROOT), "LD_PRELOAD": str(self._recorder),
                "RECORD_FOLDER": str(self.folder), "RECORD_TO": str(recording),
            },
            check=True,
        )  # fmt: skip
        lines = [json.loads(line) for line in states.read_text().splitlines()]
        known = [state for _, state in lines]
        # Before the first operation there is no store, or an old one that every open brings up.
        self._states: list[recorded.State | None] = [
            known[0] if program == "upgrade" else None, *known,
        ]  # fmt: skip
        self._is_safe = [True, *(is_safe for is_safe, _ in lines)]
        return events(recording)

    def _put(self, left: dict[str, bytes], chance: random.Random) -> None:
        self._after = self._place / "after"
        shutil.rmtree(self._after, ignore_errors=True)
        self._after.mkdir()
        for name, content in left.items():
            # The index is never synced: it may hold anything.
            is_index = name.endswith("-shm") and chance.random() < 0.5
            (self._after / name).write_bytes(chance.randbytes(32768) if is_index else content)

    def _examine(self, confirmed: int, durability: str, tally: Tally, where: str) -> None:
        heard: list[str] = []
        state = self._look("store.db", heard)
        newest = min(confirmed + 1, len(self._states) - 1)
        oldest = confirmed
        while durability == "normal" and not self._is_safe[oldest]:
            oldest -= 1
        allowed = [n for n in range(oldest, newest + 1) if self._states[n] == state]
        assert allowed, f"{where}: {state} after {confirmed} confirmed operations"
        is_lost = allowed[-1] < confirmed
        assert is_lost or durability == "normal" or not heard, where
        self._examine_backup(confirmed, where)
        tally.cuts += 1
        tally.lost += is_lost
        tally.told += is_lost and bool(heard)

    def _examine_backup(self, confirmed: int, where: str) -> None:
        saved = self._states[recorded.OPERATIONS_BEFORE_BACKUP]
        backup = self._look("backup.db", [])
        must_be_there = "copies" in where and confirmed > recorded.OPERATIONS_BEFORE_BACKUP
        assert backup == saved or (backup is None and not must_be_there), where

    def _look(self, name: str, heard: list[str]) -> recorded.State | None:
        # The machine has been switched on again, so it is another boot.
        clock = ManualClock(int(time() * 1000))
        state = recorded.look(self._after / name, clock, heard.append)
        plain: recorded.State | None = json.loads(json.dumps(state))
        return plain


@pytest.fixture(scope="module")
def recorder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library that records."""
    return build_recorder(tmp_path_factory.mktemp("recorder"))


@pytest.fixture
def cut(recorder: Path, tmp_path: Path) -> Cutter:
    """Records a program and cuts it off."""
    return Cutter(recorder, tmp_path.resolve())


def make_old_store(path: Path, durability: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store of schema 2, closed."""
    create_with_schema(2, path, ManualClock(int(time() * 1000)), monkeypatch)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("update mq_store set durability = ?", (durability,))


CUTS = {"traffic": 100, "upgrade": 20, "copies": 40}


@pytest.mark.parametrize("program", CUTS)
def test_with_full_durability_nothing_that_was_confirmed_is_lost(
    cut: Cutter, program: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if program == "upgrade":
        make_old_store(cut.folder / "store.db", "full", monkeypatch)

    assert cut(program, "full", CUTS[program]) == Tally(CUTS[program])


@pytest.mark.parametrize("program", CUTS)
def test_with_normal_durability_at_most_the_latest_is_lost(
    cut: Cutter, program: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if program == "upgrade":
        make_old_store(cut.folder / "store.db", "normal", monkeypatch)

    assert cut(program, "normal", CUTS[program]).cuts == CUTS[program]


@pytest.mark.nightly
@pytest.mark.parametrize("durability", ["full", "normal"])
@pytest.mark.parametrize("program", CUTS)
def test_so_it_is_in_three_thousand_cuts(
    cut: Cutter, program: str, durability: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if program == "upgrade":
        make_old_store(cut.folder / "store.db", durability, monkeypatch)
    cuts = 10 * CUTS[program]
    tally = cut(program, durability, cuts)
    print(program, durability, tally)

    assert tally.cuts == cuts
    assert durability == "normal" or tally.lost == 0
