"""Records and messages in listings: envelopes, a table that fits the terminal, or TSV."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from mq.cli.context import Context
from mq.cli.output import Column, Format
from mq.text.envelopes import DAMAGE_MARK, MESSAGE, RECORD, Envelope
from mq.text.lines import cut
from store.model.errors import Damaged
from store.model.messages import Message
from store.model.text import format_time
from store.model.topics import Record

_KEY_WIDTH = 24
_ERROR_WIDTH = 40
_LEAST_VALUE_WIDTH = 16
_MOST_NAMED = 3
Thing = TypeVar("Thing", Record, Message)


def show_records(
    context: Context, records: Iterable[Record], columns: Sequence[Column[Record]]
) -> None:
    """Write records; raise `Damaged` at the end if there were damaged ones."""
    _show(context, records, columns, RECORD, record_table)


def show_messages(
    context: Context, messages: Iterable[Message], columns: Sequence[Column[Message]]
) -> None:
    """Write messages; raise `Damaged` at the end if there were damaged ones."""
    _show(context, messages, columns, MESSAGE, message_table)


def _show(
    context: Context, things: Iterable[Thing], columns: Sequence[Column[Thing]],
    envelope: Envelope[Thing], table: Callable[[list[Thing]], list[Column[Thing]]],
) -> None:  # fmt: skip
    output, watch = context.output, DamageWatch()
    things = watch.over(things)
    if output.is_json:
        for thing in things:
            output.json_line(envelope.document(thing))
    elif output.format is Format.TABLE:
        rows = list(things)
        output.listing(table(rows), rows)
    else:
        output.listing(columns, things)
    watch.check()


class DamageWatch:
    """Notes the damaged records and messages that pass."""

    def __init__(self) -> None:
        self._addresses: list[str] = []

    def over(self, things: Iterable[Thing]) -> Iterator[Thing]:
        """Yield the same things."""
        for thing in things:
            if thing.damaged is not None:
                self._addresses.append(thing.address)
            yield thing

    def check(self) -> None:
        """Raise `Damaged` if there were any."""
        if not self._addresses:
            return
        named = ", ".join(self._addresses[:_MOST_NAMED])
        more = " …" * (len(self._addresses) > _MOST_NAMED)
        verb = "is" if len(self._addresses) == 1 else "are"
        raise Damaged(
            f"{named}{more} {verb} damaged: not what was stored",
            hint="find all damage: mq verify",
            addresses=tuple(self._addresses),
        )


def record_table(records: list[Record]) -> list[Column[Record]]:
    """Return columns that fit the terminal: keys and values are cut."""
    key = max((len(cut(record.key, _KEY_WIDTH)) for record in records), default=0)
    address = max((len(record.address) for record in records), default=0)
    rest = shutil.get_terminal_size().columns - address - key - len(format_time(0)) - 6
    width = max(rest, _LEAST_VALUE_WIDTH)
    return [
        Column("address", lambda record: record.address),
        Column("timestamp", lambda record: format_time(record.timestamp), header="TIME", yields=1),
        Column("key", lambda record: record.key, text=lambda record: cut(record.key, _KEY_WIDTH)),
        Column(
            "value", lambda record: record.value, text=lambda record: _record_value(record, width)
        ),
    ]


def message_table(messages: list[Message]) -> list[Column[Message]]:
    """Return columns that fit the terminal, without those that are empty for every message."""
    columns: list[Column[Message]] = [
        *MESSAGE.columns("address"),
        Column("time", lambda message: format_time(message.timestamp), yields=1),
        Column("state", lambda message: message.state),
        Column("dlv", lambda message: message.deliveries, right=True),
    ]
    if any(message.message_group is not None for message in messages):
        columns.append(Column("group", lambda message: message.message_group))
    if any(message.dead for message in messages):
        columns += [
            *MESSAGE.columns("dead.source dead.reason"),
            _cut_column("error", _error, _ERROR_WIDTH),
        ]
    if any(message.key is not None for message in messages):
        columns.append(_cut_column("key", lambda message: message.key, _KEY_WIDTH))
    taken = sum(_width(column, messages) for column in columns)
    width = max(shutil.get_terminal_size().columns - taken, _LEAST_VALUE_WIDTH)
    return [*columns, _cut_column("value", _shown_value, width)]


def _width(column: Column[Message], messages: list[Message]) -> int:
    """Return how wide a column becomes, with the gap behind it."""
    return max([len(column.header), *(len(column.shown(message)) for message in messages)]) + 1


def _shown_value(message: Message) -> bytes | None:
    return DAMAGE_MARK.encode() if message.damaged else message.value


def _error(message: Message) -> bytes | None:
    error = message.dead and message.dead.error
    return error.encode() if error else None


def _cut_column(name: str, data: Callable[[Message], bytes | None], width: int) -> Column[Message]:
    return Column(name, data, text=lambda message: cut(data(message), width))


def _record_value(record: Record, width: int) -> str:
    if record.damaged:
        return DAMAGE_MARK
    return "(tombstone)" if record.value is None else cut(record.value, width)
