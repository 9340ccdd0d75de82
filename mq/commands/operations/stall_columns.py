"""Stalls in listings: as rows for programs, as a few lines each for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from textwrap import wrap

from mq.cli.output import Column, Format, Output
from mq.text.envelopes import cell_text, cut
from store.model.stalls import Explanation, Stall
from store.model.text import counted, describe_duration

_KEY_WIDTH = 40
_ERROR_WIDTH = 60
# It stands between the place of a stall and its blocker, in the line for people.
_GAP = "   "

STALLS: list[Column[Stall]] = [
    Column("kind", lambda stall: stall.kind),
    Column("source", lambda stall: stall.place),
    Column("reader", lambda stall: stall.reader),
    Column("blocker", lambda stall: stall.blocker),
    Column("key", lambda stall: cell_text(stall.key)),
    Column("blocked", lambda stall: stall.blocked),
    Column("seconds", lambda stall: stall.seconds),
    Column("deliveries", lambda stall: stall.deliveries),
    Column("holder", lambda stall: stall.holder),
    Column("error", lambda stall: stall.error),
    Column("cause", lambda stall: stall.cause),
    Column("do", lambda stall: stall.do),
    Column("why", lambda stall: stall.why),
    Column("keys", lambda stall: stall.keys),
    Column("keys_exact", lambda stall: stall.keys_exact),
    Column("same_errors", lambda stall: stall.same_errors),
    Column("holder_seen_seconds", lambda stall: stall.holder_seen),
    Column("oldest_seconds", lambda stall: stall.oldest_seconds),
    Column("trend", lambda stall: round(stall.growth, 3)),
    Column("retention_seconds", lambda stall: stall.retention_seconds),
]

EXPLANATIONS: list[Column[Explanation]] = [
    Column("address", lambda answer: answer.address),
    Column("reader", lambda answer: answer.reader),
    Column("verdict", lambda answer: answer.verdict),
    Column("blocker", lambda answer: answer.blocker),
    Column("why", lambda answer: answer.why),
    Column("do", lambda answer: answer.stall.do if answer.stall else []),
]


def write_stalls(output: Output, stalls: Sequence[Stall]) -> None:
    """Write stalls, worst first; people see a paragraph each."""
    if output.format is not Format.TABLE:
        output.listing(STALLS, stalls)
        return
    for number, stall in enumerate(stalls):
        if number:
            output.text("")
        first, *rest = _lines(stall, output.room)
        output.text(first, style="bold red")
        for line in rest:
            output.text(line)


def headline(stall: Stall) -> str:
    """Return a stall in one line: since when, the place, the blocker, and the number behind it."""
    marks = [counted(stall.deliveries, "delivery")] if stall.deliveries else []
    if stall.key is not None:
        marks.insert(0, f"key={cut(stall.key, _KEY_WIDTH)}")
    if stall.error is not None:
        marks.append(f'"{cut(stall.error.encode(), _ERROR_WIDTH)}"')
    at_least = "" if stall.keys_exact else "at least "
    keys = f" · {at_least}{counted(stall.keys, 'key')}" if stall.keys else ""
    place = f"■ STALLED {describe_duration(stall.seconds)}  {stall.place} → {stall.reader}"
    blocks = f"blocks {counted(stall.blocked, 'message')}{keys}"
    return f"{place}{_GAP}{stall.blocker} ({', '.join(marks)})  {blocks}"


def write_explanations(output: Output, answers: Sequence[Explanation]) -> None:
    """Write the state of an address for each reader; people see a paragraph each."""
    if output.format is not Format.TABLE:
        output.listing(EXPLANATIONS, answers)
        return
    for answer in answers:
        by = f" by {answer.blocker}" if answer.verdict == "blocked" else ""
        reader = "" if answer.reader is None else f" → {answer.reader}"
        output.text(f"{answer.address}{reader}  {answer.verdict.upper()}{by}  {answer.why}")
        if answer.stall is not None:
            for line in _ways_out(answer.stall, "DO", output.room):
                output.text(f"  {line}")


def _lines(stall: Stall, room: int) -> Iterator[str]:
    cause, first = stall.cause.upper(), headline(stall)
    place, gap, blocker = first.partition(_GAP)
    yield from [first] if len(first) <= room else [place, f"  {blocker}" if gap else ""]
    indent = " " * (len(cause) + 4)
    yield from wrap(f"  {cause}  {stall.why}", room, subsequent_indent=indent)
    for line in _ways_out(stall, f"{'DO':<{len(cause)}}", room):
        yield f"  {line}"


def _ways_out(stall: Stall, word: str, room: int) -> Iterator[str]:
    """Yield the commands with their effects behind them or, where there is no room, below."""
    width = max((len(command) for command in stall.do), default=0)
    longest = max((len(remedy.effect) for remedy in stall.remedies), default=0)
    is_wide = len(word) + width + longest + len("      # ") <= room
    for number, remedy in enumerate(stall.remedies):
        margin = " " * len(word) if number else word
        if is_wide:
            yield f"{margin}  {remedy.command:<{width}}  # {remedy.effect}"
        else:
            yield f"{margin}  {remedy.command}"
            indent = f"{'':<{len(word)}}    # "
            yield from wrap(
                remedy.effect, room - 2, initial_indent=indent, subsequent_indent=indent
            )
