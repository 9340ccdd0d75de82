"""Record sessions of the real program: `python docs/record_terminal.py` writes docs/recordings/.

Each session is typed into a terminal of its own, in an empty folder. It comes out twice: as an
asciicast, for `asciinema play`, and as an SVG that shows the lines one after another, for pages.
"""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from html import escape
from pathlib import Path
from typing import NamedTuple

from rich.style import Style
from rich.text import Text

ROOT = Path(__file__).resolve().parents[1]
TARGET = ROOT / "docs" / "recordings"
COLUMNS, ROWS = 116, 34
PROMPT = "\x1b[1;32m$\x1b[0m "

SESSIONS = {
    "first-steps": [
        "mq init",
        "mq topic create orders --partitions 2",
        r"printf 'bob:pen\nada:book\nbob:lamp\n' | mq produce orders -K :",
        "mq peek orders",
        r"mq consume orders -g billing -n 2 -F '%k bought %s\n'",
        "mq lag",
        r"mq consume orders -g billing -F '%k bought %s\n'",
        "mq group reset billing --topic orders --to earliest",
        "mq list",
    ],
    "a-stall": [
        "mq queue create orders.dlq && mq topic create orders",
        r"printf 'pen\nboom\nbook\nlamp\n' | mq produce orders",
        "mq work orders -g billing --once -- grep -qv boom",
        "mq stalls --over 0s --idle-after 0s",
        "mq group skip billing orders/0@1 --to-dlq orders.dlq",
        "mq consume orders -g billing",
        "mq dlq peek orders.dlq",
        "mq stalls",
    ],
}

# Seconds: between two letters, after a line, after a command.
_LETTER, _LINE, _PAUSE = 0.035, 0.06, 1.1
_WIDTH, _HEIGHT, _MARGIN, _SIZE = 8.43, 19, 14, 14
_COLOURS = {1: "#f2777a", 2: "#99cc99", 3: "#ffcc66", 4: "#6699cc"}
_TEXT, _GROUND = "#d8d8d8", "#1d1f21"


class Event(NamedTuple):
    """A piece of output and when it comes, in seconds from the beginning."""

    at: float
    output: str


def record(commands: Sequence[str], folder: Path) -> Iterator[Event]:
    """Run the commands in a folder, and give their lines a time at which they come."""
    now = 0.4
    for command in commands:
        yield Event(now, PROMPT)
        for letter in command:
            now += _LETTER
            yield Event(now, letter)
        now += 0.3
        yield Event(now, "\r\n")
        for line in run(command, folder).splitlines(keepends=True):
            now += _LINE
            yield Event(now, line.replace("\n", "\r\n"))
        now += _PAUSE
    yield Event(now, "")


def run(command: str, folder: Path) -> str:
    """Return the output of a command on a terminal of its own, colours and all."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        ["bash", "-c", command], cwd=folder, env=environment(folder),
        stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
    ) as process:  # fmt: skip
        os.close(theirs)
        shown = b"".join(_pieces(ours))
        os.close(ours)
        process.wait()
    return shown.decode().replace("\r\n", "\n").replace(str(folder), "~/shop")


def _pieces(terminal: int) -> Iterator[bytes]:
    # Linux says EIO, not the end, when the last process has left the terminal.
    with suppress(OSError):
        while piece := os.read(terminal, 65536):
            yield piece


def environment(folder: Path) -> dict[str, str]:
    """Return an environment with nothing of the person who records."""
    return {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "HOME": str(folder),
        "LANG": "C.UTF-8",
        "TERM": "xterm-256color",
        "COLUMNS": str(COLUMNS),
    }


def asciicast(events: Sequence[Event], title: str) -> str:
    """Return the events as an asciicast, version 2."""
    header = {"version": 2, "width": COLUMNS, "height": ROWS, "title": title}
    lines = [json.dumps(header)]
    lines += [json.dumps([round(event.at, 3), "o", event.output]) for event in events]
    return "\n".join(lines) + "\n"


def animated(events: Sequence[Event], title: str) -> str:
    """Return the events as an SVG in which each line appears at its time."""
    lines = list(_lines(events))
    width = 2 * _MARGIN + COLUMNS * _WIDTH
    height = 2 * _MARGIN + len(lines) * _HEIGHT
    drawn = "\n".join(_drawn(number, at, text) for number, (at, text) in enumerate(lines))
    return f"""\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height}" role="img">
<title>{escape(title)}</title>
<style>
text {{ font: {_SIZE}px ui-monospace, Menlo, Consolas, monospace; fill: {_TEXT}; white-space: pre }}
.line {{ opacity: 0; animation: come 0.01s forwards }}
@keyframes come {{ to {{ opacity: 1 }} }}
@media (prefers-reduced-motion: reduce) {{ .line {{ opacity: 1; animation: none }} }}
</style>
<rect width="100%" height="100%" rx="8" fill="{_GROUND}"/>
{drawn}
</svg>
"""


def _lines(events: Sequence[Event]) -> Iterator[tuple[float, str]]:
    """Yield each line with the time at which it is complete."""
    line = ""
    for event in events:
        line += event.output
        if line.endswith("\r\n"):
            yield event.at, line.removesuffix("\r\n")
            line = ""


def _drawn(number: int, at: float, line: str) -> str:
    text = Text.from_ansi(line)
    cuts = {end for span in text.spans for end in (span.start, span.end)}
    spans = "".join(_span(piece) for piece in text.divide(sorted(cuts)) if piece.plain)
    place = f'x="{_MARGIN}" y="{_MARGIN + number * _HEIGHT + _SIZE}"'
    return f'<text class="line" style="animation-delay: {at:.2f}s" {place}>{spans}</text>'


def _span(piece: Text) -> str:
    text, style = piece.plain, piece.spans[0].style if piece.spans else Style()
    if isinstance(style, str):
        style = Style.parse(style)
    colour = _COLOURS.get(style.color.number or 0, "") if style.color else ""
    marks = f' fill="{colour}" style="fill: {colour}"' if colour else ""
    marks += ' font-weight="bold"' if style.bold else ""
    return f"<tspan{marks}>{escape(text)}</tspan>"


def main() -> None:
    """Record every session."""
    for name, commands in SESSIONS.items():
        with tempfile.TemporaryDirectory() as folder:
            events = list(record(commands, Path(folder)))
        title = f"mq: {name.replace('-', ' ')}"
        (TARGET / f"{name}.cast").write_text(asciicast(events, title), encoding="utf-8")
        (TARGET / f"{name}.svg").write_text(animated(events, title), encoding="utf-8")


if __name__ == "__main__":
    main()
