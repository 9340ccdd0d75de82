"""Whether a backlog grows or drains, and when it is gone."""

from __future__ import annotations

from collections.abc import Sequence

from store.model.stalls import Flow
from store.model.text import describe_duration
from tui.widgets.figures import STEADY, UNKNOWN, rate_text
from tui.widgets.spans import Line, Tone, line, toned

_MINUTE = 6
_BUCKET_SECONDS = 10
_LONGEST = 100 * 86_400


def growth(flow: Flow | None) -> float | None:
    """Return by how much a backlog grew per second in the last minute; `None` where unknown.

    A place that is younger counts from its beginning.
    """
    known = [] if flow is None else [one for one in flow.backlog[-_MINUTE - 1 :] if one is not None]
    if len(known) < 2:
        return None
    return (known[-1] - known[0]) / (_BUCKET_SECONDS * (len(known) - 1))


def rates_of(flow: Flow) -> tuple[float | None, float | None]:
    """Return what came in and what went per second in the last minute; `None` where unknown."""
    return _rate(flow.arrived), _rate(flow.left)


def _rate(amounts: Sequence[int | None]) -> float | None:
    known = [one for one in amounts[-_MINUTE:] if one is not None]
    return sum(known) / (_BUCKET_SECONDS * len(known)) if known else None


def outlook(backlog: int | None, slope: float | None) -> Line:
    """Return whether a backlog grows, drains and for how long, is steady, or is empty."""
    if backlog is None or (slope is None and backlog):
        return UNKNOWN
    if slope is None or (not backlog and slope <= 0):
        return toned("empty", Tone.DIM)
    if abs(slope) < STEADY:
        return toned("= steady", Tone.DIM)
    if slope > 0:
        return toned(f"+{rate_text(slope)}/s growing", Tone.LAGGING)
    left = min(backlog / -slope, _LONGEST)
    return line(f"−{rate_text(-slope)}/s ", toned(f"{describe_duration(left)} left", Tone.TEXT))
