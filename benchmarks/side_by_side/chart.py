"""The figures as bars: in a terminal, and as an SVG picture for a page."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from .measuring import Figure

_WIDTH = 40
_ROW, _LABEL, _BARS, _MARGIN = 18, 150, 420, 90
_OURS, _THEIRS, _INK, _DIM = "#2f6fde", "#a9b4c2", "#1f2933", "#6b7785"


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
    parts: list[str] = []
    y = 40
    for workload in dict.fromkeys(figure.workload for figure in figures):
        rows = _of(figures, workload)
        parts.append(_text(12, y, workload, weight="bold"))
        most = max(row.rate for row in rows)
        for row in rows:
            y += _ROW
            parts += _bar(y, row, row.rate / most)
        y += 2 * _ROW
    width = _LABEL + _BARS + _MARGIN
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{y}"'
        f' viewBox="0 0 {width} {y}" font-family="system-ui, sans-serif" font-size="12">'
        f'<rect width="{width}" height="{y}" fill="#ffffff"/>'
    )
    return "\n".join([head, _text(12, 18, note, colour=_DIM), *parts, "</svg>", ""])


def _bar(y: int, row: Figure, share: float) -> list[str]:
    length = max(1, round(share * _BARS))
    colour = _OURS if row.contender == "mq" else _THEIRS
    return [
        _text(24, y, row.contender),
        f'<rect x="{_LABEL}" y="{y - 11}" width="{length}" height="13" rx="2" fill="{colour}"/>',
        _text(_LABEL + length + 6, y, f"{row.rate:,.0f}/s", colour=_DIM),
    ]


def _text(x: int, y: int, text: str, *, colour: str = _INK, weight: str = "normal") -> str:
    return f'<text x="{x}" y="{y}" fill="{colour}" font-weight="{weight}">{escape(text)}</text>'
