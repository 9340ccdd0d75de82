"""Figures of a running server, beside those of its store."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from store.model.metrics import Family


class Figures:
    """Counts of requests by gateway, operation and status, and of what clients do not get told."""

    def __init__(self) -> None:
        self._requests: Counter[tuple[str, str, int]] = Counter()
        self._seconds: Counter[tuple[str, str]] = Counter()
        self.stale_deletes = 0

    @property
    def requests(self) -> int:
        """How many requests were answered."""
        return self._requests.total()

    def note(self, gateway: str, operation: str, status: int, seconds: float) -> None:
        """Count an answered request."""
        self._requests[gateway, operation, status] += 1
        self._seconds[gateway, operation] += seconds  # type: ignore[assignment]

    def families(self, connections: Iterable[tuple[str, int]]) -> list[Family]:
        """Return the figures as metrics; `connections` are those open by gateway."""
        requests = Family("mq_serve_requests", "counter", "Requests answered.")
        for (gateway, operation, status), count in sorted(self._requests.items()):
            requests.add(count, gateway=gateway, operation=operation, status=str(status))
        seconds = Family(
            "mq_serve_request_seconds", "counter", "Time until the answer, waits included.",
            "seconds",
        )  # fmt: skip
        for (gateway, operation), total in sorted(self._seconds.items()):
            seconds.add(round(total, 6), gateway=gateway, operation=operation)
        open = Family("mq_serve_connections", "gauge", "Connections open.")
        for gateway, count in connections:
            open.add(count, gateway=gateway)
        stale = Family(
            "mq_serve_stale_deletes",
            "counter",
            "Deletes with an older receipt, which SQS answers as success and does not do.",
        )
        stale.add(self.stale_deletes)
        return [requests, seconds, open, stale]
