"""How much of what a machine does is asked of a store."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from store.model.stalls import BUCKET_SECONDS, Flow


@dataclass(frozen=True, slots=True)
class Load:
    """The messages and records a second of a store, beside a bound; `None` is unknown.

    `seconds` is the time that `rate` is the mean of, `peak` the busiest ten seconds in it. `why`
    says why something is unknown.
    """

    store: str
    seconds: int | None = None
    rate: float | None = None
    peak: float | None = None
    bound: float | None = None
    why: str | None = None

    @property
    def percent(self) -> float | None:
        """The mean rate in percent of the bound."""
        return self._share(self.rate)

    @property
    def peak_percent(self) -> float | None:
        """The busiest ten seconds in percent of the bound."""
        return self._share(self.peak)

    def _share(self, rate: float | None) -> float | None:
        return None if rate is None or not self.bound else 100 * rate / self.bound


def load_of(store: str, flows: Iterable[Flow], bound: float) -> Load:
    """Return the load of a store by the flows of its topics and queues.

    A message counts once, when it came or when it went, whichever is more in ten seconds. The
    present ten seconds are not over, and don't count.
    """
    sums: dict[int, int] = {}
    for flow in flows:
        for at, (arrived, left) in enumerate(zip(flow.arrived[:-1], flow.left[:-1], strict=True)):
            if arrived is not None:
                sums[at] = sums.get(at, 0) + max(arrived, left or 0)
    if not sums:
        why = f"no topic or queue is older than {BUCKET_SECONDS} seconds"
        return Load(store, bound=bound, why=why)
    seconds = len(sums) * BUCKET_SECONDS
    rate, peak = sum(sums.values()) / seconds, max(sums.values()) / BUCKET_SECONDS
    return Load(store, seconds, rate, peak, bound)
