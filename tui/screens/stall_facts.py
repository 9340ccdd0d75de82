"""The facts of the stall card: the blocker, its holder, the messages behind it, and the cause."""

from __future__ import annotations

from store import Stall
from store.model.text import counted, describe_duration, describe_size, printable_bytes
from tui.widgets.bars import countdown
from tui.widgets.figures import moment_text, rate_text
from tui.widgets.spans import Line, Tone, joined, line, toned
from tui.widgets.values import wrapped

LABEL = 9
_BAR = 16
_MOST_LINES = 4
_LAST = 0.2
CAUSES = {
    "held": "a live reader has it",
    "abandoned": "the reader that had it is gone",
    "poison": "it fails again and again",
    "damaged": "it can't be read",
    "unassigned": "no member reads it",
}
"""A cause in a few words."""


def cause_of(stall: Stall) -> str:
    """Return the cause in a few words; of a queue as a whole as its engine tells it."""
    return stall.why if stall.kind == "queue" else CAUSES[stall.cause]


def fact_lines(stall: Stall, now: int, width: int, most: int) -> list[Line]:
    """Return up to `most` lines of facts; the holder of what fails yields first, then `UNTIL`."""
    facts = {
        "BLOCKER": _blocker(stall, now),
        "HOLDER": _holder(stall),
        "ERROR": _error(stall),
        "BEHIND": _behind(stall),
        "WHY": _words(f"{stall.why}", width),
        "UNTIL": _until(stall),
    }
    lines = {name: _labelled(name, rows) for name, rows in facts.items() if rows}
    by_rank = ("UNTIL", "HOLDER") if stall.cause == "held" else ("HOLDER", "UNTIL")
    for name in (*by_rank, "ERROR"):
        if sum(map(len, lines.values())) <= most:
            break
        lines.pop(name, None)
    return [row for rows in lines.values() for row in rows][:most]


def _labelled(name: str, rows: list[Line]) -> list[Line]:
    return [
        line(toned(f" {'' if at else name:<{LABEL}}", Tone.DIM), row) for at, row in enumerate(rows)
    ]


def _words(text: str, width: int) -> list[Line]:
    return [line(part) for part in wrapped(text, max(20, width - LABEL - 2))][:_MOST_LINES]


def _blocker(stall: Stall, now: int) -> list[Line]:
    known = [] if stall.key is None else [f"key {printable_bytes(stall.key[:200])}"]
    if stall.size is not None:
        known.append(describe_size(stall.size))
    if stall.produced is not None:
        known.append(f"produced {moment_text(stall.produced, now)}")
    return [line(toned(stall.blocker, Tone.STALLED), "  ", " · ".join(known))]


def _holder(stall: Stall) -> list[Line]:
    if stall.holder is None:
        return []
    known = [] if stall.holder_pid is None else [f"pid {stall.holder_pid}"]
    if stall.holder_host is not None and known:
        known[0] += f" on {stall.holder_host}"
    if stall.holder_seen is not None:
        known.append(f"seen {describe_duration(stall.holder_seen)} ago")
    return [line(stall.holder, toned(f"  {', '.join(known)}" if known else "", Tone.DIM))]


def _error(stall: Stall) -> list[Line]:
    if stall.error is None:
        unknown = toned("unknown: none was reported", Tone.DIM)
        return [unknown] if stall.deliveries and stall.cause != "unassigned" else []
    same = ""
    if stall.same_errors > 1:
        same = f"  {stall.same_errors} of {max(stall.deliveries, stall.same_errors)} times"
    return [line(stall.error, toned(same, Tone.DIM))]


def _behind(stall: Stall) -> list[Line]:
    noun = "message" if stall.partition is None else "record"
    parts = [line(counted(stall.blocked, noun))]
    if stall.keys:
        at_least = "" if stall.keys_exact else "at least "
        parts.append(line(at_least + counted(stall.keys, "key")))
    more = [f"oldest {describe_duration(stall.oldest_seconds)}"]
    if rate_text(abs(stall.growth)) != "0":
        word = "growing" if stall.growth > 0 else "draining"
        more.append(f"{word} {rate_text(abs(stall.growth))}/s")
    return [line(joined(parts, " · "), toned(f"  {', '.join(more)}", Tone.DIM))]


def _until(stall: Stall) -> list[Line]:
    left = stall.retention_seconds
    if left is None:
        return []
    whole = left + stall.oldest_seconds
    tone = Tone.LAGGING if left < _LAST * whole else Tone.OUT
    bar = countdown(left, whole, _BAR, tone)
    then = "  then retention removes it unread"
    return [line(bar, f" {describe_duration(left)}", toned(then, Tone.DIM))]
