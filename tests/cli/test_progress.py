"""Progress on stderr: numbers for a person at a terminal, once work takes over a second."""

from __future__ import annotations

import os
import pty
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mq.cli.diagnostics import Diagnostics
from mq.cli.progress import ProgressLine
from store import NewMessage, NewRecord, Store

# mq, impatient to show how far it is; all else is as it is.
IMPATIENT = """
import sys
from mq.cli import progress
from mq.command_line import run
progress.APPEARS_AFTER = progress._REDRAWN_EVERY = 0
sys.exit(run(sys.argv[1:]))
"""
MANY = 1_200


class Clock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 5.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


Shown = Callable[[], list[str]]


@pytest.fixture
def shown(capsys: pytest.CaptureFixture[str]) -> Shown:
    """What was drawn since the last look, a line for each time."""

    def lines() -> list[str]:
        return [line.rstrip() for line in capsys.readouterr().err.split("\r") if line.strip()]

    return lines


class TestLine:
    def test_work_of_less_than_a_second_shows_nothing(self, clock: Clock, shown: Shown) -> None:
        line = ProgressLine("copy", 100, clock=clock)
        clock.now += 0.9
        line.advance(90)
        line.hide()
        assert shown() == []

    def test_it_tells_count_percent_rate_and_the_time_left(
        self, clock: Clock, shown: Shown
    ) -> None:
        line = ProgressLine("copy", 8_000, clock=clock)
        clock.now += 2
        line.advance(2_000)
        assert shown() == ["copy  [#####...............]  25 %  2,000 of 8,000  1,000/s  6s left"]

    def test_it_is_drawn_ten_times_a_second_at_most(self, clock: Clock, shown: Shown) -> None:
        line = ProgressLine("copy", 100, clock=clock)
        clock.now += 2
        for _ in range(50):
            clock.now += 0.01
            line.advance(1)
        assert len(shown()) in {5, 6}

    def test_bytes_are_told_as_sizes(self, clock: Clock, shown: Shown) -> None:
        line = ProgressLine("back up", in_bytes=True, clock=clock)
        clock.now += 2
        line.at(1 << 20, 4 << 20)
        assert "25 %  1.0 MiB of 4.0 MiB  512.0 KiB/s  6s left" in shown()[0]

    def test_without_a_known_end_it_counts_all_the_same(self, clock: Clock, shown: Shown) -> None:
        line = ProgressLine("store in orders", clock=clock)
        clock.now += 2
        line.advance(2_000)
        assert shown() == ["store in orders  2,000  1,000/s"]

    def test_what_comes_before_the_first_of_them_does_not_slow_the_rate(
        self, clock: Clock, shown: Shown
    ) -> None:
        line = ProgressLine("verify", clock=clock)
        clock.now += 60
        line.at(0, 100)
        clock.now += 2
        line.at(50, 100)
        assert "50 of 100  25/s  2s left" in shown()[-1]

    def test_hiding_it_leaves_an_empty_line(
        self, clock: Clock, capsys: pytest.CaptureFixture[str]
    ) -> None:
        line = ProgressLine("copy", clock=clock)
        clock.now += 2
        line.advance(1)
        width = len(capsys.readouterr().err) - 1
        line.hide()
        assert capsys.readouterr().err == "\r" + " " * width + "\r"

    def test_a_narrow_terminal_is_not_wrapped(
        self, clock: Clock, shown: Shown, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("mq.cli.progress._columns", lambda: 20)
        line = ProgressLine("copy", 100, clock=clock)
        clock.now += 2
        line.advance(1)
        assert [len(text) for text in shown()] == [19]

    def test_off_a_terminal_nothing_is_shown_and_nothing_loaded(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with Diagnostics().progress("copying", 3) as progress:
            progress.advance(3)
            assert not progress.is_shown
        assert capsys.readouterr().err == ""


Impatient = Callable[..., str]


@pytest.fixture
def impatient(tmp_path: Path, path: Path, environment: dict[str, str]) -> Impatient:
    """Run `mq WORDS…` with stderr on a terminal and stdout in the file `out`; what was shown."""

    def run(*words: str, stdin: str | None = None) -> str:
        ours, theirs = pty.openpty()
        source = os.devnull if stdin is None else tmp_path / stdin
        with (
            open(tmp_path / "out", "wb") as out,
            open(source, "rb") as given,
            subprocess.Popen(
                [sys.executable, "-c", IMPATIENT, *words],
                stdin=given, stdout=out, stderr=theirs, cwd=tmp_path,
                env=environment | {"MQ_STORE": str(path)},
            ) as process,
        ):  # fmt: skip
            os.close(theirs)
            told = bytearray()
            try:
                while piece := os.read(ours, 1 << 16):
                    told += piece
            except OSError:
                pass
            os.close(ours)
        assert process.returncode == 0, told
        return told.decode()

    return run


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A closed store with many records, messages and dead letters."""
    path = tmp_path_factory.mktemp("filled") / "store.db"
    with Store.open(path, create=True, durability="normal") as store:
        store.create_topic("orders")
        store.produce_many("orders", [NewRecord(b"%d" % n * 100) for n in range(MANY)])
        store.create_queue("graves")
        store.create_queue("emails", dlq="graves")
        store.send_many("emails", [NewMessage(b"%d" % n) for n in range(2 * MANY)])
        while taken := store.receive("emails", 1_000):
            store.reject([message.receipt or "" for message in taken])
            if store.queue("graves").ready >= MANY:
                break
    return path


@pytest.fixture
def full(filled: Path, path: Path, tmp_path: Path) -> Path:
    """A copy of it, and a file with many lines."""
    shutil.copy(filled, path)
    (tmp_path / "lines").write_text("".join(f"{n}\n" for n in range(MANY)))
    return path


# A percentage of so many, and how fast.
SOME_OF_SOME = re.compile(r"\d+ %  [\d,.]+(?: \w+)? of [\d,.]+(?: \w+)?  [\d,.]+(?: \w+)?/s")
LONG = {
    "dlq redrive graves": "redrive graves",
    "dlq purge graves --where age>0s --yes": "purge graves",
    "dlq export graves": "export graves",
    "backup copy.db": "back up",
    "verify": "verify",
    "consume orders": "consume orders",
    "consume orders -g g": "consume orders",
    "consume emails": "consume emails",
}


@pytest.mark.parametrize("command", LONG)
def test_what_takes_long_says_how_much_of_how_much_is_done(
    impatient: Impatient, full: Path, command: str
) -> None:
    told = impatient(*command.split())
    assert f"\r{LONG[command]}  [" in told
    assert SOME_OF_SOME.search(told), told
    assert re.search(r"/s[^\r]*\r +\r[^\r]*(\r\n|$)", told), "the line is gone at the end"


def test_an_undo_and_an_import_of_letters_say_it_too(impatient: Impatient, full: Path) -> None:
    impatient("dlq", "export", "graves")
    (full.with_name("out")).rename(full.with_name("letters"))
    impatient("dlq", "redrive", "graves")
    assert SOME_OF_SOME.search(told := impatient("dlq", "undo")), told
    impatient("dlq", "purge", "graves", "--yes")
    assert SOME_OF_SOME.search(told := impatient("dlq", "import", "graves", "letters")), told


def test_a_restore_and_a_vacuum_say_it_too(impatient: Impatient, full: Path) -> None:
    impatient("backup", "copy.db")
    assert SOME_OF_SOME.search(told := impatient("restore", "copy.db", "--yes")), told
    impatient("topic", "delete", "orders", "--yes")
    impatient("queue", "purge", "emails", "--yes")
    assert SOME_OF_SOME.search(told := impatient("vacuum")), told


@pytest.mark.parametrize("given", ["file", "stdin"])
def test_a_file_that_is_stored_tells_how_far_it_was_read(
    impatient: Impatient, full: Path, given: str
) -> None:
    words = ["produce", "orders", "--batch", "100"]
    where = {"file": ["-f", "lines"], "stdin": []}[given]
    told = impatient(*words, *where, stdin="lines")
    assert re.search(r"\rstore in orders  \[#+\]  100 %  1,200  [\d,]+/s", told), told


def test_quiet_silences_it(impatient: Impatient, full: Path) -> None:
    assert impatient("-q", "backup", "copy.db") == ""


def test_an_apply_says_how_many_steps_are_done(
    impatient: Impatient, full: Path, tmp_path: Path
) -> None:
    queues = "".join(f"  q{n}: {{}}\n" for n in range(50))
    (tmp_path / "queues.yaml").write_text(f"version: 1\nqueues:\n{queues}")
    assert SOME_OF_SOME.search(told := impatient("apply", "queues.yaml")), told
