"""`--where 'FIELD OP VALUE'`: conditions on a record or a message, compiled once."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from operator import attrgetter
from typing import Any, get_args

from mq.cli.output import to_json
from mq.text.envelopes import DEAD, MESSAGE, RECORD, Envelope, FieldKind
from mq.text.strict_json import MISSING, ValuePath, parse_json
from store.model.dead_letters import Dead, Reason
from store.model.errors import BadInput
from store.model.messages import STATES, Message
from store.model.nearest import did_you_mean
from store.model.patterns import Pattern
from store.model.text import parse_duration, parse_time
from store.model.topics import Record

Condition = Callable[[Record], bool]
MessageCondition = Callable[[Message], bool]
_Read = Callable[[Any], Any]
_Fields = Mapping[str, _Read]
_FORM = re.compile(r"\s*(?P<field>[^\s=!~<>]+)\s*(?P<operator>[=!~<>]+)\s?(?P<value>.*)", re.S)
_ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_PATTERNS = ("~", "!~")
_OPERATORS = "with OP one of = != ~ !~ < <= > >="


def _readers(envelope: Envelope[Any]) -> dict[str, _Read]:
    """Return how a condition reads each field of an envelope, by its name."""
    readers: dict[str, _Read] = {}
    for name, kind, *_ in envelope.fields:
        if kind is FieldKind.BYTES:
            readers[name] = partial(_read_text, name)
        elif kind not in {FieldKind.HEADERS, FieldKind.HOPS}:
            readers[name] = attrgetter(name)
    return readers


def _read_text(name: str, row: Any) -> str | None:
    # Decoded as Python reads the words of a command line, so that the bytes typed are the bytes
    # found.
    data = getattr(row, name)
    return None if data is None else data.decode(errors="surrogateescape")


def _of_dead(read: Callable[[Dead], Any]) -> _Read:
    return lambda message: None if message.dead is None else read(message.dead)


def _named(kind: FieldKind) -> set[str]:
    names = {field.name for field in (*RECORD.fields, *MESSAGE.fields) if field.kind is kind}
    return names | {f"dead.{field.name}" for field in DEAD.fields if field.kind is kind}


_RECORD_FIELDS: _Fields = _readers(RECORD)
_MESSAGE_FIELDS: _Fields = {
    **_readers(MESSAGE),
    **{f"dead.{name}": _of_dead(read) for name, read in _readers(DEAD).items()},
}
# The headers of columns that have another name than the field.
_HEADERS: Mapping[str, str] = {
    "error": "dead.error",
    "reason": "dead.reason",
    "source": "dead.source",
    "group": "message_group",
    "dlv": "deliveries",
    "time": "timestamp",
}
_TIMES, _NUMBERS = _named(FieldKind.TIME), _named(FieldKind.NUMBER)
_WORDS: Mapping[str, tuple[str, ...]] = {
    "redelivered": ("true", "false"),
    "state": STATES,
    "dead.reason": get_args(Reason),
}


def parse_conditions(texts: Sequence[str], now: int) -> Condition:
    """Compile conditions that must all hold; `now`, Unix milliseconds, is the end of ages.

    A field that is missing or null equals only `null`. Numbers are compared as numbers, times and
    ages by their notation, everything else as text. Raises BadInput.
    """
    return _parse_all(texts, now, _RECORD_FIELDS)


def parse_message_conditions(texts: Sequence[str], now: int) -> MessageCondition:
    """Compile conditions on messages, which have other fields.

    `dead.source` is an address; compared with a name, it is the name that the address begins with.
    """
    return _parse_all(texts, now, _MESSAGE_FIELDS)


def _parse_all(texts: Sequence[str], now: int, fields: _Fields) -> Callable[[Any], bool]:
    conditions = [_parse_condition(text, now, fields) for text in texts]
    return lambda record: all(condition(record) for condition in conditions)


def _parse_condition(text: str, now: int, fields: _Fields) -> Callable[[Any], bool]:
    form = _FORM.fullmatch(text)
    if form is None:
        raise BadInput(f"{text!r} is not a condition", hint=f"write FIELD OP VALUE, {_OPERATORS}")
    field, symbol, value = form["field"], form["operator"], form["value"].rstrip()
    if field not in fields and _HEADERS.get(field.lower()) in fields:
        field = _HEADERS[field.lower()]
    read = _reader(field, now, fields)
    _check_operator(text, symbol)
    if not value:
        raise BadInput(
            f"{text!r} compares with nothing",
            hint=f"an empty text is {field} ~ ^$, none at all {field} = null",
        )
    if symbol in _PATTERNS:
        return _pattern(read, value, wanted=symbol == "~")
    _check_value(field, value)
    if field in _TIMES and value != "null":
        return _comparison(read, symbol, str(parse_time(value, now, up=symbol == "<")))
    if field == "age":
        return _comparison(read, symbol, str(parse_duration(value)))
    if field == "dead.source" and "@" not in value:
        return _comparison(_of_dead(attrgetter("source_name")), symbol, value)
    return _comparison(read, symbol, value)


def _check_operator(text: str, symbol: str) -> None:
    if symbol not in _ORDERS and symbol not in _PATTERNS:
        raise BadInput(
            f"{text!r} has an unknown operator {symbol}",
            hint=f"{_OPERATORS}; leave a space before a value that begins like one",
        )


def _check_value(field: str, value: str) -> None:
    """Raise BadInput for a value that the field never has."""
    if value == "null":
        return
    if field in _NUMBERS and _number(value) is None:
        raise BadInput(f"{field} is a number, not {value!r}")
    words = _WORDS.get(field, (value,))
    if value not in words:
        near = did_you_mean(value, words, f"one of {', '.join(words)}")
        raise BadInput(f"{field} is never {value!r}", hint=near)


def _reader(field: str, now: int, fields: _Fields) -> _Read:
    if field == "age":
        return lambda record: now - record.came
    if field.startswith("headers.") and field != "headers.":
        name = field.removeprefix("headers.")
        return lambda record: record.headers.get(name)
    if field.startswith("value."):
        path = ValuePath(field)
        return lambda record: _found_in_value(record, path)
    if field in fields:
        return fields[field]
    names = [*fields, "age", "headers.NAME", "value.PATH"]
    hint = did_you_mean(field, names, f"fields are {', '.join(names)}")
    raise BadInput(f"a condition names an unknown field {field!r}", hint=hint)


def _found_in_value(record: Record | Message, path: ValuePath) -> Any:
    if record.value is None:
        return None
    try:
        value = path.find(parse_json(record.value))
    except BadInput:
        # A value that is not JSON has no fields.
        return None
    return None if value is MISSING else value


def _pattern(read: _Read, text: str, *, wanted: bool) -> Callable[[Any], bool]:
    pattern = Pattern(text)

    def holds(record: Any) -> bool:
        field = read(record)
        is_there = field is not None and pattern.is_in(_shown(field), record.address)
        return is_there is wanted

    return holds


def _comparison(read: _Read, symbol: str, value: str) -> Callable[[Any], bool]:
    compare = _ORDERS[symbol]
    number = _number(value)

    def holds(record: Any) -> bool:
        field = read(record)
        if field is None and value != "null":
            return symbol == "!="
        if isinstance(field, int | float) and not isinstance(field, bool):
            return symbol == "!=" if number is None else compare(field, number)
        return compare(_shown(field), value)

    return holds


def _number(text: str) -> int | float | None:
    try:
        return int(text)
    except ValueError:
        pass
    try:
        number = float(text)
    except ValueError:
        return None
    # Nothing is equal to NaN, nor more or less.
    return None if number != number else number


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else to_json(value)
