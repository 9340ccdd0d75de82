"""The dashboard on a real terminal: how it starts, resizes, ends, and what reaches the terminal."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from store import Store
from tests.support.strokes import JUNK
from tests.support.terminals import END_OF_PASTE, ESCAPE, PATIENCE, OnTerminal, dashboard

PAYLOAD = "\x1b]0;owned\x07\x9b2J\u202e[/x]"
FAILING = Path(__file__).parents[1] / "support" / "failing.py"


@pytest.fixture
def mails(store: Store) -> Path:
    """A store with one queue."""
    store.create_queue("mails")
    return store.path


def test_it_starts_resizes_and_leaves_the_terminal_as_it_was(store: Store) -> None:
    store.create_queue("mails")
    store.send("mails", PAYLOAD, key=PAYLOAD)
    with dashboard(store.path) as person:
        person.wait_for(b"mails")
        person.resize(140, 40)
        person.wait_for(b"MADE OF")
        person.type(b":")
        person.wait_for(b"an address")
        person.type(b"mails@0\r")
        person.wait_for(rb"\x1b]0;owned")
        person.type(b"q")
        assert person.end() == 0
        assert person.is_as_before
    assert b"\x1b]0;owned" not in person.seen
    assert "\x9b".encode() not in person.seen
    assert "\u202e".encode() not in person.seen


def test_the_size_is_the_terminals_whatever_the_environment_says(mails: Path) -> None:
    with dashboard(mails, COLUMNS="80", LINES="24") as person:
        person.wait_for(b"mails")
        person.resize(140, 40)
        person.wait_for(b"MADE OF")


def test_a_terminal_of_one_cell_ends_nothing(mails: Path) -> None:
    with dashboard(mails) as person:
        person.wait_for(b"mails")
        for key in (b"2", b"3", b"4", b"5", b"6", b"?", ESCAPE, b"P", ESCAPE, b":", ESCAPE, b"1"):
            person.resize(1, 1)
            person.type(key)
            person.watch(0.1)
        person.resize(140, 40)
        person.wait_for(b"MADE OF")
        assert person.leave() == 0


@pytest.mark.parametrize("focus", ["table", "prompt"])
def test_bytes_that_are_no_keys_are_passed_over(mails: Path, focus: str) -> None:
    with dashboard(mails) as person:
        person.wait_for(b"mails")
        if focus == "prompt":
            person.type(b":")
            person.wait_for(b"an address")
        for junk in JUNK:
            person.type(junk + END_OF_PASTE)
        assert person.leave() == 0, person.tail
        assert person.is_as_before


def test_what_is_pasted_can_not_command_the_terminal(mails: Path) -> None:
    with dashboard(mails) as person:
        person.wait_for(b"mails")
        person.type(b":")
        person.wait_for(b"an address")
        person.type(b"\x1b[200~left\x07\xc2\x9b2J\xe2\x80\xaeright\x1b[201~")
        person.wait_for(b"left2Jright")
        assert b"\x07\xc2\x9b" not in person.seen
        assert "\u202e".encode() not in person.seen


def test_it_ends_when_its_terminal_is_gone(mails: Path) -> None:
    with dashboard(mails) as person:
        person.wait_for(b"mails")
        os.close(person.terminal)
        person.process.wait(PATIENCE)


def test_when_told_to_end_it_leaves_the_terminal_as_it_was(mails: Path) -> None:
    with dashboard(mails) as person:
        person.wait_for(b"mails")
        person.process.terminate()
        assert person.end() == 128 + signal.SIGTERM
        assert person.is_as_before


@pytest.mark.parametrize("where", ["key", "look", "worker", "timer", "thread"])
def test_an_error_inside_ends_it_with_1_and_one_line(mails: Path, where: str) -> None:
    with dashboard(mails, program=[str(FAILING), where]) as person:
        person.wait_for(b"mails")
        person.type(b"t")
        assert person.end() == 1
        assert person.is_as_before
    assert told(person) == [
        f"mq: error: RuntimeError: failed on purpose in a {where}",
        "hint: this is a bug in mq; --debug shows where",
    ]


def test_with_debug_an_error_inside_tells_where(mails: Path) -> None:
    with dashboard(mails, "--debug", program=[str(FAILING), "key"]) as person:
        person.wait_for(b"mails")
        person.type(b"t")
        assert person.end() == 1
    assert told(person)[0] == "Traceback (most recent call last):"


def told(person: OnTerminal) -> list[str]:
    """The lines that stand on the terminal once the page of the dashboard has gone."""
    after = person.seen.rpartition(b"\x1b[?1049l")[2].decode()
    return re.sub(r"\x1b\[\?\d+[hl]", "", after).splitlines()


def test_without_a_terminal_it_says_so_in_one_line_and_exits_2(store: Store) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mq", "-s", str(store.path), "dashboard"],
        capture_output=True, stdin=subprocess.DEVNULL, timeout=PATIENCE,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.decode().splitlines()[0] == "mq: error: the dashboard needs a terminal"
    assert done.stdout == b""
