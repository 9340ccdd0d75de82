"""What starting `mq` costs, beside a program of one command written with the same typer.

    python benchmarks/startup.py [--runs 21]

Each command of mq takes turns with the reference program, each as a whole process with compiled
bytecode, and the CPU time that the system counted for the process is compared: the best of the runs
and the middle one. The default takes half a minute. More than 1.3 times the reference's best is a
fault, and the exit status says so.
"""

from __future__ import annotations

import compileall
import os
import statistics
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import harness
from harness import ROOT

from store import NewMessage, Store

GOAL = 1.3
REFERENCE = """\
import typer

app = typer.Typer()


@app.command()
def main(topic: str, value: str) -> None:
    print(topic, value)


app()
"""


class Cost(NamedTuple):
    """The CPU milliseconds of one command, and of the reference program run in turn with it."""

    command: str
    best: float
    median: float
    reference_best: float
    reference_median: float

    @property
    def ratio(self) -> float:
        return self.best / self.reference_best

    @property
    def median_ratio(self) -> float:
        return self.median / self.reference_median


def cpu_milliseconds(words: list[str], environment: dict[str, str]) -> float:
    """Run a program to its end with nothing to read and its output thrown away."""
    null = os.open(os.devnull, os.O_RDWR)
    to_null = [(os.POSIX_SPAWN_DUP2, null, number) for number in (0, 1)]
    child = os.posix_spawn(words[0], words, environment, file_actions=to_null)
    os.close(null)
    _, status, usage = os.wait4(child, 0)
    if status:
        raise SystemExit(f"{' '.join(words)} failed with {status}")
    return (usage.ru_utime + usage.ru_stime) * 1000


def commands(store: Store, runs: int) -> dict[str, Iterator[list[str]]]:
    """The words of each run of each command; every ack has a receipt of its own."""
    store.create_topic("events")
    store.produce("events", "value")
    store.create_queue("jobs")
    store.send_many("jobs", [NewMessage("value")] * 2 * runs)
    receipts = [message.receipt for message in store.receive("jobs", runs, lease=3600)]
    return {
        "mq produce TOPIC VALUE": iter([["produce", "events", "value"]] * runs),
        "mq produce QUEUE VALUE": iter([["produce", "jobs", "value"]] * runs),
        "mq consume TOPIC -n 1": iter([["consume", "events", "-n", "1"]] * runs),
        "mq receive QUEUE": iter([["receive", "jobs"]] * runs),
        "mq lag": iter([["lag"]] * runs),
        "mq ack RECEIPT": iter([["ack", str(receipt)] for receipt in receipts]),
    }


def measure(folder: Path, runs: int) -> list[Cost]:
    """Let each command and the reference take turns."""
    reference = folder / "reference.py"
    reference.write_text(REFERENCE)
    with Store.open(folder / "store.db", create=True) as store:
        words = commands(store, runs + 1)
    environment = {**os.environ, "MQ_STORE": str(folder / "store.db"), "PYTHONPATH": str(ROOT)}
    plain = [sys.executable, str(reference), "events", "value"]
    costs = []
    for name, each in words.items():
        ours, theirs = [], []
        for run in each:
            theirs.append(cpu_milliseconds(plain, environment))
            ours.append(cpu_milliseconds([sys.executable, "-m", "mq", *run], environment))
        # The first of each found no file in the system's memory.
        del ours[0], theirs[0]
        middle, middle_of_reference = statistics.median(ours), statistics.median(theirs)
        costs.append(Cost(name, min(ours), middle, min(theirs), middle_of_reference))
    return costs


def main() -> int:
    """Measure, tell, and fail where a command costs more than the goal."""
    parser = harness.options(__doc__)
    parser.add_argument("--runs", type=int, default=21)
    given = parser.parse_args()
    for layer in ("mq", "store"):
        compileall.compile_dir(ROOT / layer, quiet=2)
    where = harness.machine()
    with tempfile.TemporaryDirectory() as folder:
        costs = measure(Path(folder), given.runs)
    rows = [{**c._asdict(), "ratio": c.ratio, "median_ratio": c.median_ratio} for c in costs]
    heads = ("CPU ms", "best", "typer's", "ratio", "median", "typer's", "ratio")
    lines = [
        (c.command, c.best, c.reference_best, c.ratio, c.median, c.reference_median, c.median_ratio)
        for c in costs
    ]
    document = {"machine": where, "goal": GOAL, "rows": rows}
    harness.publish(given, harness.columns(heads, lines), document)
    return int(any(cost.ratio > GOAL for cost in costs))


if __name__ == "__main__":
    sys.exit(main())
