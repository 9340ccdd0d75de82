"""How wide the columns of a table become on a terminal, where each row is one line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

GAP = 2
# The width up to which a cell without spaces is a word, such as a receipt or a message's id.
_LONGEST_WORD = 41
# The text of an empty cell.
_NOTHING = {"", "-"}
# The widths to which text is cut, and then text and words.
_NARROW_TEXT = 16
_NARROWEST = 8
# Words are not cut for a narrower terminal: little would be left to read, and nothing to copy.
_LEAST_ROOM = 80


class Width(NamedTuple):
    """The width that a column would like: that of its widest cell, header included.

    Columns are cut in proportion to their `weight`; one of weight 0, such as a number, never is.
    `yields` is its turn to be left out where there is no room for all columns, 0 for none.
    """

    width: int
    weight: int = 1
    is_text: bool = False
    is_empty: bool = False
    yields: int = 0


def wanted(texts: Sequence[str], *, weight: int, yields: int) -> Width:
    """Return the width for these texts, the first of which is the header."""
    from rich.cells import cell_len

    width = max(map(cell_len, texts))
    is_text = width > _LONGEST_WORD or any(" " in text for text in texts[1:])
    is_empty = _NOTHING.issuperset(texts[1:])
    return Width(width, weight, is_text and weight == 1, is_empty, yields)


def shortened(text: str, width: int) -> str:
    """Return a text in at most so many cells: its beginning, and of a single word its end as well.

    The end of an address tells it from others.
    """
    from rich.cells import cell_len, set_cell_size

    if cell_len(text) <= width:
        return text
    end = 0 if " " in text else (width - 1) // 2
    begin = set_cell_size(text, width - 1 - end)
    return f"{begin}…{set_cell_size(text[::-1], end)[::-1]}"


def fitted(columns: Sequence[Width], room: int) -> list[int]:
    """Return the width of each column, so that all fit; 0 for one that is left out, never the
    first.

    Text is cut first. Then empty columns are left out, and those that yield. Then all are cut by
    weight, and at last columns are left out from the right.
    """
    text = [index for index, column in enumerate(columns) if column.is_text]
    cuttable = [index for index, column in enumerate(columns) if column.weight]
    weights = [column.weight for column in columns]
    widths = [column.width for column in columns]
    left_out: set[int] = set()
    for index in [None, *_in_turn(columns)]:
        if index is not None:
            left_out.add(index)
        widths = _without(columns, left_out)
        if _cut(widths, text, weights, _NARROW_TEXT, room):
            return widths
    room = max(room, _LEAST_ROOM)
    for last in range(len(columns), 0, -1):
        widths = _without(columns, left_out | set(range(last, len(columns))))
        if _cut(widths, cuttable, weights, _NARROWEST, room):
            break
    return widths


def _in_turn(columns: Sequence[Width]) -> list[int]:
    """Return the columns that may be left out, the first to go first."""
    turns = {
        index: 0 if column.is_empty else column.yields
        for index, column in enumerate(columns)
        if index > 0 and (column.is_empty or column.yields)
    }
    return sorted(turns, key=lambda index: (turns[index], -index))


def _without(columns: Sequence[Width], left_out: set[int]) -> list[int]:
    return [0 if index in left_out else column.width for index, column in enumerate(columns)]


def _cut(
    widths: list[int], which: Sequence[int], weights: Sequence[int], least: int, room: int
) -> bool:
    """Cut these columns, down to `least`, until all fit; return whether they do.

    The next to be cut is the widest for its weight.
    """
    shown = [width for width in widths if width]
    over = sum(shown) + GAP * (len(shown) - 1) - room
    while over > 0:
        wide = [index for index in which if widths[index] > least]
        if not wide:
            return False
        widths[max(wide, key=lambda index: widths[index] / weights[index])] -= 1
        over -= 1
    return True
