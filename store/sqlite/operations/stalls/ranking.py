"""All stalls with cause, since when, and ways out: the worst first, by blocked x age."""

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
    def reader(self) -> str:
        """The group, share or queue that it stops."""

    @property
    def blocked(self) -> int:
        """The number of messages behind it."""

    @property
    def seconds(self) -> float:
        """Its duration in seconds."""

    def stall(self) -> Stall:
        """Return the stall with all data of its card."""


def find(tx: Snapshot, terms: Terms) -> list[Candidate]:
    """Return all stalls, worst first, at the cost of the stalls and not of the backlog."""
    found: list[Candidate] = [
        *groups.find(tx, terms),
        *fifo.find(tx, terms),
        *shares.find(tx, terms),
    ]
    found.sort(key=lambda candidate: -candidate.blocked * candidate.seconds)
    return found


def stalls(tx: Snapshot, terms: Terms, limit: int | None = None) -> list[Stall]:
    """Return the stalls, worst first, with all their data."""
    return [candidate.stall() for candidate in find(tx, terms)[:limit]]
