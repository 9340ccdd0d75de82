"""Figures as people read them: counts, rates, ages, states, bars and trends, as spans."""

from __future__ import annotations

from datetime import datetime

from store.model.stalls import SubjectState
from store.model.text import describe_duration
from tui.widgets.spans import EMPTY, Line, Tone, line, toned

STATES: dict[SubjectState, tuple[str, str, Tone]] = {
    "ok": ("●", "ok", Tone.OK),
    "lagging": ("▲", "lagging", Tone.LAGGING),
    "stalled": ("■", "stalled", Tone.BAD),
    "dead letters": ("◆", "dead letters", Tone.DEAD),
    "idle": ("○", "idle", Tone.IDLE),
}
"""Glyph, word and tone of a state: a colour never stands alone."""


def state_cell(state: SubjectState, width: int = 14) -> Line:
    """Return a state as glyph and word in `width` cells; only trouble has a coloured word."""
    glyph, word, tone = STATES[state]
    shown = word if len(word) + 2 <= width else word.split()[0]
    return line(toned(f"{glyph} ", tone), toned(shown, Tone.DIM if state == "ok" else tone))


def short_count(number: int) -> str:
    """Return a number in at most 7 characters: `99,999`, `123k`, `1.2M`, `5.0G`."""
    if abs(number) < 100_000:
        return f"{number:,}"
    if abs(number) < 1_000_000:
        return f"{number // 1000}k"
    if abs(number) < 999_950_000:
        return f"{number / 1e6:.1f}M"
    return f"{number / 1e9:.1f}G"


UNKNOWN = toned("-", Tone.DIM)
"""A figure that an engine does not know."""


def known_cell(number: int | None, tone: Tone = Tone.TEXT) -> Line:
    """Return a number, dim when it is 0 and a dash when it is unknown."""
    return UNKNOWN if number is None else count_cell(number, tone)


def count_cell(number: int | None, tone: Tone = Tone.TEXT) -> Line:
    """Return a number, dim when it is 0 and empty when there is none."""
    if number is None:
        return EMPTY
    return toned(short_count(number), tone if number else Tone.DIM)


STEADY = 0.005
"""Messages per second below which a backlog counts as steady: one in three minutes."""


def rate_text(rate: float | None) -> str:
    """Return messages per second, as exact as they are few: `0.05`, `8.4`, `107`, `1,204`.

    A dash where they are unknown.
    """
    if rate is None:
        return "-"
    if rate < STEADY:
        return "0"
    if rate < 1:
        return f"{rate:.2f}"
    return f"{rate:.1f}" if rate < 100 else short_count(round(rate))


def rate_cell(rate: float | None) -> Line:
    """Return messages per second, dim when there are none, or when it is not known."""
    text = rate_text(rate)
    return toned(text, Tone.DIM if text in {"0", "-"} else Tone.TEXT)


def age_cell(seconds: float | None, tone: Tone = Tone.TEXT) -> Line:
    """Return a length of time, empty when there is none."""
    return EMPTY if seconds is None else toned(describe_duration(max(0.0, seconds)), tone)


def clock_text(milliseconds: int) -> str:
    """Return the time of day in the local zone: `12:03:10`."""
    return f"{datetime.fromtimestamp(milliseconds / 1000):%H:%M:%S}"


def moment_text(milliseconds: int, now: int) -> str:
    """Return a time for people: the time of day alone when it is of today."""
    moment, today = (datetime.fromtimestamp(ms / 1000) for ms in (milliseconds, now))
    if moment.date() == today.date():
        return f"{moment:%H:%M:%S}"
    return f"{moment:%Y-%m-%d %H:%M}"
