"""The stall card: the blocker, the messages behind it, the cause, and the ways out."""

from __future__ import annotations

from textwrap import wrap
from typing import Any

from textual import on
from textual.app import ComposeResult

from store import Overview, Stall
from store.model.stalls import Remedy, RemedyKind
from store.model.text import (
    counted,
    describe_duration,
    describe_growth,
    describe_size,
    printable_bytes,
)
from tui.actions.remedies import KEY_IDS, prepare, remedy_for
from tui.keys import BY_ID
from tui.view import View
from tui.widgets.bands import is_same_stall
from tui.widgets.figures import moment_text
from tui.widgets.live_table import LiveTable, TableColumn, TableRow
from tui.widgets.painted import Band
from tui.widgets.spans import EMPTY, Line, Tone, fit, joined, line, toned, width_of

_LABEL_WIDTH = 9
_COLUMNS = (
    TableColumn("", 2),
    TableColumn("DO", 30, grows=2),
    TableColumn("COMMAND", 30, grows=3, drop=1),
)


def card_lines(stall: Stall, now: int, width: int) -> list[Line]:
    """Return the card above its actions, in lines of at most `width` cells."""
    return [
        _title(stall, width),
        EMPTY,
        _window(stall, width),
        EMPTY,
        *_labelled("BLOCKER", _blocker(stall, now), width),
        *_labelled("ERROR", _error(stall), width),
        *_labelled("BEHIND", _behind(stall), width),
        *_labelled("WHY", f"{stall.cause.upper()}: {stall.why}", width),
    ]


def _title(stall: Stall, width: int) -> Line:
    place = [toned(stall.source, Tone.TITLE)]
    if stall.partition is not None:
        place.append(line(f"partition {stall.partition}"))
    place.append(line(_reader(stall)))
    right = line(
        toned(f"■ STALLED {describe_duration(stall.seconds)}", Tone.STALLED),
        toned(f"  (threshold {describe_duration(stall.threshold)}) ", Tone.DIM),
    )
    left = line(" ", joined(place, " · "))
    return line(fit(left, max(0, width - width_of(right))), right)


def _reader(stall: Stall) -> str:
    if stall.kind == "fifo":
        return f"message group {printable_bytes(stall.key or b'')}"
    return f"{stall.kind} {stall.reader}"


def _window(stall: Stall, width: int) -> Line:
    """Return the blocker between the finished and the waiting part."""
    blocker = line(
        toned("│", Tone.DIM), toned(f"■{stall.offset}", Tone.STALLED), toned("│", Tone.DIM)
    )
    if stall.kind == "fifo":
        waits = f" {counted(stall.blocked, 'message')} of the group behind it"
        return line(" ", blocker, toned(waits, Tone.DIM))
    done = stall.offset - 1
    left = line(toned(" committed ", Tone.DIM), f"{done} " if done >= 0 else "", blocker, " ")
    end = line(toned("end ", Tone.DIM), f"{stall.end} ")
    room = width - width_of(left) - width_of(end)
    numbers = ""
    for offset in range(stall.offset + 1, stall.end):
        if len(numbers) + len(f"{offset} … ") > room:
            numbers += "… "
            break
        numbers += f"{offset} "
    return line(left, fit(toned(numbers, Tone.DIM), max(0, room)), end)


def _blocker(stall: Stall, now: int) -> str:
    parts = [] if stall.key is None else [f"key {printable_bytes(stall.key[:200])}"]
    if stall.size is not None:
        parts.append(describe_size(stall.size))
    if stall.produced is not None:
        parts.append(f"produced {moment_text(stall.produced, now)}")
    parts.append(_holder(stall))
    if stall.deliveries:
        parts.append(counted(stall.deliveries, "delivery"))
    return " · ".join(part for part in parts if part) or stall.blocker


def _holder(stall: Stall) -> str:
    if stall.holder is None:
        return "no holder"
    known = [] if stall.holder_pid is None else [f"pid {stall.holder_pid}"]
    if stall.holder_seen is not None:
        known.append(f"last seen {describe_duration(stall.holder_seen)} ago")
    return stall.holder + (f" ({', '.join(known)})" if known else "")


def _error(stall: Stall) -> str:
    if stall.error is None:
        return "unknown: none was reported" if stall.deliveries else ""
    same = f" (the same {stall.same_errors} times)" if stall.same_errors > 1 else ""
    return stall.error + same


def _behind(stall: Stall) -> str:
    parts = [counted(stall.blocked, "message")]
    if stall.keys:
        parts.append(("" if stall.keys_exact else "at least ") + counted(stall.keys, "key"))
    parts.append(f"oldest {describe_duration(stall.oldest_seconds)}")
    if stall.growth:
        parts.append(describe_growth(stall.growth, 0))
    if stall.retention_seconds is not None:
        parts.append(f"retention edge in {describe_duration(stall.retention_seconds)}")
    return " · ".join(parts)


