"""Messages of queues as JSON envelopes and as rows."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from mq.cli.context import Context
from mq.cli.output import Column, Format, to_json
from mq.text.format_string import MESSAGE_FIELDS
from mq.text.lines import Lines, cell_text, cut, stream_lines
from mq.text.records import DAMAGE_MARK, DamageWatch, damage_fields, text_field
from store.model.text import format_duration, format_time

if TYPE_CHECKING:
    from store.model.dead_letters import Dead
    from store.model.messages import Message

_KEY_WIDTH = 24
_ERROR_WIDTH = 40
_LEAST_VALUE_WIDTH = 16


def to_document(message: Message) -> dict[str, Any]:
    """The envelope of a message; receipt, lease and death only where it has them."""
    return {
        "queue": message.queue,
        "id": message.id,
        "sequence": message.sequence,
        "timestamp": format_time(message.timestamp),
        "message_group": message.message_group,
        "priority": message.priority,
        "headers": message.headers,
        **text_field("key", message.key),
        **text_field("value", message.value),
        "deliveries": message.deliveries,
        "redelivered": message.redelivered,
        "state": message.state,
        **_lease_fields(message),
        **({} if message.dead is None else {"dead": _dead_document(message.dead)}),
        **damage_fields(message),
    }


def to_ndjson(message: Message) -> bytes:
    """The envelope of a message as one ASCII-safe line."""
    return to_json(to_document(message)).encode() + b"\n"


def _lease_fields(message: Message) -> dict[str, Any]:
    if message.receipt is None or message.lease_expires is None:
        return {}
    return {
        "receipt": message.receipt,
        "lease_expires": format_time(message.lease_expires),
        "holder": message.holder,
    }


def _dead_document(dead: Dead) -> dict[str, Any]:
    return {
        "source": dead.source,
        "reason": dead.reason,
        "at": format_time(dead.at),
        "deliveries": dead.deliveries,
        "error": dead.error,
        "hops": [
            {
                "source": hop.source,
                "reason": hop.reason,
                "count": hop.count,
                "at": format_time(hop.at),
                "ttl": None if hop.ttl is None else format_duration(hop.ttl),
            }
            for hop in dead.hops
        ],
    }


MESSAGE_COLUMNS: list[Column[Message]] = [
    Column("address", lambda message: message.address),
    Column("timestamp", lambda message: format_time(message.timestamp)),
    Column("message_group", lambda message: message.message_group),
    Column("priority", lambda message: message.priority, right=True),
    Column("deliveries", lambda message: message.deliveries, right=True),
    Column("state", lambda message: message.state),
    Column("key", lambda message: cell_text(message.key)),
    Column("headers", lambda message: message.headers or None),
    Column("value", lambda message: DAMAGE_MARK if message.damaged else cell_text(message.value)),
]

_DEAD_COLUMNS: list[Column[Message]] = [
    Column("source", lambda message: message.dead and message.dead.source),
    Column("reason", lambda message: message.dead and message.dead.reason),
    Column("at", lambda message: message.dead and format_time(message.dead.at)),
    Column("error", lambda message: message.dead and message.dead.error),
]
DEAD_LETTER_COLUMNS = [*MESSAGE_COLUMNS[:6], *_DEAD_COLUMNS, *MESSAGE_COLUMNS[6:]]


def message_lines(context: Context, format: str | None) -> Lines[Message]:
    """How messages are turned into the bytes to write; see `record_lines`."""
    return stream_lines(
        context, format, fields=MESSAGE_FIELDS, envelope=to_ndjson, columns=MESSAGE_COLUMNS
    )


def show_messages(
    context: Context, messages: Iterable[Message], columns: list[Column[Message]]
) -> None:
    """Write messages that are looked at: envelopes with -o json or ndjson, a table, or TSV.

    Raises `Damaged` at the end if there were damaged ones, which are marked.
    """
    watch = DamageWatch()
    _show(context, watch.over(messages), columns)
    watch.check()


def _show(context: Context, messages: Iterable[Message], columns: list[Column[Message]]) -> None:
    output = context.output
    if output.is_json:
        for message in messages:
            output.json_line(to_document(message))
    elif output.format is Format.TABLE:
        found = list(messages)
        output.listing(_table_columns(found), found)
    else:
        output.listing(columns, messages)


def _table_columns(messages: list[Message]) -> list[Column[Message]]:
    """Columns that fit the terminal, without those that say nothing of any of the messages."""
    columns: list[Column[Message]] = [
        MESSAGE_COLUMNS[0],
        Column("time", lambda message: format_time(message.timestamp), yields=1),
        Column("state", lambda message: message.state),
        Column("dlv", lambda message: message.deliveries, right=True),
    ]
    if any(message.message_group is not None for message in messages):
        columns.append(Column("group", lambda message: message.message_group))
    if any(message.dead for message in messages):
        columns += [*_DEAD_COLUMNS[:2], _cut_column("error", _error, _ERROR_WIDTH)]
    if any(message.key is not None for message in messages):
        columns.append(_cut_column("key", lambda message: message.key, _KEY_WIDTH))
    taken = sum(_width(column, messages) for column in columns)
    width = max(shutil.get_terminal_size().columns - taken, _LEAST_VALUE_WIDTH)
    return [*columns, _cut_column("value", _shown_value, width)]


def _width(column: Column[Message], messages: list[Message]) -> int:
    """How wide a column becomes, with the gap behind it."""
    return max([len(column.header), *(len(column.shown(message)) for message in messages)]) + 1


def _shown_value(message: Message) -> bytes | None:
    return DAMAGE_MARK.encode() if message.damaged else message.value


def _error(message: Message) -> bytes | None:
    error = message.dead and message.dead.error
    return error.encode() if error else None


def _cut_column(name: str, data: Callable[[Message], bytes | None], width: int) -> Column[Message]:
    return Column(name, data, text=lambda message: cut(data(message), width))
