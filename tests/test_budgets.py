"""The most functions of ours, and statements, that a warm call may pass through.

They are counted, so a slow machine changes nothing. Lower a budget when a call becomes leaner.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

SCRIPT = Path(__file__).resolve().parents[1] / "benchmarks" / "calls.py"


pytestmark = pytest.mark.xdist_group("calls")


class Budget(NamedTuple):
    """The most that one call may pass through."""

    functions: int
    statements: int


BUDGETS = {
    "send": Budget(12, 4),
    "produce": Budget(12, 4),
    "receive": Budget(15, 5),
    "receive x100": Budget(30, 5),
    "ack": Budget(15, 7),
    "ack x100": Budget(20, 8),
    "read x1000": Budget(80, 5),
    "FIFO: send": Budget(30, 5),
    "fair: send": Budget(30, 5),
    "send with a priority": Budget(26, 5),
    "send with a deduplication id": Budget(39, 7),
    "send with a delay": Budget(33, 7),
    "send with a time to live": Budget(26, 4),
    "send to a queue with delay and ttl": Budget(31, 7),
    "receive of a priority": Budget(18, 5),
    "FIFO: receive": Budget(17, 6),
    "FIFO: ack": Budget(21, 9),
    "fair: receive": Budget(19, 7),
    "fair: ack": Budget(19, 9),
    "acquire": Budget(33, 6),
    "ack of a record": Budget(14, 5),
    # It looks only, and takes no lock.
    "receive of nothing": Budget(79, 8),
    # A whole command, which opens the store and closes it.
    "mq produce QUEUE VALUE": Budget(459, 49),
}


@pytest.fixture(scope="module")
def counts() -> dict[str, Budget]:
    """By call, how much it passes through."""
    run = subprocess.run([sys.executable, SCRIPT, "--json"], check=True, capture_output=True)
    rows = json.loads(run.stdout)["rows"]
    return {row["call"]: Budget(row["functions"], row["statements"]) for row in rows}


@pytest.mark.parametrize("call", BUDGETS)
def test_a_warm_call_passes_through_few_functions(call: str, counts: dict[str, Budget]) -> None:
    assert counts[call].functions <= BUDGETS[call].functions


@pytest.mark.parametrize("call", BUDGETS)
def test_a_warm_call_runs_few_statements(call: str, counts: dict[str, Budget]) -> None:
    assert counts[call].statements <= BUDGETS[call].statements
