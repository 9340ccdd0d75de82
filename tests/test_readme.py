"""The tours are real: their commands are typed in order, and say what stands there.

There is one in the README and one on some pages of the manual.
"""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from threading import Timer
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
MANUAL = ROOT / "docs"
TOURS = [
    ROOT / "README.md",
    *(MANUAL / f"{page}.md" for page in ("tutorial", "concepts", "queues", "routing", "topology")),
]
ANYTHING = "..."
LONGEST = 60.0  # seconds for one command


class Step(NamedTuple):
    command: str
    expected: list[str]


def steps(text: str) -> list[Step]:
    """The `$ command` lines of the console blocks with the lines that follow them.

    As a shell shows it, a command goes on in lines that begin with `> `.
    """
    found: list[Step] = []
    for block in re.findall(r"^```console\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append(Step(line[2:], []))
            elif line.startswith("> ") and not found[-1].expected:
                found[-1] = Step(f"{found[-1].command}\n{line[2:]}", [])
            else:
                found[-1].expected.append(line)
    return found


def files(text: str) -> dict[str, str]:
    """The `yaml` blocks that begin with a comment with the name of a file."""
    blocks = re.findall(r"^```yaml\n# (\S+\.yaml)\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return dict(blocks)


@pytest.mark.parametrize("page", TOURS, ids=lambda page: page.name)
def test_every_command_of_a_tour_prints_what_the_page_says(page: Path, tmp_path: Path) -> None:
    text = page.read_text(encoding="utf-8")
    tour = steps(text)
    for name, content in files(text).items():
        (tmp_path / name).write_text(content, encoding="utf-8")

    printed = [Step(step.command, typed(step.command, tmp_path)) for step in tour]

    assert len(tour) >= 5
    assert [shown for shown, step in zip(printed, tour, strict=True) if differs(shown, step)] == []


def differs(printed: Step, step: Step) -> bool:
    return not matches(printed.expected, step.expected)


def matches(lines: list[str], expected: list[str]) -> bool:
    """Whether the lines are the expected ones.

    `...` alone on a line stands for any lines, within a line for any text.
    """
    wanted = "".join(".*" if line == ANYTHING else pattern(line) + "\n" for line in expected)
    return bool(re.fullmatch(wanted, "".join(f"{line}\n" for line in lines), re.DOTALL))


def pattern(line: str) -> str:
    return "[^\n]*".join(re.escape(part) for part in plain(line).split(ANYTHING))


def plain(line: str) -> str:
    """The line with one space for each run: a table's widths follow the times in it."""
    return re.sub(" +", " ", line.rstrip())


def typed(command: str, folder: Path) -> list[str]:
    """What a person sees who types the command in a terminal of 100 columns without colours."""
    keyboard, terminal = pty.openpty()
    shell = subprocess.Popen(
        ["bash", "-c", command],
        cwd=folder,
        env=environment(folder),
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
    )
    os.close(terminal)
    limit = Timer(LONGEST, os.killpg, [shell.pid, signal.SIGKILL])
    limit.start()
    shown = everything_from(keyboard)
    shell.wait()
    limit.cancel()
    os.close(keyboard)
    return [plain(line) for line in shown.replace("\r\n", "\n").splitlines()]


def everything_from(keyboard: int) -> str:
    shown = b""
    while True:
        try:
            shown += (piece := os.read(keyboard, 65536))
        except OSError:
            # Linux says so when the last program has let go of the terminal.
            return shown.decode()
        if not piece:
            return shown.decode()


def environment(home: Path) -> Mapping[str, str]:
    return {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "COLUMNS": "100",
        "NO_COLOR": "1",
        "TERM": "xterm",
    }
