"""A salvage has every intact record of a damaged store, and names every lost one."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from store import Busy, Exists, ForeignFile, NotFound, Store
from store.model.clock import ManualClock
from store.sqlite.damage import forms
from store.sqlite.file.lockfile import WriteLock
from tests.support import rich_store, salvaging
from tests.support.damage import alter, damage
from tests.support.salvaging import WAYS, Record

pytestmark = pytest.mark.xdist_group("salvage")

SEEDS = 6
NIGHTLY_SEEDS = 72
# What is other than it was although all is there: a copy has a number of its own.
_OWN = {"mq_store": ("copy", "generation")}


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A closed store in which every table has rows, and records fill some twenty pages."""
    path = tmp_path_factory.mktemp("rich") / "store.db"
    rich_store.make(path, ManualClock(), size=40)
    return path


@pytest.fixture(scope="module")
def before(sound: Path) -> dict[int, Record]:
    return salvaging.records(sound)


def tables(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """All rows of all tables."""
    with closing(sqlite3.connect(path)) as connection:
        names = [*forms.tables(), "own", "stock"]
        rows = {name: connection.execute(f"select * from {name}").fetchall() for name in names}
        for name, columns in _OWN.items():
            kept = [c.name for c in forms.tables()[name].columns if c.name not in columns]
            rows[name] = connection.execute(f"select {', '.join(kept)} from {name}").fetchall()
    return rows


def lengths(path: Path) -> dict[str, int]:
    """How many rows each table of mq has; those of a user's own tables have no form to check."""
    return {name: len(rows) for name, rows in tables(path).items() if name.startswith("mq_")}


def check(
    sound: Path, before: dict[int, Record], folder: Path, way: str, seeds: range
) -> list[str]:
    """What is wrong with salvages of stores that were damaged in one way, once for each seed."""
    clock, wrong = ManualClock(), []
    for seed in seeds:
        hurt = salvaging.damage(sound, folder / "hurt.db", way, seed)
        content, new = hurt.path.read_bytes(), folder / "new.db"
        salvaged = Store.salvage(hurt.path, new, clock=clock)
        assert hurt.path.read_bytes() == content, "the damaged store stays as it is"
        found = salvaging.problems(before, hurt, new, salvaged, clock)
        wrong += [f"{way} {seed}: {problem}" for problem in found]
        if not salvaged.lost and lengths(new) != lengths(sound):
            wrong.append(f"{way} {seed}: rows are missing, and nothing is listed")
        for path in folder.glob("new.db*"):
            path.unlink()
    return wrong


def test_a_sound_store_is_copied_whole_and_nothing_is_listed(sound: Path, path: Path) -> None:
    salvaged = Store.salvage(sound, path, clock=ManualClock())

    assert salvaged.lost == []
    assert tables(path) == tables(sound)


@pytest.mark.parametrize("way", WAYS)
def test_every_intact_record_is_there_and_every_lost_one_is_named(
    sound: Path, before: dict[int, Record], tmp_path: Path, way: str
) -> None:
    assert check(sound, before, tmp_path, way, range(SEEDS)) == []


@pytest.mark.nightly
@pytest.mark.parametrize("way", WAYS)
def test_so_it_is_in_hundreds_of_stores(
    sound: Path, before: dict[int, Record], tmp_path: Path, way: str
) -> None:
    assert check(sound, before, tmp_path, way, range(SEEDS, SEEDS + NIGHTLY_SEEDS)) == []


@pytest.fixture
def hurt(sound: Path, path: Path) -> Path:
    """A copy of the sound store, to be damaged."""
    shutil.copy(sound, path)
    return path


def test_receipts_offsets_and_shares_go_on(hurt: Path, tmp_path: Path) -> None:
    clock, new = ManualClock(), tmp_path / "new.db"
    with Store.open(hurt, clock=clock) as store:
        (message,) = store.receive("tenants", lease=600)
        offsets = store.group("billing").offsets
        in_flight = store.in_flight("packers")
    damage(hurt, "unruly 3")
    salvaged = Store.salvage(hurt, new, clock=clock)

    assert [(lost.address, lost.kind) for lost in salvaged.lost] == [("unruly@3", "message")]
    with Store.open(new, clock=clock) as store:
        store.ack([str(message.receipt)])
        assert store.group("billing").offsets == offsets
        assert store.in_flight("packers") == in_flight
        assert store.verify() == []


def test_a_lost_setting_is_named_and_its_records_are_there(hurt: Path, tmp_path: Path) -> None:
    count = alter(hurt, "update mq_records set id = id")
    alter(hurt, "update mq_queues set dedup_scope = cast(x'ff' as text) where fair",
          ignore_checks=True)  # fmt: skip
    alter(hurt, "delete from mq_partitions where id = 3")
    salvaged = Store.salvage(hurt, tmp_path / "new.db", clock=ManualClock())

    assert {one.address for one in salvaged.lost if one.kind == "settings"} == {"tenants"}
    assert salvaged.records == count


ROOT = Path(__file__).parents[2]
_FILL = """
import os, sys
from store import Store
store = Store.open(sys.argv[1], create=True, durability="normal")
store.create_topic("orders")
store.produce_many("orders", [b"early %d" % n for n in range(100)])
store.vacuum()
for n in range(200):
    store.produce("orders", b"%d " % n + b"x" * 50)
os._exit(0)
"""


class TestLog:
    """The log beside a store that a process left when it was killed."""

    @pytest.fixture
    def left(self, tmp_path: Path) -> Path:
        """The files of a store with 300 records of which 200 are in the log alone."""
        path = tmp_path / "store.db"
        subprocess.run([sys.executable, "-c", _FILL, path], check=True, cwd=ROOT)
        return path

    def salvaged(self, left: Path, count: int) -> list[str]:
        """The addresses of what is lost, when so many records are there."""
        new = left.with_name("new.db")
        salvaged = Store.salvage(left, new, clock=ManualClock())
        assert salvaged.records == count
        with Store.open(new, clock=ManualClock()) as store:
            assert store.verify() == []
            values = {r.offset: r.value for r in store.read("orders", limit=1000)}
        for offset, value in values.items():
            expected = b"early %d" % offset if offset < 100 else b"%d " % (offset - 100) + b"x" * 50
            assert value == expected
        return [one.address for one in salvaged.lost]

    def test_what_is_in_the_log_alone_is_there(self, left: Path) -> None:
        assert self.salvaged(left, 300) == []

    @pytest.mark.parametrize("part", [0.1, 0.5, 0.9])
    def test_a_flipped_bit_costs_no_record_that_a_later_page_holds(
        self, left: Path, part: float
    ) -> None:
        log = Path(f"{left}-wal")
        content = bytearray(log.read_bytes())
        content[int(len(content) * part)] ^= 4
        log.write_bytes(content)
        # SQLite leaves out all that comes after it.
        copy = left.with_name("seen.db")
        shutil.copy(left, copy)
        shutil.copy(log, f"{copy}-wal")
        with closing(sqlite3.connect(copy)) as connection:
            (seen,) = connection.execute("select count(*) from mq_records").fetchone()
        assert seen < 300
        new = left.with_name("new.db")
        salvaged = Store.salvage(left, new, clock=ManualClock())

        assert salvaged.records >= 299
        assert salvaged.records == 300 or "orders/0@" in str(salvaged.lost)

    def test_so_does_a_head_of_the_log_that_is_gone(self, left: Path) -> None:
        log = Path(f"{left}-wal")
        log.write_bytes(bytes(32) + log.read_bytes()[32:])

        assert "orders/0" not in str(self.salvaged(left, 300))

    def test_a_log_that_is_cut_off_is_there_up_to_its_last_commit(self, left: Path) -> None:
        log = Path(f"{left}-wal")
        log.write_bytes(log.read_bytes()[: log.stat().st_size // 2])
        new = left.with_name("new.db")

        assert 150 < Store.salvage(left, new, clock=ManualClock()).records < 300


def test_a_store_in_use_is_waited_for(hurt: Path, tmp_path: Path) -> None:
    Store.open(hurt).close()
    lock = WriteLock(hurt)
    lock.acquire(1)
    try:
        with pytest.raises(Busy):
            Store.salvage(hurt, tmp_path / "new.db", timeout=0.05)
    finally:
        lock.close()


def test_a_read_only_folder_is_no_matter(hurt: Path, tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    folder.mkdir()
    shutil.copy(hurt, folder / "store.db")
    (folder / "store.db").chmod(0o400)
    folder.chmod(0o500)
    try:
        Store.salvage(folder / "store.db", tmp_path / "new.db", clock=ManualClock())
        assert os.listdir(folder) == ["store.db"]
    finally:
        folder.chmod(0o700)


def test_what_is_no_store_is_refused(tmp_path: Path, hurt: Path) -> None:
    junk = tmp_path / "junk"
    junk.write_bytes(os.urandom(100_000))
    with pytest.raises(ForeignFile):
        Store.salvage(junk, tmp_path / "new.db")
    with pytest.raises(NotFound):
        Store.salvage(tmp_path / "nothing", tmp_path / "new.db")
    with pytest.raises(Exists):
        Store.salvage(hurt, junk)
    assert not (tmp_path / "new.db").exists()
