"""The panes of screen 2 around the lanes: facts and flow of a topic, readers of a partition."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from store import Stall, Subject
from store.model.stalls import Flow, FlowOf, TopicDetail
from tui.screens.subject_rows import flow_of
from tui.screens.topic_rows import (
    behind_curves,
    curve_legend,
    fact_lines,
    reader_lines,
    readers_of,
)
from tui.widgets.figures import state_cell
from tui.widgets.flow_plots import EXTRA_LINES, NO_FLOW, flow_plot
from tui.widgets.plots import LEAST_ROWS, lines_plot, plot_head, plot_width
from tui.widgets.spans import (
    EMPTY,
    Ground,
    Line,
    Tone,
    fit,
    grounded,
    line,
    shortened,
    spread,
    toned,
)

_TALLEST = 16
_MOST_READERS = 7


@dataclass(frozen=True, slots=True)
class Panes:
    """A topic with what a look told of it."""

    topic: Subject
    detail: TopicDetail
    flows: Mapping[FlowOf, Flow]
    stalls: Sequence[Stall]

    def readers(self, partition: int | None, width: int) -> list[Line]:
        """Return the readers of a partition under a caption."""
        if partition is None:
            return []
        lags = readers_of(self.detail, partition, self.stalls)
        place = f"{self.topic.name}/{partition}"
        is_stalled = any(stall.place == place for stall in self.stalls)
        left = line(" ", toned(place, Tone.TITLE), toned("  who reads this partition", Tone.DIM))
        right = line(state_cell("stalled"), " ") if is_stalled else EMPTY
        caption = grounded(fit(spread(left, right, width), width), Ground.CAPTION)
        rows = reader_lines(lags, self.stalls, self.flows, self.detail.seen, width, _MOST_READERS)
        return [caption, *rows]

    def below(
        self, partition: int | None, width: int, height: int, readers: Sequence[Line]
    ) -> list[Line]:
        """Return the readers and, where there is room, how far each was behind."""
        spare = height - len(readers) - EXTRA_LINES
        air = [EMPTY] if spare - 2 >= LEAST_ROWS else []
        rows = min(_TALLEST, (spare - 2 * len(air)) // 2 * 2)
        if partition is None or rows < LEAST_ROWS or not plot_width(width):
            return list(readers)[:height]
        lags = readers_of(self.detail, partition, self.stalls)
        curves = behind_curves(lags, self.stalls, self.flows)
        about = f"records, {self.topic.name}/{partition}"
        head = plot_head("BEHIND", about, curve_legend(curves, lags), plot_width(width))
        return [*air, *readers, *air, head, *lines_plot(curves, width, rows)][:height]

    def facts(self, width: int, height: int) -> list[Line]:
        """Return the facts of the topic, and below them what came in and what a group read."""
        caption = grounded(
            fit(line(" ", toned(shortened(self.topic.name, width - 2), Tone.TITLE)), width),
            Ground.CAPTION,
        )
        facts = [EMPTY, caption, *fact_lines(self.topic, self.detail)]
        spare = height - len(facts) - 1
        rows = min(2 * _TALLEST, (spare - EXTRA_LINES) // 2 * 2)
        if rows < LEAST_ROWS or not plot_width(width):
            return facts[:height]
        flow = self.flows.get(flow_of(self.topic), NO_FLOW)
        reader = shortened(self.topic.reader or "out", 10)
        rates = (self.topic.in_rate, self.topic.out_rate)
        plot = flow_plot(flow, rates, ("in", reader), width, rows, about="per s")
        return [*facts, EMPTY, *plot]
