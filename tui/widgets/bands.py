"""The bands that are always on screen: header, stall strip, and keys."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from store import Overview, Stall
from store.model.maintenance import StoreStatus
from store.model.text import counted, describe_duration, describe_size, printable_bytes
from tui.keys import Key
from tui.widgets.figures import clock_text, short_count, short_rate
from tui.widgets.spans import Line, Span, Tone, fit, joined, line, span, toned, width_of

MOST_STALL_LINES = 3
_MOST_ONLY = 30


def header_line(
    overview: Overview, width: int, *, is_paused: bool, read_only: bool, only: str = ""
) -> Line:
    """Return the store at a glance: file, counts, rates, size of the log, and the time of the look.

    `only` says which rows are shown when some are left out.
    """
    status = overview.status
    state = ("○ PAUSED", Tone.LAGGING) if is_paused else ("● LIVE", Tone.OK)
    right = line(
        toned(f"{only[:_MOST_ONLY]}  ", Tone.LAGGING) if only else "",
        toned("read-only  ", Tone.DIM) if read_only else "",
        toned(state[0], state[1]),
        toned(f" {clock_text(overview.taken)} ", Tone.DIM),
    )
    counts = joined([_short(number, noun) for number, noun in _things(overview) if number], " ")
    figures = [
        line(toned("in ", Tone.DIM), toned(f"{short_rate(overview.in_rate)}/s", Tone.STRONG),
             toned(" out ", Tone.DIM), toned(f"{short_rate(overview.out_rate)}/s", Tone.STRONG)),
        counts,
    ]  # fmt: skip
    if isinstance(status, StoreStatus):
        figures.append(line(toned("WAL ", Tone.DIM), describe_size(status.wal_bytes)))
    left = toned(" mq ", Tone.TITLE)
    room = width - width_of(right) - 1
    name = Path(status.location)
    names = [name.name, *([f"{name.parent.name}/{name.name}"] if name.parent.name else [])]
    parts = [toned(names[0], Tone.STRONG)]
    for part in figures:
        if width_of(line(left, joined([*parts, part], "  "))) <= room:
            parts.append(part)
    for longer in (names[-1], str(name)):
        wanted = [toned(longer, Tone.STRONG), *parts[1:]]
        if width_of(line(left, joined(wanted, "  "))) <= room:
            parts = wanted
    return line(fit(line(left, joined(parts, "  ")), room), " ", right)


def trouble_line(message: str, last: Overview | None) -> Line:
    """Return the reason that a look failed, and the time of the last picture, which stays."""
    since = "" if last is None else f" since {clock_text(last.taken)}"
    return line(" ", toned(f"■ can't look{since}: ", Tone.STALLED), message)


def _things(overview: Overview) -> list[tuple[int | None, str]]:
    status = overview.status
    return [
        (status.topics, "topic"), (status.queues, "queue"), (status.shares, "share"),
        (status.groups, "group"), (overview.dead_letters, "dead"),
    ]  # fmt: skip


def _short(number: int, noun: str) -> Line:
    if noun == "dead":
        return toned(f"◆ {short_count(number)} dead", Tone.DEAD)
    return line(short_count(number), toned(f" {noun if number == 1 else noun + 's'}", Tone.DIM))


def strip_lines(
    stalls: Sequence[Stall], count: int, width: int, chosen: int | None = None
) -> list[Line]:
    """Return a line per stall, worst first, and the number of those that don't fit.

    The `chosen` one is always shown.
    """
    shown = count if count <= MOST_STALL_LINES + 1 else MOST_STALL_LINES
    first = max(0, (chosen or 0) - shown + 1)
    lines = [
        stall_line(stall, width, is_chosen=at == chosen)
        for at, stall in enumerate(stalls[first : first + shown], first)
    ]
    if count > len(lines):
        more = toned(f"   +{count - len(lines)} more", Tone.STALLED)
        lines.append(line(more, toned("   n goes through them", Tone.DIM)))
    return lines


def stall_line(stall: Stall, width: int, *, is_chosen: bool = False) -> Line:
    """Return a stall in one line; when narrow, the messages behind come before the details."""
    age = describe_duration(stall.seconds)
    mark = "▸" if is_chosen else " "
    head = line(toned(f"{mark}■ STALLED {age:<6}", Tone.STALLED), "  ", where(stall), "  ")
    tail = line("  ", toned(behind(stall), Tone.STRONG), " ")
    enter = toned(" [enter] ", Tone.DIM)
    blocker = toned(stall.blocker, Tone.STALLED)
    room = width - width_of(head) - width_of(tail)
    if room < width_of(blocker):
        reader = line(toned(" → ", Tone.DIM), stall.reader) if stall.partition is not None else ""
        short = line(toned(f"{mark}■ STALLED {age:<6}", Tone.STALLED), "  ", blocker, reader, tail)
        return fit(short, width)
    full = line(blocker, toned(details(stall), Tone.DIM))
    if width_of(full) + width_of(enter) <= room:
        return line(fit(line(head, full, tail), width - width_of(enter)), enter)
    return fit(line(head, fit(full, min(room, width_of(full))), tail), width)


def is_same_stall(one: Stall, other: Stall) -> bool:
    """Return whether two looks saw the same stall: the same blocker and the same reader."""
    return (one.place, one.reader, one.blocker) == (other.place, other.reader, other.blocker)


def where(stall: Stall) -> Line:
    """Return the partition or queue, and its reader."""
    if stall.reader == stall.source:
        return toned(stall.place, Tone.STRONG)
    return line(toned(stall.place, Tone.STRONG), toned(" → ", Tone.DIM), stall.reader)


def behind(stall: Stall) -> str:
    """Return how much waits behind the blocker."""
    keys = f" · {counted(stall.keys, 'key')}" if stall.keys else ""
    at_least = "≥ " if keys and not stall.keys_exact else ""
    return f"blocks {short_count(stall.blocked)} msgs" + keys.replace("· ", f"· {at_least}")


def details(stall: Stall) -> str:
    """Return key, deliveries and error of the blocker, in parentheses."""
    marks = [] if stall.key is None else [f"key={printable_bytes(stall.key[:80])}"]
    if stall.deliveries:
        marks.append(counted(stall.deliveries, "delivery"))
    if stall.error is not None:
        marks.append(f'"{stall.error[:120]}"')
    return f" ({', '.join(marks)})" if marks else ""


def footer_line(keys: Sequence[Key], width: int, *, read_only: bool) -> Line:
    """Return the keys that work here; keys that write are dim where writing is off."""
    content: Line = line(" ")
    for key in keys:
        is_off = read_only and key.writes
        cap = Span(key.cap, Tone.DIM if is_off else Tone.KEY)
        label = span(f" {key.label}", Tone.DIM if is_off else Tone.TEXT)
        more = line(content, cap, label, "  ")
        if width_of(more) > width:
            break
        content = more
    return content
