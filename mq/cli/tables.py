"""Tables and fields for people, as lines of a terminal that rich draws."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from io import StringIO
from typing import TYPE_CHECKING

from mq.cli.output import Column, Row
from mq.cli.widths import GAP, fitted, shortened, wanted
from store.model.text import printable

if TYPE_CHECKING:
    from rich.console import JustifyMethod, RenderableType


def table(
    columns: Sequence[Column[Row]], rows: Sequence[Row], room: int, *, header: bool, colour: bool
) -> Iterator[str]:
    """Return the rows as one line each, in at most `room` cells."""
    from rich.table import Table
    from rich.text import Text

    cells = [[printable(column.shown(row)) for row in rows] for column in columns]
    asked = [
        wanted([column.header, *texts], weight=column.weight, yields=column.yields)
        for column, texts in zip(columns, cells, strict=True)
    ]
    widths = fitted(asked, room)
    drawn = Table(box=None, pad_edge=False, show_header=header, header_style="bold")
    shown = []
    for column, texts, width in zip(columns, cells, widths, strict=True):
        if width:
            justify: JustifyMethod = "right" if column.right else "left"
            drawn.add_column(column.header, justify=justify, width=width, no_wrap=True)
            styles = [column.style(row) if column.style else "" for row in rows]
            pairs = zip(texts, styles, strict=True)
            shown.append([Text(shortened(text, width), style=style) for text, style in pairs])
    for line in zip(*shown, strict=True):
        drawn.add_row(*line)
    return _lines(drawn, max(room, sum(widths) + GAP * len(widths)), colour=colour)


def fields_below(
    fields: Mapping[str, str], styles: Mapping[str, str], room: int, *, colour: bool
) -> Iterator[str]:
    """Return the fields of one thing below each other; long texts are folded."""
    from rich.table import Table
    from rich.text import Text

    drawn = Table("name", box=None, pad_edge=False, show_header=False)
    drawn.add_column(overflow="fold")
    for name, value in fields.items():
        text = Text(printable(value, block=True), style=styles.get(name, ""))
        drawn.add_row(Text(name, style="bold"), text)
    return _lines(drawn, room, colour=colour)


def styled(text: str, style: str, room: int) -> Iterator[str]:
    """Return a text in a rich style."""
    from rich.text import Text

    return _lines(Text(text, style=style), room, colour=True)


def _lines(renderable: RenderableType, width: int, *, colour: bool) -> Iterator[str]:
    from rich.console import Console

    console = Console(
        file=StringIO(), width=width, force_terminal=colour, no_color=not colour, highlight=False
    )
    with console.capture() as capture:
        console.print(renderable)
    return (line.rstrip() for line in capture.get().splitlines())
