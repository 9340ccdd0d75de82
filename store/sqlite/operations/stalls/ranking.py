"""What is stuck, why, since when, and what to do: the worst first, by blocked x age."""

from __future__ import annotations

from typing import Protocol

from store.model.stalls import Stall
from store.sqlite.file.database import Snapshot
from store.sqlite.operations.stalls import fifo, groups, shares
from store.sqlite.operations.stalls.terms import Terms


class Candidate(Protocol):
    """A stall that was found, not yet looked at more closely."""

    @property
    def subjects(self) -> tuple[str, ...]:
        """The topic, queue or share that it is in."""

    @property
    def blocked(self) -> int:
        """How much waits behind it."""

    @property
    def seconds(self) -> float:
        """For how long."""

    def stall(self) -> Stall:
        """The stall with everything that its card shows."""


def find(tx: Snapshot, terms: Terms) -> list[Candidate]:
    """All stalls, worst first, at the price of those that there are and not of the backlog."""
    found: list[Candidate] = [
        *groups.find(tx, terms),
        *fifo.find(tx, terms),
        *shares.find(tx, terms),
    ]
    found.sort(key=lambda candidate: -candidate.blocked * candidate.seconds)
    return found


def stalls(tx: Snapshot, terms: Terms, limit: int | None = None) -> list[Stall]:
    """The stalls, worst first, with everything that is known of them."""
    return [candidate.stall() for candidate in find(tx, terms)[:limit]]
