"""One message or record: its properties, its body, and its history."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from textual.app import ComposeResult

from store import Message, MqError, Overview, Record
from store.engine.broker import Broker
from store.model.addresses import Address
from store.model.dead_letters import Event
from store.model.header_values import to_plain
from store.model.looks import Peek
from store.model.queues import Attempt
from store.model.stalls import StallDetail
from store.model.text import (
    counted,
    describe_duration,
    describe_size,
    format_time,
    printable_bytes,
)
from tui.actions.deeds import prepare_release
from tui.view import View
from tui.widgets.figures import moment_text
from tui.widgets.painted import Band, ScrolledLines
from tui.widgets.spans import EMPTY, Line, Tone, fit, line, toned, width_of
from tui.widgets.timeline import axis_of, timeline
from tui.widgets.values import MOST_BYTES, hex_lines, read_json, text_lines, wrapped

_INDENT = "  "
_LABEL = 15
_MOST_DELIVERIES = 60
BESIDE = 130
"""From this width on the value and the facts stand side by side."""
FORMS = ("text", "json", "hex")


@dataclass(frozen=True, slots=True)
class OpenedMessage:
    """A message or record with its history."""

    stored: Message | Record
    events: Sequence[Event]


def look_at(store: Broker, address: Address) -> OpenedMessage:
    """Return the message or record at an address; raises `NotFound`."""
    assert address.offset is not None
    if address.partition is None:
        message = store.message(address.name, address.offset)
        return OpenedMessage(message, store.message_events(address.name, address.offset))
    place = (address.name, address.partition, address.offset)
    record = store.record(*place, mark_damaged=True)
    events = store.record_events(address.name, address.partition, address.offset)
    return OpenedMessage(record, events)


@dataclass(frozen=True, slots=True)
class Reading:
    """How a person reads a value: its form, and for JSON the depth from which it is folded."""

    form: str
    fold: int | None = None


def message_lines(found: OpenedMessage, reading: Reading, now: int, width: int) -> list[Line]:
    """Return the whole page in lines of so many cells; side by side where there is room."""
    deliveries = delivery_axis(found, now, width)
    if width < BESIDE:
        return [
            *_facts(found, now, width),
            EMPTY,
            *deliveries,
            *_body_of(found.stored, reading, width),
            *_history(found, now, width),
        ]
    right = min(72, width // 2 - 2)
    left = width - right - 2
    facts = [*_facts(found, now, right), *_history(found, now, right)]
    body = _body_of(found.stored, reading, left)
    pairs = zip_longest(body, facts, fillvalue=EMPTY)
    return [*deliveries, *(line(fit(one, left + 2), other) for one, other in pairs)]


def delivery_axis(found: OpenedMessage, now: int, width: int) -> list[Line]:
    """Return the deliveries at its present place on an axis of time; nothing without any.

    Those of several readers have numbers of their own, and no axis in common.
    """
    here = [e for e in found.events if e.address == found.stored.address and e.delivery]
    if len({event.reader for event in here}) != 1:
        return []
    attempts = tuple(
        Attempt(e.delivery or 0, e.holder, e.started, e.at, e.what, e.error)
        for e in here
        if e.at is not None
    )[-_MOST_DELIVERIES:]
    held = next((event.started for event in here if event.what == "leased"), None)
    if not attempts and held is None:
        return []
    earlier = attempts[0].number - 1 if attempts else 0
    detail = StallDetail(attempts, earlier, held, None)
    axis = axis_of(detail, found.stored.came, now, width - 2)
    ended = f"{counted(len(attempts), 'delivery')} ended without an ack"
    told = f"… {earlier:,} before, then {ended}" if earlier else ended
    head = line(toned(" DELIVERIES", Tone.STRONG), toned(f"  {told}", Tone.DIM))
    return [head, *(line(" ", row) for row in timeline(detail, axis)), EMPTY]


def _facts(found: OpenedMessage, now: int, width: int) -> list[Line]:
    stored = found.stored
    facts = [*_properties(stored, now), *_dead_properties(stored, now)]
    return [row for name, value in facts for row in _fact(name, value, width)]


def _history(found: OpenedMessage, now: int, width: int) -> list[Line]:
    if not found.events:
        return []
    rows = [row for event in found.events for row in _event(event, now, width)]
    return [EMPTY, toned(" WHAT HAPPENED", Tone.STRONG), *rows]


def _body_of(stored: Message | Record, reading: Reading, width: int) -> list[Line]:
    if stored.damaged is None:
        return body_lines(stored.value, reading, width)
    damaged = toned(" VALUE  damaged: not the bytes that were stored", Tone.STALLED)
    return [damaged, *body_lines(stored.damaged.value, reading, width)]


def _properties(stored: Message | Record, now: int) -> list[tuple[str, str]]:
    key = "none" if stored.key is None else printable_bytes(stored.key)
    facts = [
        ("time", f"{format_time(stored.timestamp)}  ({_ago(now - stored.came)})"),
        ("key", key),
    ]
    if isinstance(stored, Message):
        facts += [("id", stored.id), ("state", stored.state)]
        if stored.message_group is not None:
            facts.append(("message group", stored.message_group))
        if stored.priority:
            facts.append(("priority", str(stored.priority)))
        facts.append(("deliveries", str(stored.deliveries)))
    for kind, values in (("header", stored.headers), ("property", stored.properties)):
        for name, value in values.items():
            text = json.dumps(to_plain(kind, value), ensure_ascii=False)
            facts.append((f"{kind} {name}", text))
    return facts


def _fact(name: str, value: str, width: int) -> list[Line]:
    """Return a fact under its name, wrapped beside it; the name of a header may be long."""
    tone = Tone.DEAD if name.startswith("◆") else Tone.DIM
    label = line(" ", fit(toned(name, tone), _LABEL), " ")
    parts = wrapped(value, max(20, width - _LABEL - 3))
    return [line(" " * (_LABEL + 2) if at else label, part) for at, part in enumerate(parts)]


def _ago(milliseconds: int) -> str:
    return f"{describe_duration(max(0, milliseconds) / 1000)} ago"


def _dead_properties(stored: Message | Record, now: int) -> list[tuple[str, str]]:
    dead = stored.dead if isinstance(stored, Message) else None
    if dead is None:
        return []
    return [
        ("◆ dead letter", f"from {dead.source} · {dead.reason} · {moment_text(dead.at, now)}"),
        ("error", dead.error or "unknown"),
        *(("", f"{hop.source} {hop.reason} ×{hop.count}") for hop in dead.hops[1:]),
    ]


def body_lines(
    value: bytes | None, reading: Reading, width: int, *, with_keys: bool = True
) -> list[Line]:
    """Return the value as text, JSON or hex, in lines of so many cells; its head names the keys."""
    if value is None:
        return [toned(" VALUE  none (a tombstone)", Tone.DIM)]
    form = reading.form
    read = read_json(value) if form == "json" else None
    is_cut = read is None and len(value) > MOST_BYTES
    cut = f", the first {describe_size(MOST_BYTES)}" if is_cut else ""
    folds = "   ← → fold" if read is not None and read.depth > 1 else ""
    keys = f"   b changes the form{folds}" if with_keys else ""
    said = f"  {describe_size(len(value))} as {form}{cut}{keys}"
    title = line(toned(" VALUE", Tone.STRONG), toned(said, Tone.DIM))
    room = max(20, width - 2 * len(_INDENT))
    if form == "hex":
        rows = hex_lines(value)
    elif read is not None:
        rows = read.lines(reading.fold or read.usual_fold(), room)
    else:
        rows = text_lines(value, room)
    return [title, *(line(_INDENT, row) for row in rows)]


def usual_form(value: bytes | None) -> str:
    """Return the form that suits a value: JSON if it parses, text if it is UTF-8, otherwise hex."""
    if not value:
        return "text"
    if read_json(value) is not None:
        return "json"
    try:
        value.decode()
        return "text"
    except UnicodeDecodeError:
        return "hex"


def _event(event: Event, now: int, width: int) -> list[Line]:
    at = "" if event.at is None else moment_text(event.at, now)
    parts = [f"delivery {event.delivery}"] if event.delivery else []
    parts += [part for part in (event.reason, event.target and f"to {event.target}") if part]
    if event.holder or event.delivery:
        parts.append(event.holder or "holder unknown")
    is_bad = event.what not in {"sent", "redriven", "leased"}
    head = line(
        toned(f" {at:>16}  ", Tone.DIM),
        toned(f"{event.what:<14}", Tone.LAGGING if is_bad else Tone.TEXT),
        toned(f" {event.address}  ", Tone.DIM),
    )
    told = line(head, " · ".join(parts))
    rows = [told] if width_of(told) <= width else [head, line(" " * 19, " · ".join(parts))]
    room = max(20, width - 19)
    error = wrapped(f'"{event.error}"', room) if event.error else ()
    return [*rows, *(line(" " * 19, toned(part, Tone.BAD)) for part in error)]


class MessageView(View):
    """A message or record, to read."""

    KEYS = ("body", "fold", "release", "copy")
    title = "message"

    def __init__(self, address: Address) -> None:
        super().__init__()
        self._address = address
        self._reading: Reading | None = None

    def compose(self) -> ComposeResult:
        """Yield a caption, and a page to scroll through."""
        yield Band(classes="caption")
        yield ScrolledLines(id="message")

    def refocus(self) -> None:
        """Let the keys scroll the page."""
        self.screen.set_focus(self.query_one(ScrolledLines))

    def question(self) -> Callable[[Broker], OpenedMessage]:
        """Return the question for the message and its history."""
        return lambda store: look_at(store, self._address)

    @property
    def crumb(self) -> str:
        """The address of the message."""
        return str(self._address)

    def show(self, overview: Overview, detail: Any) -> None:
        """Show the message."""
        if detail is None:
            return
        self._reading = self._reading or Reading(usual_form(detail.stored.value))
        lines = message_lines(detail, self._reading, overview.taken, self.app.size.width - 1)
        self.query_one(ScrolledLines).show_lines(lines)
        kind = detail.stored.state if isinstance(detail.stored, Message) else "record"
        self.show_caption(str(self._address), f"  {kind}")

    def show_error(self, error: MqError) -> None:
        """Say that the message is gone, and keep showing the last answer."""
        self.show_caption(str(self._address), "", toned(error.message, Tone.LAGGING))

    def key_ids(self) -> tuple[str, ...]:
        """Return the keys of the present form: only JSON folds."""
        folds = self._reading is not None and self._reading.form == "json"
        return tuple(id for id in self.KEYS if folds or id != "fold")

    def press_body(self) -> None:
        """Show the next form of the body."""
        form = self._reading.form if self._reading else "text"
        self._reading = Reading(FORMS[(FORMS.index(form) + 1) % len(FORMS)])
        self.host.show_again()

    def press_fold(self) -> None:
        """Fold JSON at a level less."""
        self._fold(-1)

    def press_unfold(self) -> None:
        """Show a level more of JSON."""
        self._fold(1)

    def _fold(self, by: int) -> None:
        read = None if self._detail is None else read_json(self._detail.stored.value or b"")
        if read is None or self._reading is None or self._reading.form != "json":
            self.host.say("only JSON folds: b changes the form")
            return
        present = self._reading.fold or read.usual_fold()
        self._reading = Reading("json", max(1, min(present + by, read.depth)))
        self.host.show_again()

    def press_release(self) -> None:
        """Take the message from its holder."""
        if self._address.partition is None and self._address.offset is not None:
            self.host.propose(prepare_release(self._address.name, str(self._address)))

    def step(self) -> Peek:
        """Return the step that shows the message."""
        return Peek(str(self._address), limit=1)
