"""Settings in the file: their columns, and the cache of an open store.

They are remembered until any process changes one. Every change of a topic, queue, share, reader,
exchange or binding raises one number in the file: triggers do. So does forgetting a process that
held messages. Counters are no settings, and are never remembered.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar, TypeVarTuple

from store import model
from store.model.errors import Hint, ReadOnly
from store.model.settings import settings_of

if TYPE_CHECKING:
    from pathlib import Path

    from store.sqlite.file.transactions import Row, Snapshot, WriteTransaction

MOST_REMEMBERED = 65_536

Asked = TypeVarTuple("Asked")
Found = TypeVar("Found")
Config = TypeVar("Config", bound=NamedTuple)


class StoredSettings(Generic[Config]):
    """The columns that hold the settings of one kind of thing, in its own table or its reader's."""

    def __init__(self, kind: type[Config], table: str) -> None:
        self._kind = kind
        self._columns: dict[str, tuple[str, str]] = {}
        for name, setting in settings_of(kind).items():
            own, _, column = (setting.column or name).rpartition(".")
            self._columns[name] = own or table, column
        types = [field.__origin__ for field in kind.__annotations__.values()]
        self._decoders = {
            index: _DECODERS[type_] for index, type_ in enumerate(types) if type_ in _DECODERS
        }
        self._encoders = [_ENCODERS.get(type_, _as_it_is) for type_ in types]

    @property
    def columns(self) -> str:
        """Every column with its table, as `select` lists them: `read` takes them as the last."""
        return ", ".join(f"{table}.{column}" for table, column in self._columns.values())

    def read(self, row: Row) -> Config:
        """Return the settings of a thing, from a row that ends with the columns."""
        values = list(row[-len(self._columns) :])
        for index, decode in self._decoders.items():
            values[index] = decode(values[index])
        return self._kind._make(values)

    def insert(self, tx: WriteTransaction, table: str, config: Config, **others: object) -> int:
        """Insert the row of a thing into one of the tables, with other columns; return the row's
        id.
        """
        row = {**self._values(table, config), **others}
        names, parameters = ", ".join(row), ", ".join(f":{column}" for column in row)
        return tx.insert(f"insert into {table} ({names}) values ({parameters})", row)

    def update(self, tx: WriteTransaction, table: str, config: Config, **key: int) -> None:
        """Change the row of a thing in one of the tables; `key` is its column and value."""
        values = self._values(table, config)
        changes, rows = (
            [f"{column} = :{column}" for column in columns] for columns in (values, key)
        )
        tx.execute(
            f"update {table} set {', '.join(changes)} where {' and '.join(rows)}", {**values, **key}
        )

    def _values(self, table: str, config: Config) -> dict[str, object]:
        return {
            column: encode(value)
            for value, encode, (own, column) in zip(
                config, self._encoders, self._columns.values(), strict=True
            )
            if own == table
        }


def _as_it_is(value: object) -> object:
    return value


def _write_numbers(numbers: tuple[int, ...]) -> str:
    return f"[{','.join(map(str, numbers))}]"


@lru_cache
def _read_numbers(text: str) -> tuple[int, ...]:
    # Whole numbers in brackets: JSON, but no need to load its reader.
    numbers = text[1:-1]
    return tuple(map(int, numbers.split(","))) if numbers else ()


@lru_cache
def read_labels(text: str | None) -> tuple[tuple[str, str], ...]:
    """Return labels from their column."""
    return () if text is None else model.labels.from_json(text)


def write_labels(labels: tuple[tuple[str, str], ...]) -> str | None:
    """Return labels as their column holds them: none are null."""
    return model.labels.to_json(labels) if labels else None


_DECODERS: dict[object, Callable[[Any], object]] = {
    bool: bool,
    tuple[int, ...]: _read_numbers,
    tuple[tuple[str, str], ...]: read_labels,
}
_ENCODERS: dict[object, Callable[[Any], object]] = {
    tuple[int, ...]: _write_numbers,
    tuple[tuple[str, str], ...]: write_labels,
}


class SettingsCache:
    """The results of look-ups in one generation of the settings."""

    __slots__ = ("answers", "generation")

    def __init__(self, generation: int) -> None:
        self.generation = generation
        self.answers: dict[Any, Any] = {}


def cached_by_settings(
    look_up: Callable[[Snapshot, *Asked], Found],
) -> Callable[[Snapshot, *Asked], Found]:
    """Make a look-up of settings, which never change in place, answer from memory.

    Errors are not remembered. A transaction that has changed settings itself looks anew.
    """

    @wraps(look_up)
    def answer(tx: Snapshot, *asked: *Asked) -> Found:
        answers = tx.memory().answers
        place = (look_up, asked)
        try:
            found: Found = answers[place]
        except TypeError:
            # Nothing is remembered of an invalid name: the look-up says so.
            return look_up(tx, *asked)
        except KeyError:
            found = look_up(tx, *asked)
            if len(answers) >= MOST_REMEMBERED:
                answers.clear()
            answers[place] = found
        return found

    return answer


class Switches(NamedTuple):
    """The settings of the store as a whole that calls ask for."""

    wall_ahead: int
    read_only: bool


@cached_by_settings
def switches(tx: Snapshot) -> Switches:
    """Return the settings of the store as a whole."""
    return Switches._make(tx.row("select wall_ahead, read_only from mq_store") or (0, False))


def refuse_read_only(tx: Snapshot) -> None:
    """Raise `ReadOnly` where the store takes nothing new.

    A call that is prepared for the present settings need not ask: the switch is one of them.
    """
    if switches(tx).read_only:
        raise read_only(tx.database.path)


def read_only(path: Path) -> ReadOnly:
    """Return the error for a change of a store that takes nothing new."""
    return ReadOnly(
        f"{path} is read-only: it takes and hands out nothing new",
        Hint("use the place that it was moved to, or {}", model.actions.SetReadOnly(False)),
    )
