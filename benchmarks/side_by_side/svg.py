"""Pieces of an SVG picture."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

OURS, THEIRS, FAULT, INK, DIM = "#2f6fde", "#a9b4c2", "#c7372f", "#1f2933", "#6b7785"


def picture(width: int, height: int, parts: Iterable[str]) -> str:
    """A whole file with a white ground."""
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}"'
        f' viewBox="0 0 {width} {height}" font-family="system-ui, sans-serif" font-size="12">'
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>'
    )
    return "\n".join([head, *parts, "</svg>", ""])


def text(
    x: float, y: float, words: str, *, colour: str = INK, weight: str = "normal", size: int = 12
) -> str:
    """Words that begin at a point of their base line."""
    return (
        f'<text x="{x:g}" y="{y:g}" fill="{colour}" font-weight="{weight}"'
        f' font-size="{size}">{escape(words)}</text>'
    )


def bar(x: float, y: float, width: float, height: float, colour: str) -> str:
    """A filled rectangle with its upper left corner at a point."""
    return (
        f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="2" fill="{colour}"/>'
    )


def line(x: float, y: float, width: float, *, colour: str = DIM, dashes: str = "none") -> str:
    """A level line to the right of a point."""
    return (
        f'<line x1="{x:g}" y1="{y:g}" x2="{x + width:g}" y2="{y:g}" stroke="{colour}"'
        f' stroke-dasharray="{dashes}"/>'
    )