def _labelled(label: str, text: str, width: int) -> list[Line]:
    if not text:
        return []
    lines = wrap(line(text)[0].text, max(20, width - _LABEL_WIDTH - 2)) or [""]
    return [
        line(toned(f" {'' if at else label:<{_LABEL_WIDTH}}", Tone.DIM), part)
        for at, part in enumerate(lines[:4])
    ]


def remedy_rows(stall: Stall) -> list[TableRow]:
    """Return a row per way out: its key, its effect, and the command."""
    return [TableRow(remedy.command, _remedy_cells(remedy)) for remedy in stall.remedies]


def _remedy_cells(remedy: Remedy) -> tuple[Line, ...]:
    id = KEY_IDS.get(remedy.kind)
    cap = toned(BY_ID[id].cap, Tone.KEY) if id else toned("y", Tone.DIM)
    return cap, line(remedy.effect), toned(remedy.command, Tone.DIM)


class StallView(View):
    """A stall with its ways out; each asks before it changes anything."""

    KEYS = ("peek", "copy")
    title = "stall"

    def __init__(self, stall: Stall) -> None:
        super().__init__()
        self.stall = stall
        self._is_over = False

    def compose(self) -> ComposeResult:
        """Yield the card, and the ways out below it."""
        yield Band(id="card")
        yield LiveTable(_COLUMNS, "no way out is known", id="remedies")
        yield Band(id="remedy-command", classes="caption")

    def key_ids(self) -> tuple[str, ...]:
        """Return the keys of the present ways out."""
        ways = () if self._is_over else self.stall.remedies
        ids = (KEY_IDS[remedy.kind] for remedy in ways if remedy.kind in KEY_IDS)
        return (*ids, *self.KEYS)

    def follow(self, stall: Stall) -> None:
        """Show another stall."""
        self.stall, self._is_over = stall, False

    def show(self, overview: Overview, detail: Any) -> None:
        """Follow the stall, until it is over."""
        for stall in overview.stalls:
            if is_same_stall(stall, self.stall):
                self.stall, self._is_over = stall, False
                break
        else:
            # Nothing is known of stalls that were left out.
            self._is_over = overview.stall_count == len(overview.stalls)
        width = self.app.size.width
        lines = card_lines(self.stall, overview.taken, width)
        if self._is_over:
            lines[0] = line(
                toned(" ● ok", Tone.OK), f"  {self.stall.blocker} blocks nothing any more"
            )
        self.query_one("#card", Band).show_lines([*lines, EMPTY])
        rows = [] if self._is_over else remedy_rows(self.stall)
        self.query_one("#remedies", LiveTable).show_rows(rows)
        self._show_command()

    @on(LiveTable.Moved)
    def _show_command(self) -> None:
        command = self.command()
        shown = line(toned(" $ ", Tone.DIM), toned(command, Tone.STRONG)) if command else EMPTY
        self.query_one("#remedy-command", Band).show_lines([shown])

    @on(LiveTable.Chosen)
    def _choose(self, event: LiveTable.Chosen) -> None:
        ways = (remedy for remedy in self.stall.remedies if remedy.command == event.key)
        remedy = next(ways, None)
        if remedy is None:
            # The stall has other ways out now.
            return
        if remedy.kind not in KEY_IDS:
            self.host.copy_command()
        elif self.host.may_write(KEY_IDS[remedy.kind]):
            self.host.propose(prepare(self.stall, remedy))

    def _propose(self, kind: RemedyKind) -> None:
        remedy = remedy_for(self.stall, kind)
        if self._is_over:
            self.host.say("this stall is over")
        elif remedy is not None:
            self.host.propose(prepare(self.stall, remedy))
        elif kind == "dead-letter" and remedy_for(self.stall, "policy"):
            self.host.say(f"{self.stall.reader} has no dead-letter queue: o sets one")
        else:
            self.host.say("that is no way out of this stall")

    def press_dead_letter(self) -> None:
        """Move the blocker to the DLQ, and go on."""
        self._propose("dead-letter")

    def press_release(self) -> None:
        """Take the blocker from its holder."""
        self._propose("release")

    def press_skip(self) -> None:
        """Skip the blocker."""
        self._propose("skip")

    def press_policy(self) -> None:
        """Set a policy that keeps the stall from coming again."""
        self._propose("policy")

    def press_create(self) -> None:
        """Create the queue for dead letters."""
        self._propose("create")

    def press_reset(self) -> None:
        """Reset the group to the newest records."""
        self._propose("reset")

    def press_purge(self) -> None:
        """Delete the group."""
        self._propose("delete")

    def press_peek(self) -> None:
        """Look at the blocker."""
        self.host.jump(self.stall.blocker)

    def command(self) -> str | None:
        """Return the command of the selected way out."""
        return self.query_one("#remedies", LiveTable).key
