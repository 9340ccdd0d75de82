"""What one receive got, and is settled together, comes to the same as one message at a time.

Two stores take the same steps on one clock. In the first a step is one call. In the second each
message has a receive of its own, so nothing is leased or settled by runs.
"""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from store import MqError, NewMessage, Store
from store.model.clock import ManualClock
from tests.support.queue_invariants import check_queue_invariants

KINDS: dict[str, dict[str, Any]] = {
    "standard": {},
    "priorities": {"priorities": 3},
    "retry delays": {"retry_delays": [3, 30]},
    "limit": {"max_deliveries": 2, "dlq": "dead"},
    "length": {"max_length": 6, "dlq": "dead"},
    "share": {},
}
TABLES = {
    "mq_records": "*",
    "mq_partitions": "id, start, next, records, bytes, last_timestamp, dead_letters",
    "mq_slots": "id, cursor, leases, held, waiting",
    "mq_leases": "id, priority, due, ends, deliveries, token is null, holder, started, was_due",
    "mq_attempts": "lease, number, outcome, ended, started, error",
    "mq_undone_receives": "count(*)",
    "mq_origins": "record, sent, source, reason, at, deliveries, error, hops, priority",
}


class Settle(NamedTuple):
    """A settling of chosen messages in hand: every so many, from one on, in order or not."""

    how: str
    first: int
    number: int
    stride: int
    is_reversed: bool
    seconds: int

    def chosen(self, held: Sequence[Any]) -> list[Any]:
        """The receipts of the messages."""
        found = list(held[self.first :: self.stride][: self.number])
        return found[::-1] if self.is_reversed else found


class Send(NamedTuple):
    """A send of so many messages."""

    number: int
    level: int
    delay: int


class Receive(NamedTuple):
    """A receive of at most so many messages, for so many seconds."""

    number: int
    lease: int


class Pass(NamedTuple):
    """Time that passes."""

    seconds: int


STEPS = st.lists(
    st.one_of(
        st.builds(Send, st.integers(1, 8), st.integers(0, 2), st.sampled_from([0, 0, 4])),
        st.builds(Receive, st.integers(1, 9), st.sampled_from([1, 5, 60])),
        st.builds(
            Settle,
            st.sampled_from(["ack", "ack", "nack", "extend", "unreceive", "reject"]),
            st.sampled_from([0, 0, 1, 3]),
            st.integers(2, 9),
            st.sampled_from([1, 1, 1, 2, 3]),
            st.booleans(),
            st.sampled_from([0, 2, 20]),
        ),
        st.builds(Pass, st.sampled_from([1, 2, 6, 90])),
    ),
    min_size=5,
    max_size=14,
)


class Run:
    """One of the stores, and what it has in hand."""

    def __init__(self, path: Path, clock: ManualClock, kind: str, *, singly: bool) -> None:
        self.path = path
        self.store = Store.open(path, create=True, clock=clock, durability="normal")
        self._is_share = kind == "share"
        self._singly = singly
        self._held: list[str] = []
        self._own = ["receipt"] if self._is_share else ["receipt", "id"]
        self.store.create_queue("dead")
        if self._is_share:
            self.store.create_topic("log")
            self.store.create_share("jobs", "log", max_deliveries=None)
        else:
            self.store.create_queue("jobs", **KINDS[kind])

    def take(self, step: Any) -> Any:
        """Take a step; return what callers see of it."""
        match step:
            case Send():
                self._send(step)
            case Receive():
                return self._receive(step)
            case Settle():
                return self._settle(step)
        return None

    def _send(self, step: Send) -> None:
        if self._is_share:
            self.store.produce_many("log", [b"v"] * step.number)
            return
        level = step.level % self.store.queue_config("jobs").priorities
        message = NewMessage(b"v", priority=level, delay=step.delay or None)
        self.store.send_many("jobs", [message] * step.number)

    def _receive(self, step: Receive) -> list[Any]:
        counts = [1] * step.number if self._singly else [step.number]
        got = [one for count in counts for one in self._received(count, step.lease)]
        self._held += [one.receipt for one in got]
        # Ids and receipts are a store's own.
        return [one._replace(**dict.fromkeys(self._own, None)) for one in got]

    def _received(self, count: int, lease: int) -> Any:
        if self._is_share:
            return self.store.acquire("jobs", count, lease=lease)
        return self.store.receive("jobs", count, lease=lease)

    def _settle(self, step: Settle) -> Any:
        receipts = step.chosen(self._held)
        calls: dict[str, Any] = {
            "ack": self.store.ack,
            "nack": lambda given: self.store.nack(given, step.seconds or None, "why"),
            "extend": lambda given: self.store.extend(given, step.seconds),
            "unreceive": self.store.unreceive,
            "reject": lambda given: self.store.reject(given, "why"),
        }
        try:
            calls[step.how](receipts)
        except MqError as error:
            return [
                (self._held.index(receipt), type(refusal), str(refusal))
                for receipt, refusal in error.failures.items()
            ]
        return None

    def rows(self) -> dict[str, list[Any]]:
        """The rows of the file, but for the tokens."""
        with closing(sqlite3.connect(self.path)) as connection:
            return {
                table: connection.execute(f"select {columns} from {table}").fetchall()
                for table, columns in TABLES.items()
            }


@pytest.mark.parametrize("kind", KINDS)
@given(steps=STEPS)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_run_is_settled_as_its_messages_would_be_one_by_one(kind: str, steps: list[Any]) -> None:
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        clock = ManualClock()
        runs = [
            Run(Path(folder) / f"{singly}.db", clock, kind, singly=singly)
            for singly in (False, True)
        ]
        for run in runs:
            stack.enter_context(run.store)
        for step in steps:
            if isinstance(step, Pass):
                clock.advance(step.seconds)
                continue
            together, singly = (run.take(step) for run in runs)
            assert together == singly
            assert runs[0].rows() == runs[1].rows()
        for run in runs:
            check_queue_invariants(run.path, clock)
