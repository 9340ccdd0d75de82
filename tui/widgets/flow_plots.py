"""The plots of a flow, with their heads: BACKLOG as an area, and FLOW with in and out mirrored."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from store import Stall
from store.model.stalls import BUCKET_SECONDS, Flow
from tui.widgets.figures import rate_text, short_count
from tui.widgets.outlook import outlook
from tui.widgets.plots import (
    SAMPLES,
    Values,
    area_plot,
    mirror_plot,
    plot_head,
    plot_width,
    sparkline,
)
from tui.widgets.spans import EMPTY, Line, Tone, fit, line, toned

NO_FLOW = Flow(None, (None,) * SAMPLES, (None,) * SAMPLES, (None,) * SAMPLES)
"""The flow of a place of which nothing is known."""
EXTRA_LINES = 3
"""Lines of a plot besides its rows: the head, the axis and the times."""


def backlog_plot(
    flow: Flow, about: str, backlog: int | None, growth: float | None, width: int, rows: int,
    since: int | None = None, name: str = "BACKLOG",
) -> list[Line]:  # fmt: skip
    """Return how much there was, with its head; `since` is the sample at which a stall began."""
    latest = toned("-" if backlog is None else short_count(backlog), Tone.STRONG)
    head = plot_head(name, about, line(latest, "  ", outlook(backlog, growth)), plot_width(width))
    return [head, *_area(flow, width, rows, since)]


@lru_cache(64)
def _area(flow: Flow, width: int, rows: int, since: int | None) -> tuple[Line, ...]:
    return tuple(area_plot(flow.backlog, width, rows, since=since))


def flow_plot(
    flow: Flow, rates: tuple[float | None, float | None], names: tuple[str, str],
    width: int, rows: int, about: str = "messages per second",
) -> list[Line]:  # fmt: skip
    """Return what came in above what went out, per second, with its head."""
    legend = line(
        toned("⣶⣶", Tone.IN), f" {names[0]} ", toned(rate_text(rates[0]), Tone.STRONG), "  ",
        toned("⠿⠿", Tone.OUT), f" {names[1]} ", toned(rate_text(rates[1]), Tone.STRONG),
    )  # fmt: skip
    head = plot_head("FLOW", about, legend, plot_width(width))
    return [head, *_mirror(flow, width, rows)]


@lru_cache(64)
def _mirror(flow: Flow, width: int, rows: int) -> tuple[Line, ...]:
    return tuple(mirror_plot(_per_second(flow.arrived), _per_second(flow.left), width, rows))


def _per_second(amounts: Values) -> list[float | None]:
    return [None if amount is None else amount / BUCKET_SECONDS for amount in amounts]


@lru_cache(512)
def trend_cell(flow: Flow | None, width: int) -> Line:
    """Return the backlog of a flow as bars in a cell of a table, empty where it is unknown."""
    return EMPTY if flow is None else sparkline(flow.backlog, width)


def side_by_side(left: Sequence[Line], right: Sequence[Line], at: int) -> list[Line]:
    """Return two blocks of lines beside each other, the right one from a column on."""
    height = max(len(left), len(right))
    pairs = zip(
        [*left, *[EMPTY] * (height - len(left))],
        [*right, *[EMPTY] * (height - len(right))],
        strict=True,
    )
    return [line(fit(one, at), other) for one, other in pairs]


def stall_sample(stalls: Sequence[Stall], name: str) -> int | None:
    """Return the sample at which the oldest stall of a place began, if a plot still shows it."""
    ages = [stall.seconds for stall in stalls if name in {stall.source, stall.place, stall.reader}]
    at = SAMPLES - 1 - int(max(ages, default=0) // BUCKET_SECONDS)
    return at if ages and at >= 0 else None
