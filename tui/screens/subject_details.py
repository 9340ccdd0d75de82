"""More about the selected row of the overview: its plots, and its groups, lanes or parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from store import Stall, Subject
from store.model.queues import QueueConfig, QueueStatus
from store.model.shares import ShareStatus
from store.model.stalls import Flow, FlowOf, QueueDetail, TopicDetail
from store.model.text import counted, format_duration
from tui.screens.group_rows import group_lines, group_sums, lanes_of
from tui.screens.subject_rows import flow_of
from tui.widgets.bars import labelled_bar, parts_of
from tui.widgets.figures import rate_text, short_count, state_cell
from tui.widgets.flow_plots import (
    EXTRA_LINES,
    NO_FLOW,
    backlog_plot,
    flow_plot,
    side_by_side,
    stall_sample,
)
from tui.widgets.lanes import Lane, flag_line, lane_line, lane_scale, window_of
from tui.widgets.plots import LEAST_ROWS, LEAST_WIDTH, plot_width
from tui.widgets.spans import (
    EMPTY,
    Ground,
    Line,
    Tone,
    fit,
    grounded,
    line,
    spread,
    toned,
)

LEAST_LINES = 1 + LEAST_ROWS + EXTRA_LINES
"""Lines of a caption and the smallest plots."""
_TALLEST = 14
_AIRY = 24
_MOST_GROUPS = 6


@dataclass(frozen=True, slots=True)
class SubjectSight:
    """The selected subject, with what a look told of it."""

    subject: Subject
    detail: TopicDetail | QueueDetail | None
    flows: Mapping[FlowOf, Flow]
    stalls: Sequence[Stall]

    @property
    def _flow(self) -> Flow:
        return self.flows.get(flow_of(self.subject), NO_FLOW)

    @property
    def _is_answered(self) -> bool:
        """Whether a look was at this subject: until then nothing is said about its samples."""
        return self.detail is not None or flow_of(self.subject) in self.flows

    def below(self, width: int, height: int) -> list[Line]:
        """Return caption, plots and details in at most `height` lines, below the table."""
        details = self._details(width)
        air = [EMPTY] if height >= _AIRY else []
        room = height - 1 - EXTRA_LINES - len(air)
        with_details = room - len(details) - len(air)
        if with_details < LEAST_ROWS + 2:
            details = []
        rows = min(_TALLEST, with_details if details else room) // 2 * 2
        lines = [*air, self.caption(width)]
        if rows >= LEAST_ROWS and width >= 2 * LEAST_WIDTH:
            blank = [EMPTY] * (rows + EXTRA_LINES)
            lines += self.plots(width, rows) if self._is_answered else blank
        if details:
            lines += [*air, *details]
        return lines[:height]

    def left(self, width: int, height: int) -> list[Line]:
        """Return caption, groups and lanes, or parts, in at most `height` lines."""
        lines = [EMPTY, self.caption(width), *self._details(width)]
        if isinstance(self.detail, TopicDetail) and self.detail.status.partitions:
            lanes = lanes_of(self.detail, self.stalls)
            lines += [EMPTY, *self._lanes(lanes, width, height - len(lines) - 1)]
        return lines[:height]

    def stacked(self, width: int, height: int) -> list[Line]:
        """Return the plots over each other in at most `height` lines."""
        room = height - 2 * EXTRA_LINES - 1
        upper = min(_TALLEST, room // 2) // 2 * 2
        lower = min(24, room - upper) // 2 * 2
        if upper < LEAST_ROWS or not self._is_answered:
            return []
        return [*self._backlog(width, upper), EMPTY, *self._flow_plot(width, lower)]

    def caption(self, width: int) -> Line:
        """Return the name of the subject and its settings, and its state to the right."""
        subject = self.subject
        left = line(" ", toned(subject.name, Tone.TITLE), toned(f"  {self._about()}", Tone.DIM))
        right = line("  ", state_cell(subject.state), " ")
        return grounded(fit(spread(left, right, width), width), Ground.CAPTION)

    def _about(self) -> str:
        subject, detail = self.subject, self.detail
        if detail is None or detail.status.name != subject.name:
            return subject.kind
        if isinstance(detail, TopicDetail):
            keeps = detail.status.config.retention
            parts = [
                counted(len(detail.status.partitions), "partition"),
                counted(subject.groups, "group") if subject.groups is not None else "",
                f"{short_count(subject.depth)} records",
                "keeps all" if keeps is None else f"keeps {format_duration(keeps)}",
            ]
        else:
            parts = policy(detail.status)
            if subject.topic:
                parts.insert(0, f"on {subject.topic}")
        return " · ".join([subject.kind, *(part for part in parts if part)])

    def plots(self, width: int, rows: int) -> list[Line]:
        """Return backlog and flow beside each other, each of so many rows."""
        half = (width - 3) // 2
        at = width - plot_width(half) - 1
        return side_by_side(self._backlog(half, rows), self._flow_plot(half, rows), at)

    def _backlog(self, width: int, rows: int) -> list[Line]:
        subject = self.subject
        about = "messages in the queue"
        if subject.kind == "topic":
            about = f"lag of {subject.reader}" if subject.reader else "no group reads it"
        elif subject.kind == "share":
            about = "unfinished records"
        since = stall_sample(self.stalls, subject.name)
        return backlog_plot(self._flow, about, subject.backlog, subject.growth, width, rows, since)

    def _flow_plot(self, width: int, rows: int) -> list[Line]:
        subject = self.subject
        out = subject.reader if subject.kind == "topic" and subject.reader else "out"
        return flow_plot(self._flow, (subject.in_rate, subject.out_rate), ("in", out), width, rows)

    def _details(self, width: int) -> list[Line]:
        subject, detail = self.subject, self.detail
        if isinstance(detail, TopicDetail):
            sums = group_sums(detail, self.stalls)
            return group_lines(subject.name, sums, self.flows, width, _MOST_GROUPS)
        if subject.kind == "topic":
            return []
        parts = parts_of(
            subject.ready, subject.leased, subject.delayed,
            0 if subject.kind == "share" else subject.blocked,
            is_stalled=subject.state == "stalled",
        )  # fmt: skip
        return [line(" ", row) for row in labelled_bar(parts, width - 2)]

    def _lanes(self, lanes: Sequence[Lane], width: int, height: int) -> list[Line]:
        """Return the lanes, each as tall as there is room for; the first ones if not all fit."""
        tall = next((rows for rows in (3, 2, 1) if rows * len(lanes) + 1 <= height), 1)
        room = max(10, width - 37)
        window = window_of(lanes)
        lines = [
            line("   P     START  ", fit(lane_scale(window, room), room), "        END    IN/s")
        ]
        lines = [tuple(piece._replace(tone=Tone.DIM) for piece in lines[0])]
        for lane in lanes[: max(0, height - 1) // tall]:
            if tall == 3:
                lines.append(EMPTY)
            if tall > 1:
                lines.append(line(" " * 16, flag_line(lane, window, room)))
            lines.append(self._lane(lane, lane_line(lane, window, room, letters=tall == 1)))
        return lines

    def _lane(self, lane: Lane, drawn: Line) -> Line:
        rates = self.detail.in_rates if isinstance(self.detail, TopicDetail) else {}
        rate = rates.get(lane.partition)
        numbers = (
            (short_count(lane.end), 9),
            ("-" if rate is None else rate_text(rate), 6),
        )
        start = fit(toned(short_count(lane.start), Tone.DIM), 8, right=True)
        cells = [fit(toned(text, Tone.DIM), room + 2, right=True) for text, room in numbers]
        return line(f" {lane.partition:>3}  ", start, "  ", drawn, *cells)


def policy(status: QueueStatus | ShareStatus) -> list[str]:
    """Return the settings of a queue or share that a person looks for."""
    config = status.config
    parts = ["FIFO"] if isinstance(config, QueueConfig) and config.fifo else []
    if isinstance(status, ShareStatus) or "lease" not in status.lacking:
        parts.append(f"lease {format_duration(config.lease)}")
    most = config.max_deliveries
    tries = "no limit of tries" if most is None else f"{most} {'try' if most == 1 else 'tries'}"
    parts.append(f"{tries}, then {config.dlq}" if config.dlq else tries)
    if isinstance(config, QueueConfig) and config.retry_delays:
        parts.append(f"retries after {', '.join(map(format_duration, config.retry_delays))}")
    return parts
