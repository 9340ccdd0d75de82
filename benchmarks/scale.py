"""What commands cost when there is ten and a hundred times as much of what they are about.

    python benchmarks/scale.py [--only TEXT] [--limit SECONDS] [SIZE …]

Every command is run as a process on stores with so many things. What the process of the smallest
command takes is left out, so that the figure is microseconds of CPU for each thing, and `ratio` is
that of a size beside that of the one before. A ratio over 1.5 is a fault; the exit status says so.
A command that takes longer than the limit is ended, and its figure is missing.
"""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from time import monotonic, sleep

import harness
from scale_subjects import SUBJECTS, Subject

from store import Store

SIZES = [1_000, 10_000, 100_000]
GOAL = 1.5
# Below this a process takes longer to start and to open its store than it takes over the things.
LEAST_SECONDS = 0.1


@dataclass
class Row:
    """One command at one size; `each` is microseconds of CPU a thing."""

    subject: str
    command: str
    size: int
    wall: float | None
    cpu: float | None
    each: float | None = None
    ratio: float | None = None


def run(folder: Path, command: str, limit: float) -> tuple[float | None, float | None]:
    """Seconds on the wall and of CPU; none where it ran too long."""
    environment = {
        **os.environ,
        "MQ_STORE": str(folder / "store.db"),
        "PYTHONPATH": str(harness.ROOT),
        "MQ": f"{sys.executable} -m mq",
    }
    began = monotonic()
    with open(folder / "errors", "w+b") as errors:
        process = subprocess.Popen(
            ["sh", "-c", f'mq() {{ "{sys.executable}" -m mq "$@"; }}\n{command}'],
            cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=errors, start_new_session=True,
        )  # fmt: skip
        usage, is_over = _wait(process, began + limit)
        wall = monotonic() - began
        if is_over:
            return None, None
        if process.returncode not in {0, 10}:
            errors.seek(0)
            told = errors.read()[-500:].decode()
            raise SystemExit(f"{command} failed with {process.returncode}: {told}")
    return wall, usage.ru_utime + usage.ru_stime


def _wait(process: subprocess.Popen[bytes], deadline: float) -> tuple[resource.struct_rusage, bool]:
    """What a process and its own used, and whether it had to be ended."""
    is_over = False
    while True:
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            process.returncode = os.waitstatus_to_exitcode(status)
            return usage, is_over
        if monotonic() > deadline and not is_over:
            is_over = True
            os.killpg(process.pid, signal.SIGKILL)
        sleep(0.005)


def measure(subject: Subject, sizes: list[int], limit: float, only: str) -> list[Row]:
    """The rows of one kind of store."""
    rows = []
    for size in sizes:
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            began = monotonic()
            with Store.open(folder / "store.db", create=True, durability="normal") as store:
                subject.fill(store, size, folder)
            print(
                f"{subject.name} {size:,}: filled in {monotonic() - began:.1f} s", file=sys.stderr
            )
            shutil.copy(folder / "store.db", folder / "full.db")
            for command in subject.commands:
                if command.most < size or only not in f"{subject.name}: {command.name}":
                    continue
                if command.anew:
                    # What a command that was ended has left belongs to another file.
                    for left in folder.glob("store.db*"):
                        left.unlink()
                    shutil.copy(folder / "full.db", folder / "store.db")
                wall, cpu = run(folder, command.text, limit)
                rows.append(Row(subject.name, command.name, size, wall, cpu))
                told = "too long" if cpu is None or wall is None else f"{wall:.2f} s, CPU {cpu:.2f}"
                say(f"{subject.name} {size:,}: {command.name}: {told}")
    return rows


def say(text: str) -> None:
    """Tell what is going on."""
    print(text, file=sys.stderr)


def compare(rows: list[Row], start: float) -> None:
    """Fill in what a thing takes, and how that grows."""
    before: dict[tuple[str, str], float] = {}
    for row in rows:
        if row.cpu is None:
            continue
        name = row.subject, row.command
        row.each = max(row.cpu - start, 0.0) / row.size * 1e6
        if row.cpu - start >= LEAST_SECONDS and name in before:
            row.ratio = row.each / before[name]
        # A figure that is lost in that of the start would make any larger one look grown.
        if row.cpu - start >= LEAST_SECONDS / 10:
            before[name] = row.each


def main() -> int:
    """Measure, tell, and fail where something is not in proportion."""
    parser = harness.options(__doc__)
    parser.add_argument("size", nargs="*", type=int, default=SIZES)
    parser.add_argument("--only", default="", help="subjects and commands that hold this text")
    parser.add_argument("--limit", type=float, default=120, help="seconds, for a command")
    given = parser.parse_args()
    where = harness.machine()
    with tempfile.TemporaryDirectory() as place:
        Store.open(Path(place) / "store.db", create=True).close()
        start = min(run(Path(place), "mq topic list", 60)[1] or 0 for _ in range(5))
    rows = []
    for subject in SUBJECTS:
        if any(given.only in f"{subject.name}: {one.name}" for one in subject.commands):
            rows += measure(subject, given.size, given.limit, given.only)
    compare(rows, start)
    lines = [(f"{r.subject}: {r.command}", r.size, r.wall, r.cpu, r.each, r.ratio) for r in rows]
    heads = ("command", "things", "wall s", "CPU s", "µs each", "ratio")
    document = {"machine": where, "goal": GOAL, "start": start, "rows": [asdict(r) for r in rows]}
    harness.publish(given, harness.columns(heads, lines), document)
    return int(any(row.cpu is None or (row.ratio or 0) > GOAL for row in rows))


if __name__ == "__main__":
    sys.exit(main())
