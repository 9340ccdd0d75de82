"""The goals: what mq's rate shall be at least, as a multiple of a peer's that promises the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .workloads import BATCH, LOG_BATCH, SENDERS


@dataclass(frozen=True, slots=True)
class Goal:
    """A ratio to reach at a workload; 0: only to be reported."""

    workload: str
    peer: str
    ratio: float

    @property
    def call(self) -> str:
        """The workload without what distinguishes it by its backlog, which is stated beside it."""
        return self.workload.removesuffix(", few waiting").removesuffix(", many waiting")


GOALS: Sequence[Goal] = (
    Goal("send", "litequeue", 1.1),
    Goal("send", "localqueue", 1.0),
    Goal("receive+ack", "litequeue", 4.0),
    Goal("receive+ack, many waiting", "litequeue", 100.0),
    Goal("receive+ack, few waiting", "litequeue", 1.0),
    Goal("receive+ack, few waiting", "localqueue", 1.2),
    Goal("receive, auto-ack", "diskcache", 1.1),
    Goal("receive, auto-ack", "huey", 0.0),
    Goal(f"send x{BATCH}", "litequeue", 4.0),
    Goal(f"send x{BATCH}", "bare table", 0.7),
    Goal(f"receive+ack x{BATCH}", "redis stream", 3.0),
    Goal(f"append x{LOG_BATCH}", "bare table", 1.0),
    Goal(f"append x{LOG_BATCH}, keyed", "bare table", 0.5),
    Goal(f"read x{LOG_BATCH}", "bare columns", 0.7),
    Goal("send, full", "bare table", 0.8),
    Goal(f"send from {SENDERS} threads, full", "bare table", 5.0),
)
