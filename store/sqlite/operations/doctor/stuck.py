"""Stalls as findings of the doctor."""

from __future__ import annotations

from collections.abc import Iterator

from store.model.clock import IDLE_AFTER, OVER
from store.model.diagnoses import Diagnosis, Severity
from store.model.text import describe_duration
from store.sqlite.file.database import Snapshot
from store.sqlite.operations.stalls import ranking
from store.sqlite.operations.stalls.terms import Terms

_MOST = 20


def examine(tx: Snapshot) -> Iterator[Diagnosis]:
    """Yield the stalls of 30 seconds, the worst twenty; `mq stalls` shows all of them."""
    for stall in ranking.stalls(tx, Terms(tx, OVER, IDLE_AFTER), _MOST):
        behind = f"{stall.blocked:,} wait behind it"
        yield Diagnosis(
            Severity.CRITICAL, "stalled", stall.blocker,
            f"{stall.reader}: {stall.cause} for {describe_duration(stall.seconds)}, {behind}",
            stall.why, tuple(remedy.action for remedy in stall.remedies),
        )  # fmt: skip
