"""One message or record: its properties, its body, and its history."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from textual.app import ComposeResult

from store import Message, MqError, Overview, Record
from store.engine.broker import Broker
from store.model.addresses import Address
from store.model.dead_letters import Event
from store.model.looks import Peek
from store.model.text import (
    describe_duration,
    describe_size,
    format_time,
    printable,
    printable_bytes,
)
from tui.actions.deeds import prepare_release
from tui.view import View
from tui.widgets.figures import moment_text
from tui.widgets.painted import ScrolledLines
from tui.widgets.spans import EMPTY, Line, Tone, line, toned

_MOST_SHOWN = 64 * 1024
_HEX_WIDTH = 16
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


def message_lines(found: OpenedMessage, form: str, now: int) -> list[Line]:
    """Return the whole page."""
    lines = [
        line(" ", toned(found.stored.address, Tone.TITLE)),
        EMPTY,
        *(_fact(name, value) for name, value in _properties(found.stored, now)),
        *_dead_lines(found.stored, now),
        EMPTY,
        *_body_of(found.stored, form),
    ]
    if found.events:
        lines += [EMPTY, toned(" WHAT HAPPENED", Tone.DIM), *(_event(e, now) for e in found.events)]
    return lines


def _body_of(stored: Message | Record, form: str) -> list[Line]:
    if stored.damaged is None:
        return body_lines(stored.value, form)
    damaged = toned(" VALUE  damaged: not the bytes that were stored", Tone.STALLED)
    return [damaged, *body_lines(stored.damaged.value, form)]


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
    for name, value in stored.headers.items():
        facts.append((f"header {name}", json.dumps(value, ensure_ascii=False)))
    return facts


def _fact(name: str, value: str) -> Line:
    return line(toned(f" {printable(name):<15} ", Tone.DIM), value)


def _ago(milliseconds: int) -> str:
    return f"{describe_duration(max(0, milliseconds) / 1000)} ago"


def _dead_lines(stored: Message | Record, now: int) -> list[Line]:
    dead = stored.dead if isinstance(stored, Message) else None
    if dead is None:
        return []
    return [
        line(toned(f" {'◆ dead letter':<15} ", Tone.DEAD),
             f"from {dead.source} · {dead.reason} · {moment_text(dead.at, now)}"),
        _fact("error", dead.error or "unknown"),
        *(_fact("", f"{hop.source} {hop.reason} ×{hop.count}") for hop in dead.hops[1:]),
    ]  # fmt: skip


def body_lines(value: bytes | None, form: str) -> list[Line]:
    """Return the value as text, JSON or hex, made harmless for the terminal."""
    if value is None:
        return [toned(" VALUE  none (a tombstone)", Tone.DIM)]
    size = describe_size(len(value))
    cut = f", the first {describe_size(_MOST_SHOWN)}" if len(value) > _MOST_SHOWN else ""
    title = toned(f" VALUE  {size} as {form}{cut}   b changes the form", Tone.DIM)
    return [title, *(line("  ", text) for text in _body(value[:_MOST_SHOWN], form))]


def _body(value: bytes, form: str) -> list[str]:
    if form == "hex":
        return [_hex_row(value, at) for at in range(0, len(value), _HEX_WIDTH)]
    if form == "json":
        try:
            return json.dumps(json.loads(value), indent=2, ensure_ascii=False).split("\n")
        except (ValueError, RecursionError):
            pass
    return printable_bytes(value, block=True).replace("\t", "    ").split("\n")


def _hex_row(value: bytes, at: int) -> str:
    row = value[at : at + _HEX_WIDTH]
    text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)
    return f"{at:08x}  {row.hex(' '):<{_HEX_WIDTH * 3}} {text}"


def usual_form(value: bytes | None) -> str:
    """Return the form that suits a value: JSON if it parses, text if it is UTF-8, otherwise hex."""
    if not value:
        return "text"
    if value[:1] in b'{["':
        try:
            json.loads(value)
            return "json"
        except (ValueError, RecursionError):
            pass
    try:
        value.decode()
        return "text"
    except UnicodeDecodeError:
        return "hex"


def _event(event: Event, now: int) -> Line:
    at = "" if event.at is None else moment_text(event.at, now)
    parts = [f"delivery {event.delivery}"] if event.delivery else []
    parts += [part for part in (event.reason, event.target and f"to {event.target}") if part]
    if event.holder or event.delivery:
        parts.append(event.holder or "holder unknown")
    is_bad = event.what not in {"sent", "redriven", "leased"}
    return line(
        toned(f" {at:>16}  ", Tone.DIM),
        toned(f"{event.what:<14}", Tone.LAGGING if is_bad else Tone.TEXT),
        toned(f" {event.address}  ", Tone.DIM),
        " · ".join(parts),
        toned(f'  "{event.error}"' if event.error else "", Tone.STALLED),
    )


class MessageView(View):
    """A message or record, to read."""

    KEYS = ("body", "release", "copy")
    title = "message"

    def __init__(self, address: Address) -> None:
        super().__init__()
        self._address = address
        self._form: str | None = None

    def compose(self) -> ComposeResult:
        """Yield a page to scroll through."""
        yield ScrolledLines(id="message")

    def refocus(self) -> None:
        """Let the keys scroll the page."""
        self.screen.set_focus(self.query_one(ScrolledLines))

    def question(self) -> Callable[[Broker], OpenedMessage]:
        """Return the question for the message and its history."""
        return lambda store: look_at(store, self._address)

    def show(self, overview: Overview, detail: Any) -> None:
        """Show the message."""
        if detail is None:
            return
        self._form = self._form or usual_form(detail.stored.value)
        self.query_one(ScrolledLines).show_lines(message_lines(detail, self._form, overview.taken))

    def show_error(self, error: MqError) -> None:
        """Say that the message is gone, and keep showing the last answer."""
        gone = line(toned(f" {error.message}", Tone.LAGGING))
        shown = self._detail
        lines = message_lines(shown, self._form or "text", 0)[1:] if shown else []
        self.query_one(ScrolledLines).show_lines([gone, *lines])

    def press_body(self) -> None:
        """Show the next form of the body."""
        at = FORMS.index(self._form or "text")
        self._form = FORMS[(at + 1) % len(FORMS)]
        self.host.show_again()

    def press_release(self) -> None:
        """Take the message from its holder."""
        if self._address.partition is None and self._address.offset is not None:
            self.host.propose(prepare_release(self._address.name, str(self._address)))

    def step(self) -> Peek:
        """Return the step that shows the message."""
        return Peek(str(self._address), limit=1)
