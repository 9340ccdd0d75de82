"""The figures as bars: in a terminal, and as an SVG picture for a page."""

from __future__ import annotations

from collections.abc import Sequence

from . import svg
from .measuring import Figure

_WIDTH = 40
_ROW, _LABEL, _BARS, _MARGIN = 18, 150, 420, 90


def in_terminal(figures: Sequence[Figure]) -> list[str]:
    """Lines with a bar for each contender, workload by workload."""
    lines: list[str] = []
    for workload in dict.fromkeys(figure.workload for figure in figures):
        rows = _of(figures, workload)
        most = max(row.rate for row in rows)
        lines += ["", workload]
        for row in rows:
            bar = "█" * max(1, round(row.rate / most * _WIDTH))
            lines.append(f"  {row.contender:<17}{bar:<{_WIDTH}} {row.rate:>12,.0f}/s")
    return lines


def _of(figures: Sequence[Figure], workload: str) -> list[Figure]:
    return [figure for figure in figures if figure.workload == workload]


def as_svg(figures: Sequence[Figure], note: str) -> str:
    """A picture of the same bars; each workload has a scale of its own."""
    parts: list[str] = [svg.text(12, 18, note, colour=svg.DIM)]
    y = 40
    for workload in dict.fromkeys(figure.workload for figure in figures):
        rows = _of(figures, workload)
        parts.append(svg.text(12, y, workload, weight="bold"))
        most = max(row.rate for row in rows)
        for row in rows:
            y += _ROW
            parts += _bar(y, row, row.rate / most)
        y += 2 * _ROW
    return svg.picture(_LABEL + _BARS + _MARGIN, y, parts)


def _bar(y: int, row: Figure, share: float) -> list[str]:
    length = max(1, round(share * _BARS))
    colour = svg.OURS if row.contender == "mq" else svg.THEIRS
    return [
        svg.text(24, y, row.contender),
        svg.bar(_LABEL, y - 11, length, 13, colour),
        svg.text(_LABEL + length + 6, y, f"{row.rate:,.0f}/s", colour=svg.DIM),
    ]
