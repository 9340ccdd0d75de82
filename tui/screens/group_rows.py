"""The groups that read a topic: how far each is behind in all, and where it is worst."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from store import Stall
from store.model.groups import Lag
from store.model.stalls import Flow, FlowOf, TopicDetail
from tui.widgets.figures import age_cell, known_cell
from tui.widgets.flow_plots import trend_cell
from tui.widgets.lanes import GroupFlag, Lane
from tui.widgets.outlook import outlook
from tui.widgets.spans import EMPTY, Line, Tone, fit, line, shortened, toned

LAGGING = 60.0
"""Seconds from which on the oldest unread record makes a group lagging."""
_NAME = 22


@dataclass(frozen=True, slots=True)
class GroupSum:
    """A group in all partitions of a topic; `growth` is unknown where one of its terms is."""

    group: str
    behind: int
    growth: float | None
    oldest_seconds: float | None
    worst: int
    members: int
    is_stalled: bool

    @property
    def sign(self) -> Line:
        """The sign of its state."""
        return state_sign(is_stalled=self.is_stalled, oldest=self.oldest_seconds)


def state_sign(*, is_stalled: bool, oldest: float | None) -> Line:
    """Return the sign of a reader's state."""
    if is_stalled:
        return toned("■", Tone.BAD)
    if (oldest or 0) > LAGGING:
        return toned("▲", Tone.LAGGING)
    return toned("●", Tone.OK)


def stalled_places(stalls: Sequence[Stall]) -> set[tuple[str, str]]:
    """Return the partitions and readers that are stalled."""
    return {(stall.place, stall.reader) for stall in stalls}


def group_sums(detail: TopicDetail, stalls: Sequence[Stall]) -> list[GroupSum]:
    """Return the groups of a topic: stalled ones first, then by how far they are behind."""
    name, stuck = detail.status.name, stalled_places(stalls)
    by_group: dict[str, list[Lag]] = {}
    for lag in detail.lags:
        by_group.setdefault(lag.group, []).append(lag)
    sums = [_sum(group, lags, name, stuck) for group, lags in by_group.items()]
    return sorted(sums, key=lambda one: (not one.is_stalled, -one.behind, one.group))


def _sum(group: str, lags: Sequence[Lag], topic: str, stuck: set[tuple[str, str]]) -> GroupSum:
    trends = [lag.trend for lag in lags if lag.trend is not None]
    ages = [lag.lag_seconds for lag in lags if lag.lag_seconds is not None and lag.lag]
    worst = max(lags, key=lambda lag: ((f"{topic}/{lag.partition}", group) in stuck, lag.lag))
    return GroupSum(
        group=group,
        behind=sum(lag.lag for lag in lags),
        growth=sum(trends) if len(trends) == len(lags) else None,
        oldest_seconds=max(ages, default=None),
        worst=worst.partition,
        members=len({lag.member for lag in lags if lag.member}),
        is_stalled=any((f"{topic}/{lag.partition}", group) in stuck for lag in lags),
    )


def group_lines(
    topic: str, sums: Sequence[GroupSum], flows: Mapping[FlowOf, Flow], width: int, most: int
) -> list[Line]:
    """Return a header and a line for each group, up to so many, in `width` cells."""
    if not sums:
        return [toned("   no group reads it", Tone.DIM)]
    trend = max(0, min(60, width - 92))
    shown = sums if len(sums) <= most else sums[: most - 1]
    head = _across(
        toned("  GROUP", Tone.DIM), toned("BEHIND", Tone.DIM), toned("LAST 10 MIN", Tone.DIM),
        toned("OUTLOOK", Tone.DIM), toned("OLDEST", Tone.DIM), toned("WORST", Tone.DIM),
        toned("MEMBERS", Tone.DIM), trend,
    )  # fmt: skip
    lines = [head]
    for one in shown:
        flow = flows.get(FlowOf(topic, None, one.group))
        name = line(one.sign, " ", toned(shortened(one.group, _NAME - 2), Tone.STRONG))
        lines.append(
            _across(
                name,
                known_cell(one.behind, Tone.BAD if one.is_stalled else Tone.TEXT),
                trend_cell(flow, trend),
                outlook(one.behind, one.growth),
                age_cell(one.oldest_seconds),
                line(f"{shortened(topic, 12)}/{one.worst}") if one.behind else EMPTY,
                known_cell(one.members),
                trend,
            )
        )
    if len(shown) < len(sums):
        lines.append(toned(f"   +{len(sums) - len(shown)} more", Tone.DIM))
    return lines


def _across(
    name: Line, behind: Line, trend: Line, ahead: Line, oldest: Line, worst: Line, members: Line,
    room: int,
) -> Line:  # fmt: skip
    cells = [fit(name, _NAME), fit(behind, 7, right=True)]
    cells += [fit(trend, room)] if room else []
    cells += [fit(ahead, 20), fit(oldest, 7, right=True), fit(worst, 15)]
    row: Line = line(" ")
    for number, cell in enumerate([*cells, fit(members, 7, right=True)]):
        row = line(row, "  " if number else "", cell)
    return row


def lanes_of(detail: TopicDetail, stalls: Sequence[Stall]) -> list[Lane]:
    """Return the partitions of a topic as lanes with the groups on them."""
    name, stuck = detail.status.name, stalled_places(stalls)
    flags: dict[int, list[GroupFlag]] = {}
    for lag in detail.lags:
        flags.setdefault(lag.partition, []).append(
            GroupFlag(
                lag.group,
                lag.lag,
                is_stalled=(f"{name}/{lag.partition}", lag.group) in stuck,
                is_lagging=bool(lag.lag) and (lag.lag_seconds or 0) > LAGGING,
            )
        )
    return [
        Lane(status.partition, status.start, status.end, tuple(flags.get(status.partition, ())))
        for status in detail.status.partitions
    ]
