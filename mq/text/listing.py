"""Records and messages in listings: envelopes, a table that fits the terminal, or TSV."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from mq.cli.context import Context
from mq.cli.output import Column, Format
from mq.text.envelopes import DAMAGE_MARK, MESSAGE, RECORD, Envelope, cut
from mq.text.times import time_column
from store.model.errors import Damaged
from store.model.messages import Message
from store.model.topics import Record

# More than a terminal shows of one cell; the table cuts it to the room that there is.
_WIDEST = 400
_MOST_NAMED = 3
Thing = TypeVar("Thing", Record, Message)


def show_records(
    context: Context, records: Iterable[Record], columns: Sequence[Column[Record]], now: int
) -> None:
    """Write records; raise `Damaged` at the end if there were damaged ones.

    `now` is what people count times from, in Unix milliseconds.
    """
    _show(context, records, columns, RECORD, lambda rows: record_table(rows, now))


def show_messages(
    context: Context, messages: Iterable[Message], columns: Sequence[Column[Message]], now: int
) -> None:
    """Write messages; raise `Damaged` at the end if there were damaged ones.

    `now` is what people count times from, in Unix milliseconds.
    """
    _show(context, messages, columns, MESSAGE, lambda rows: message_table(rows, now))


def _show(
    context: Context, things: Iterable[Thing], columns: Sequence[Column[Thing]],
    envelope: Envelope[Thing], table: Callable[[list[Thing]], list[Column[Thing]]],
) -> None:  # fmt: skip
    output, watch = context.output, DamageWatch()
    things = watch.over(things)
    if output.is_json:
        document = envelope.document_with_json if context.json_value else envelope.document
        for thing in things:
            output.json_line(document(thing))
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


def record_table(records: list[Record], now: int) -> list[Column[Record]]:
    """Return the columns of records for people."""
    columns: list[Column[Record]] = [
        Column("address", lambda record: record.address, weight=2),
        time_column("timestamp", lambda record: record.timestamp, now, header="TIME", yields=1),
    ]
    if any(record.key is not None for record in records):
        columns.append(_cut_column("key", lambda record: record.key, _WIDEST))
    value = Column[Record]("value", lambda record: record.value, text=_record_value)
    return [*columns, value]


def message_table(messages: list[Message], now: int) -> list[Column[Message]]:
    """Return the columns of messages for people, without those that are empty for all."""
    columns: list[Column[Message]] = [
        Column("address", lambda message: message.address, weight=2),
        time_column("time", lambda message: message.timestamp, now, yields=1),
        Column("state", lambda message: message.state, weight=0),
        Column("dlv", lambda message: message.deliveries, right=True),
    ]
    if any(message.message_group is not None for message in messages):
        columns.append(Column("group", lambda message: message.message_group))
    if any(message.dead for message in messages):
        columns += [
            Column("source", lambda message: message.dead and message.dead.source, yields=2),
            Column("reason", lambda message: message.dead and message.dead.reason, weight=0),
            _cut_column("error", _error, _WIDEST),
        ]
    if any(message.key is not None for message in messages):
        columns.append(_cut_column("key", lambda message: message.key, _WIDEST))
    return [*columns, _cut_column("value", _shown_value, _WIDEST)]


def _shown_value(message: Message) -> bytes | None:
    return DAMAGE_MARK.encode() if message.damaged else message.value


def _error(message: Message) -> bytes | None:
    error = message.dead and message.dead.error
    return error.encode() if error else None


def _cut_column(name: str, data: Callable[[Thing], bytes | None], width: int) -> Column[Thing]:
    return Column(name, data, text=lambda thing: cut(data(thing), width))


def _record_value(record: Record) -> str:
    if record.damaged:
        return DAMAGE_MARK
    return "(tombstone)" if record.value is None else cut(record.value, _WIDEST)
