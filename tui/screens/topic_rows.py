"""The rows of screen 2: topics, their partitions as lanes, and the readers of one partition."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import replace

from store import Stall, Subject
from store.model.groups import Lag
from store.model.stalls import BUCKET_SECONDS, Flow, FlowOf, TopicDetail
from store.model.text import describe_duration, describe_size, format_duration
from store.model.topics import PartitionStatus
from tui.screens.group_rows import stalled_places, state_sign
from tui.screens.subject_rows import backlog_cell, flow_of, outlook_cell, subject_rank
from tui.widgets.figures import (
    UNKNOWN,
    age_cell,
    count_cell,
    known_cell,
    rate_cell,
    rate_text,
    short_count,
    state_cell,
)
from tui.widgets.flow_plots import trend_cell
from tui.widgets.lanes import Lane, flag_line, lane_line, lane_scale
from tui.widgets.live_table import TableColumn, TableRow
from tui.widgets.outlook import outlook
from tui.widgets.plots import SAMPLES, Curve, Values
from tui.widgets.spans import EMPTY, Line, Tone, fit, line, plain, shortened, toned

TOPICS = (
    TableColumn("STATE", 9),
    TableColumn("TOPIC", 16, grows=1, most=24),
    TableColumn("P", 4, right=True),
    TableColumn("BEHIND", 7, right=True),
    TableColumn("LAST 10 MIN", 8, grows=4),
    TableColumn("OUTLOOK", 16),
)
TOPICS_BESIDE = (
    TableColumn("", 1),
    TableColumn("TOPIC", 15, grows=1),
    TableColumn("P", 4, right=True),
    TableColumn("BEHIND", 7, right=True),
)
LANE = 2
LANES = (
    TableColumn("P", 4, right=True),
    TableColumn("START", 8, right=True),
    TableColumn("", 20, grows=1),
    TableColumn("END", 9, right=True),
    TableColumn("IN/s", 6, right=True),
)
NARROW_LANE = 1
NARROW_LANES = (
    TableColumn("P", 4, right=True),
    TableColumn("", 20, grows=1),
    TableColumn("END", 8, right=True),
    TableColumn("WORST", 7, right=True),
)
_NAME = 15


def topic_rows(
    topics: Sequence[Subject], flows: Mapping[FlowOf, Flow], name: int, trend: int, *, beside: bool
) -> list[TableRow]:  # fmt: skip
    """Return a row per topic, short ones where the lanes stand beside the table."""
    rows = []
    for topic in topics:
        count = known_cell(topic.partitions, Tone.DIM)
        label = toned(shortened(topic.name, name), Tone.STRONG)
        behind = backlog_cell(topic.backlog)
        flow = flows.get(flow_of(topic))
        state = state_cell(topic.state, 9)
        cells: tuple[Line, ...]
        if beside:
            cells = (line(state[0]._replace(text=state[0].text.strip())), label, count, behind)
        else:
            cells = (state, label, count, behind, trend_cell(flow, trend), outlook_cell(topic))
        values = {} if topic.backlog is None else {"BEHIND": float(topic.backlog)}
        rows.append(TableRow(topic.name, cells, subject_rank(topic), values))
    return rows


def with_lane_scale(
    columns: Sequence[TableColumn], lane: int, window: int, room: int
) -> tuple[TableColumn, ...]:
    """Return the columns of lanes with the scale over the lanes."""
    scale = plain(lane_scale(window, room)) if room else ""
    return tuple(
        replace(column, name=scale) if at == lane else column for at, column in enumerate(columns)
    )


def lane_rows(
    lanes: Sequence[Lane], rates: Mapping[int, float], window: int, room: int, tall: int, *,
    beside: bool, in_view: Container[str],
) -> list[TableRow]:  # fmt: skip
    """Return a row per partition: its lane, with flags above it or letters on it.

    Lanes that are not in view are not drawn.
    """
    rows = []
    for lane in lanes:
        is_stalled = any(flag.is_stalled for flag in lane.flags)
        number = toned(str(lane.partition), Tone.STRONG if is_stalled else Tone.TEXT)
        is_drawn = str(lane.partition) in in_view
        drawn = lane_line(lane, window, room, letters=tall == 1) if is_drawn else EMPTY
        end = toned(short_count(lane.end), Tone.DIM)
        cells: tuple[Line, ...]
        over: tuple[Line, ...] = ()
        if beside:
            rate = rates.get(lane.partition)
            last = UNKNOWN if rate is None else rate_cell(rate)
            start = toned(short_count(lane.start), Tone.DIM)
            cells = (number, start, drawn, end, last)
            flags = flag_line(lane, window, room) if is_drawn and tall > 1 else EMPTY
            over = (EMPTY, EMPTY, flags, EMPTY, EMPTY)
        else:
            tone = Tone.BAD if is_stalled else Tone.TEXT if lane.worst else Tone.DIM
            worst = f"−{short_count(lane.worst)}" if lane.worst else "0"
            cells = (number, drawn, end, toned(worst, tone))
        words = " ".join(flag.group for flag in lane.flags)
        rows.append(TableRow(str(lane.partition), cells, (), {}, over, words))
    return rows


def is_well(lane: Lane) -> bool:
    """Return whether no group on a lane is stalled or lagging."""
    return not any(flag.is_stalled or flag.is_lagging for flag in lane.flags)


def worst_lane(lanes: Sequence[Lane]) -> Lane | None:
    """Return the partition to look at first: a stalled one, or the one furthest behind."""
    return max(
        lanes,
        key=lambda lane: (any(f.is_stalled for f in lane.flags), lane.worst, -lane.partition),
        default=None,
    )


def readers_of(detail: TopicDetail, partition: int, stalls: Sequence[Stall]) -> list[Lag]:
    """Return the groups that read a partition: stalled ones first, then by how far behind."""
    stuck, place = stalled_places(stalls), f"{detail.status.name}/{partition}"
    lags = [lag for lag in detail.lags if lag.partition == partition]
    return sorted(lags, key=lambda lag: ((place, lag.group) not in stuck, -lag.lag, lag.group))


def reader_lines(
    lags: Sequence[Lag], stalls: Sequence[Stall], flows: Mapping[FlowOf, Flow],
    seen: Mapping[str, float], width: int, most: int,
) -> list[Line]:  # fmt: skip
    """Return a header and a line per reader of a partition, up to `most` lines."""
    if not lags:
        return [toned("   no group reads it", Tone.DIM)][:most]
    stuck = stalled_places(stalls)
    shown = lags if len(lags) < most else lags[: max(0, most - 2)]
    heads = ("GROUP", "COMMITTED", "BEHIND", "READS/s", "OUTLOOK", "OWNER", "LAST SEEN", "TIME LAG")
    lines = [_reader(line("  ", toned(heads[0], Tone.DIM)),
                     [toned(head, Tone.DIM) for head in heads[1:]], width)]  # fmt: skip
    for lag in shown:
        is_stalled = (f"{lag.topic}/{lag.partition}", lag.group) in stuck
        sign = state_sign(is_stalled=is_stalled, oldest=lag.lag_seconds if lag.lag else None)
        flow = flows.get(FlowOf(lag.topic, lag.partition, lag.group))
        reads = None if flow is None else rate_of(flow.left)
        cells = [
            UNKNOWN if lag.committed is None else line(f"{lag.committed:,}"),
            count_cell(lag.lag, Tone.BAD if is_stalled else Tone.TEXT),
            UNKNOWN if reads is None else rate_cell(reads),
            toned("at the end", Tone.DIM) if not lag.lag else outlook(lag.lag, lag.trend),
            line(lag.member) if lag.member else toned("none", Tone.DIM),
            age_cell(seen.get(lag.member)) if lag.member and lag.member in seen else EMPTY,
            age_cell(lag.lag_seconds) if lag.lag else toned("0s", Tone.DIM),
        ]
        name = line(sign, " ", toned(shortened(lag.group, _NAME - 2), Tone.STRONG))
        lines.append(_reader(name, cells, width))
    if len(shown) < len(lags):
        lines.append(toned(f"   +{len(lags) - len(shown)} more", Tone.DIM))
    return lines[:most]


def rate_of(amounts: Values) -> float | None:
    """Return the mean per second of the last whole minute; `None` where it is unknown."""
    known = [amount for amount in amounts[-7:-1] if amount is not None]
    return sum(known) / (BUCKET_SECONDS * len(known)) if known else None


_READER = ((9, True), (7, True), (7, True), (18, False), (12, False), (9, True), (8, True))


def _reader(name: Line, cells: Sequence[Line], width: int) -> Line:
    """Return a line of a reader; the last columns yield when it is narrow."""
    row = line(" ", fit(name, _NAME))
    used = _NAME + 1
    for (room, right), cell in zip(_READER, cells, strict=True):
        if used + 2 + room > width - 1:
            break
        row = line(row, "  ", fit(cell, room, right=right))
        used += 2 + room
    return row


def behind_curves(
    lags: Sequence[Lag], stalls: Sequence[Stall], flows: Mapping[FlowOf, Flow]
) -> list[Curve]:
    """Return at most four readers of a partition as lines: stalled red, others told apart."""
    stuck = stalled_places(stalls)
    others = iter(((Tone.IN, True), (Tone.OUT, False), (Tone.DELAYED, True), (Tone.BACKLOG, False)))
    curves = []
    for lag in lags[:4]:
        flow = flows.get(FlowOf(lag.topic, lag.partition, lag.group))
        is_stalled = (f"{lag.topic}/{lag.partition}", lag.group) in stuck
        tone, dotted = (Tone.BAD, False) if is_stalled else next(others)
        values = (None,) * SAMPLES if flow is None else flow.backlog
        curves.append(Curve(lag.group, values, tone, dotted))
    return curves


def curve_legend(curves: Sequence[Curve], lags: Sequence[Lag]) -> Line:
    """Return the signs of lines with the readers and how far they are behind."""
    row: Line = EMPTY
    for curve, lag in zip(curves, lags, strict=False):
        row = line(
            row, "   " if row else "", toned("⠂⠂" if curve.is_dotted else "⠒⠒", curve.tone),
            f" {shortened(curve.name, 14)} ", toned(short_count(lag.lag), Tone.STRONG),
        )  # fmt: skip
    return row


def bytes_text(partitions: Sequence[PartitionStatus]) -> str:
    """Return the size of partitions together, if the engine knows that of each."""
    sizes = [status.bytes for status in partitions if status.bytes is not None]
    return describe_size(sum(sizes)) if len(sizes) == len(partitions) else "-"


def fact_lines(topic: Subject, detail: TopicDetail) -> list[Line]:
    """Return the facts about a topic, a line each."""
    config, partitions = detail.status.config, detail.status.partitions
    facts = [
        ("partitions", f"{len(partitions):,}"),
        ("groups", "-" if topic.groups is None else f"{topic.groups:,}"),
        ("records", f"{topic.depth:,}"),
        ("bytes", bytes_text(partitions)),
        ("in", f"{rate_text(topic.in_rate)}/s"),
        ("keeps", "all" if config.retention is None else format_duration(config.retention)),
        ("cleanup", config.cleanup),
    ]
    if detail.retention_seconds:
        edge = min(detail.retention_seconds.values())
        facts.append(("next goes", f"in {describe_duration(edge)}"))
    return [line(toned(f" {name:<11}", Tone.DIM), value) for name, value in facts]
