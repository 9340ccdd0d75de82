"""What one warm call passes through: functions of ours, the files they are in, SQL statements.

    python benchmarks/calls.py [--tree CALL]

It counts, so it says the same on every machine; the clock stands still, so that nothing falls due
in between. With `--tree` it shows every function that a call
enters, indented as they call each other.
"""

from __future__ import annotations

import io
import os
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from types import FrameType
from typing import NamedTuple

import harness
from harness import ROOT

from store import Store
from store.model.clock import ManualClock

_OURS = tuple(f"{ROOT / floor}{os.sep}" for floor in ("mq", "store", "tui"))
_MANY = 100
_READ = 1_000


class Count(NamedTuple):
    """What one call of a kind passes through."""

    call: str
    functions: int
    files: int
    depth: int
    statements: int


class Tracer:
    """Notes each function of ours that is entered, and each statement that is run."""

    def __init__(self) -> None:
        self.entered: list[tuple[int, str, str]] = []
        self.statements: list[str] = []
        self._depth = 0

    def __call__(self, frame: FrameType, event: str, argument: object) -> None:
        """Take an event of the interpreter's profiler."""
        code = frame.f_code
        if event in {"call", "return"} and code.co_filename.startswith(_OURS):
            if event == "call":
                self._depth += 1
                self.entered.append((self._depth, code.co_filename, code.co_qualname))
            else:
                self._depth -= 1
        elif event == "c_call" and _runs_sql(argument):
            self.statements.append(getattr(argument, "__name__", ""))

    def count(self, call: str) -> Count:
        """What was noted, as one row."""
        return Count(
            call,
            len(self.entered),
            len({file for _, file, _ in self.entered}),
            max((depth for depth, _, _ in self.entered), default=0),
            len(self.statements),
        )

    def tree(self) -> str:
        """The functions in the order entered, indented as they call each other."""
        return "\n".join(
            f"{'  ' * (depth - 1)}{name}  {Path(file).relative_to(ROOT)}"
            for depth, file, name in self.entered
        )


def _runs_sql(function: object) -> bool:
    owner = getattr(function, "__self__", None)
    return isinstance(owner, sqlite3.Connection | sqlite3.Cursor) and getattr(
        function, "__name__", ""
    ) in {"execute", "executemany", "commit"}


@contextmanager
def traced() -> Iterator[Tracer]:
    """Trace what runs in the block."""
    tracer = Tracer()
    sys.setprofile(tracer)
    try:
        yield tracer
    finally:
        sys.setprofile(None)


def calls(store: Store) -> dict[str, Callable[[], Callable[[], object]]]:
    """By name, what prepares one call and returns it."""
    store.create_topic("events")
    store.create_queue("jobs")
    store.produce_many("events", ["value"] * _READ)
    store.send_many("jobs", ["value"] * 50 * _MANY)

    def ack(number: int) -> Callable[[], object]:
        receipts = [str(message.receipt) for message in store.receive("jobs", number)]
        return lambda: store.ack(receipts)

    return {
        "send": lambda: lambda: store.send("jobs", "value"),
        "receive": lambda: lambda: store.receive("jobs"),
        "ack": lambda: ack(1),
        "produce": lambda: lambda: store.produce("events", "value"),
        f"receive x{_MANY}": lambda: lambda: store.receive("jobs", _MANY),
        f"ack x{_MANY}": lambda: ack(_MANY),
        f"read x{_READ}": lambda: lambda: store.read("events", 0, 0, _READ),
    }


def _trace(call: Callable[[], object]) -> Tracer:
    with traced() as tracer:
        call()
    return tracer


def measure(folder: Path) -> dict[str, Tracer]:
    """Trace each call once it is warm, and one whole command."""
    traces = {}
    path = folder / "store.db"
    with Store.open(path, create=True, clock=ManualClock()) as store:
        for name, prepare in calls(store).items():
            for _ in range(2):
                prepare()()
            # The leanest of some: what is done now and then is not in every one.
            traces[name] = min(
                (_trace(prepare()) for _ in range(4)), key=lambda tracer: len(tracer.entered)
            )
    os.environ["MQ_STORE"] = str(path)
    from mq.command_line import run

    words = ["produce", "jobs", "value"]
    with redirect_stdout(io.TextIOWrapper(io.BytesIO())):
        run(words)
        with traced() as tracer:
            run(words)
    traces["mq produce QUEUE VALUE"] = tracer
    return traces


def main() -> int:
    """Count, and tell."""
    parser = harness.options(__doc__)
    parser.add_argument("--tree", metavar="CALL", help="show the functions that this call enters")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        traces = measure(Path(folder))
    if given.tree is not None:
        print(traces[given.tree].tree())
        return 0
    counts = [tracer.count(name) for name, tracer in traces.items()]
    table = harness.columns(("warm call", "functions", "files", "depth", "statements"), counts)
    document = {"machine": harness.machine(), "rows": [count._asdict() for count in counts]}
    harness.publish(given, table, document)
    return 0


if __name__ == "__main__":
    sys.exit(main())
