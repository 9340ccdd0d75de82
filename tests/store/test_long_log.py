"""The log is kept short beside readers, whoever they are; one that keeps it is named."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from time import monotonic

import pytest

from store import NewRecord, Store
from store.model.diagnoses import Diagnosis
from store.sqlite.file import apart, log_readers

MIB = 1 << 20
ROOT = Path(__file__).parents[2]
FOREIGN = (
    "import sqlite3, sys; c = sqlite3.connect(sys.argv[1], isolation_level=None);"
    " c.execute('begin'); c.execute('select count(*) from mq_store').fetchone();"
    " print('reads', flush=True); sys.stdin.read()"
)


@pytest.fixture
def large(store: Store) -> Store:
    """A store of more than 16 MiB."""
    store.create_topic("orders", retention=None)
    for _ in range(40):
        store.produce_many("orders", [NewRecord(b"x" * 400)] * 1_000)
    return store


def log_of(store: Store) -> int:
    return store.status().wal_bytes


def write(store: Store, size: int) -> int:
    """Write so many bytes in small commits; the longest that the log was."""
    longest = 0
    for _ in range(size // 40_000):
        store.produce_many("orders", [NewRecord(b"y" * 400)] * 100)
        longest = max(longest, os.stat(f"{store.path}-wal").st_size)
    return longest


def copies(store: Store) -> list[str]:
    return [name for name in os.listdir(store.path.parent) if ".copy" in name]


@contextmanager
def started(*words: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process that is ended with the block."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, *words], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def foreign_reader(store: Store) -> Iterator[subprocess.Popen[bytes]]:
    """A program other than mq in a read transaction that it does not end."""
    with started("-c", FOREIGN, str(store.path)) as process:
        assert process.stdout
        assert process.stdout.readline() == b"reads\n"
        yield process


def wait_for_copy(store: Store, process: subprocess.Popen[bytes]) -> None:
    while not copies(store):
        with suppress(subprocess.TimeoutExpired):
            pytest.fail(f"it ended with {process.wait(0.001)} and made no copy")


def findings(store: Store) -> list[Diagnosis]:
    return [one for one in store.doctor() if one.code == "wal_growth"]


@pytest.mark.parametrize("command", ["verify", "backup"])
def test_the_log_stays_short_beside_a_stopped_verify_or_backup(
    large: Store, command: str, tmp_path: Path
) -> None:
    target = [str(tmp_path / "copy.db")] if command == "backup" else []
    with started("-m", "mq", "-s", str(large.path), command, *target) as process:
        wait_for_copy(large, process)
        process.send_signal(signal.SIGSTOP)

        assert write(large, 40 * MIB) < 24 * MIB
        assert log_of(large) < 9 * MIB
        process.send_signal(signal.SIGCONT)
        assert process.wait() == 0
    assert copies(large) == []


def test_a_copy_of_a_killed_verify_is_removed_by_the_next_one_and_no_other_is(large: Store) -> None:
    with started("-m", "mq", "-s", str(large.path), "verify") as process:
        wait_for_copy(large, process)
        process.kill()
        process.wait()
    # The process that copies may be there for another moment.
    deadline = monotonic() + 30
    while copies(large) and monotonic() < deadline:
        with apart.copied(large.path) as copy, apart.copied(large.path) as other:
            assert len({copy, other, large.path}) == 3
            assert {copy.name, other.name} <= set(copies(large))
    assert copies(large) == []


def test_what_is_verified_apart_is_the_store_with_its_log(large: Store) -> None:
    large.produce("orders", b"last")
    with apart.copied(large.path) as copy, Store.open(copy) as other:
        assert copy != large.path
        assert other.topic("orders").partitions == large.topic("orders").partitions


def test_damage_in_a_large_store_is_found_apart(large: Store) -> None:
    with closing(sqlite3.connect(large.path, isolation_level=None)) as foreign:
        foreign.execute("update mq_records set value = cast('evil' as blob) where id & 0xffff = 7")

    assert any(finding.address == "orders/0@7" for finding in large.verify())


def test_a_store_that_is_small_closed_or_on_a_full_disk_is_read_where_it_is(
    large: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Store.open(tmp_path / "small.db", create=True) as small, apart.copied(small.path) as path:
        assert path == small.path
    monkeypatch.setattr(apart, "_ROOM_LEFT", 1 << 60)
    with apart.copied(large.path) as path:
        assert path == large.path
    monkeypatch.undo()
    large.close()
    with apart.copied(large.path) as path:
        assert path == large.path


def test_the_log_stays_short_though_somebody_reads_at_every_moment(large: Store) -> None:
    end = threading.Event()

    def read() -> None:
        while not end.is_set():
            large.read("orders", 0, 0, 2_000)

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    began_anew, before, deadline = 0, 0, monotonic() + 60
    try:
        while began_anew < 3 and monotonic() < deadline:
            longest = write(large, MIB)
            began_anew += log_of(large) < before
            before = longest
    finally:
        end.set()
        for thread in threads:
            thread.join()
    assert began_anew == 3


def test_the_doctor_names_the_process_that_keeps_the_log(large: Store) -> None:
    with foreign_reader(large) as reader:
        assert findings(large) == []
        write(large, 10 * MIB)
        (found,) = findings(large)

        assert f"pid {reader.pid} ({sys.executable} -c " in found.evidence
        reader.send_signal(signal.SIGSTOP)
        os.waitpid(reader.pid, os.WUNTRACED)
        assert "stopped" in findings(large)[0].evidence
        assert large.status().wal_bytes > 10 * MIB


def test_a_long_log_is_cut_by_the_next_commits_once_its_reader_has_ended(large: Store) -> None:
    with foreign_reader(large):
        write(large, 40 * MIB)
        assert log_of(large) > 40 * MIB
    # Readers were waited for in vain, so the next try may be 3.2 s away.
    deadline = monotonic() + 30
    while log_of(large) > 9 * MIB and monotonic() < deadline:
        write(large, MIB)

    assert log_of(large) <= 9 * MIB
    assert findings(large) == []


def test_where_the_system_does_not_tell_it_no_reader_is_named(
    large: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    with foreign_reader(large):
        write(large, 10 * MIB)
        assert log_readers.far_behind(large.path)
        monkeypatch.setattr(log_readers, "own_descriptor", lambda path: None)

        assert log_readers.far_behind(large.path) == []
