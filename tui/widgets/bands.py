"""The lines of the stall strip: a table without a header, whose columns all lines share."""

from __future__ import annotations

from collections.abc import Sequence

from store import Stall
from store.model.text import counted, describe_duration
from tui.widgets.figures import short_count
from tui.widgets.spans import (
    Ground,
    Line,
    Tone,
    fit,
    grounded,
    line,
    shortened,
    toned,
    width_of,
)

TALL = 30
"""From so many lines on the strip has five lines instead of three."""
_GAP = "  "
_LEAST_KNOWN = 16
_WIDEST = 26
_MIDDLE = 18


def strip_lines(
    stalls: Sequence[Stall], count: int, width: int, height: int = 24, chosen: int | None = None
) -> list[Line]:
    """Return a line per stall, worst first, and the number of those that don't fit.

    The `chosen` one is always shown.
    """
    most = 5 if height >= TALL else 3
    shown = count if count <= most + 1 else most
    first = max(0, (chosen or 0) - shown + 1)
    visible = stalls[first : first + shown]
    lines = stall_lines(visible, width, None if chosen is None else chosen - first)
    if count > len(lines):
        more = toned(f" +{count - len(lines)} more", Tone.STALLED)
        lines.append(line(more, toned("  n goes through them", Tone.DIM)))
    return lines


def stall_lines(stalls: Sequence[Stall], width: int, chosen: int | None = None) -> list[Line]:
    """Return a line per stall, in columns; when narrow the details yield, then cause and keys."""
    rows = [_Row(stall, width) for stall in stalls]
    columns = ["age", "where", "blocker", "cause", "known", "waits", "keys"]
    widths = {name: max((width_of(row.cells[name]) for row in rows), default=0) for name in columns}
    widths["known"] = min(widths["known"], _LEAST_KNOWN)
    for name in ("known", "cause", "keys"):
        if _taken(columns, widths) > width:
            columns.remove(name)
    spare = width - _taken(columns, widths)
    if spare < 0:
        widths["where"] = max(3, widths["where"] + spare)
        spare = width - _taken(columns, widths)
    grown = "known" if "known" in columns else "blocker"
    widths[grown] += max(0, spare)
    return [
        row.line([(name, widths[name]) for name in columns], width, is_chosen=at == chosen)
        for at, row in enumerate(rows)
    ]


_SIGN = "■ STALLED"
_RIGHT = {"age", "waits", "keys"}


def _taken(columns: Sequence[str], widths: dict[str, int]) -> int:
    return 2 + len(_SIGN) + sum(len(_GAP) + widths[name] for name in columns)


class _Row:
    """A stall's cells by column."""

    def __init__(self, stall: Stall, width: int) -> None:
        most = _MIDDLE if width < 100 else _WIDEST
        keys = f"{counted(stall.keys, 'key')}" if stall.keys else ""
        at_least = "≥ " if keys and not stall.keys_exact else ""
        self.cells: dict[str, Line] = {
            "age": toned(describe_duration(stall.seconds), Tone.STALLED),
            "where": where(stall, most),
            "blocker": toned(shortened(stall.blocker, most), Tone.STALLED),
            "cause": toned(stall.cause.upper(), Tone.STRONG),
            "known": toned(known(stall), Tone.DIM),
            "waits": line(toned(short_count(stall.blocked), Tone.STRONG), toned(" wait", Tone.DIM)),
            "keys": toned(at_least + keys, Tone.DIM),
        }

    def line(self, columns: Sequence[tuple[str, int]], width: int, *, is_chosen: bool) -> Line:
        content = line(toned("▌" if is_chosen else " ", Tone.KEY), toned(_SIGN, Tone.STALLED))
        for name, room in columns:
            cell = fit(self.cells[name], room, right=name in _RIGHT)
            content = line(content, _GAP, cell)
        full = fit(content, width)
        return grounded(full, Ground.STRIP_ON) if is_chosen else full


def is_same_stall(one: Stall, other: Stall) -> bool:
    """Return whether two looks saw the same stall: the same blocker and the same reader."""
    return (one.place, one.reader, one.blocker) == (other.place, other.reader, other.blocker)


def where(stall: Stall, width: int = 200) -> Line:
    """Return the partition and its reader, or the queue and its message group, in `width` cells."""
    key = "" if stall.key is None else stall.key.decode("utf-8", "replace")
    if stall.kind == "queue":
        sign, other = "", ""
    elif stall.kind == "fifo":
        sign, other = " · ", key
    else:
        sign, other = " → ", stall.reader
    room = width - len(sign)
    left = max(room - len(other), room // 2)
    place = shortened(stall.place, left)
    right = shortened(other, room - len(place))
    if not other:
        return toned(shortened(stall.place, width), Tone.STRONG)
    return line(toned(place, Tone.STRONG), toned(sign, Tone.DIM), right)


def behind(stall: Stall) -> str:
    """Return how much waits behind the blocker."""
    keys = f" · {counted(stall.keys, 'key')}" if stall.keys else ""
    at_least = "≥ " if keys and not stall.keys_exact else ""
    return f"blocks {short_count(stall.blocked)} msgs" + keys.replace("· ", f"· {at_least}")


def known(stall: Stall) -> str:
    """Return what is known of the cause: who has it, or how often it failed and by what error."""
    if stall.cause == "unassigned":
        return stall.why if stall.kind == "queue" else "no member of the group reads it"
    if stall.cause == "poison" or stall.holder is None:
        tries = counted(stall.deliveries, "delivery") if stall.deliveries else ""
        return ", ".join(part for part in (tries, stall.error or "") if part) or stall.why
    seen = "" if stall.holder_seen is None else f", seen {describe_duration(stall.holder_seen)} ago"
    return f"{stall.holder} {'had' if stall.cause == 'abandoned' else 'has'} it{seen}"
