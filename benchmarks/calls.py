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
from datetime import timedelta
from functools import partial
from itertools import count
from pathlib import Path
from types import FrameType
from typing import NamedTuple

import harness
from harness import ROOT

from store import NewMessage, Store
from store.model.clock import ManualClock
from store.model.queues import QueueSettings

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


Calls = dict[str, Callable[[], Callable[[], object]]]


def calls(store: Store) -> Calls:
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


def calls_beside(store: Store) -> Calls:
    """By name, the calls on what is no plain topic or queue."""
    return {**_in_order(store), **_with_options(store), **_share(store)}


def _in_order(store: Store) -> Calls:
    """The calls on a FIFO queue, and on a fair one."""
    calls: Calls = {}
    for name, settings in (("FIFO", QueueSettings(fifo=True)), ("fair", QueueSettings(fair=True))):
        store.create_queue(name, **settings)
        store.send_many(name, [NewMessage("value", message_group=f"g{n}") for n in range(_MANY)])
        calls |= {
            f"{name}: send": partial(
                partial, store.send, name, "value", message_group="g1", dedup_id=None
            ),
            f"{name}: receive": partial(partial, store.receive, name),
            f"{name}: ack": partial(_ack, store, name),
        }
    return calls


def _with_options(store: Store) -> Calls:
    """Sends with options, which a plain queue does not need."""
    store.create_queue("urgent", priorities=4)
    store.create_queue("once", dedup=timedelta(minutes=5))
    store.create_queue("brief", ttl=timedelta(hours=1), delay=1)
    store.create_queue("late")
    store.send_many("urgent", [NewMessage("value", priority=number % 4) for number in range(_MANY)])
    numbers = map(str, count())
    return {
        "send with a priority": lambda: partial(store.send, "urgent", "value", priority=2),
        "receive of a priority": lambda: partial(store.receive, "urgent"),
        "send with a deduplication id": lambda: partial(
            store.send, "once", "value", dedup_id=next(numbers)
        ),
        "send with a delay": lambda: partial(store.send, "late", "value", delay=60),
        "send with a time to live": lambda: partial(store.send, "late", "value", ttl=60),
        "send to a queue with delay and ttl": lambda: partial(store.send, "brief", "value"),
    }


def _share(store: Store) -> Calls:
    store.create_topic("events")
    store.produce_many("events", ["value"] * _READ)
    store.create_share("work", "events")
    store.create_queue("empty")
    return {
        "acquire": lambda: partial(store.acquire, "work"),
        "ack of a record": lambda: partial(
            store.ack, [record.receipt for record in store.acquire("work")]
        ),
        "receive of nothing": lambda: partial(store.receive, "empty"),
    }


def _ack(store: Store, queue: str) -> Callable[[], object]:
    receipts = [str(message.receipt) for message in store.receive(queue)]
    return partial(store.ack, receipts)


def _trace(call: Callable[[], object]) -> Tracer:
    with traced() as tracer:
        call()
    return tracer


def measure(folder: Path) -> dict[str, Tracer]:
    """Trace each call once it is warm, and one whole command."""
    traces = {}
    for path, make in ((folder / "beside.db", calls_beside), (folder / "store.db", calls)):
        with Store.open(path, create=True, clock=ManualClock()) as store:
            for name, prepare in make(store).items():
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
