"""`mq features`: the abilities of each engine."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from mq.cli.context import Context, current_context
from mq.cli.output import Column, Format
from mq.commands import SingleCommand
from store.api.places import all_features

if TYPE_CHECKING:
    from store.engine.features import Feature, Features, Support

app = SingleCommand()


class Row(NamedTuple):
    """A feature of one engine."""

    engine: str
    version: str
    feature: "Feature"
    support: "Support"


FEATURES: list[Column[Row]] = [
    Column("feature", lambda row: row.feature.word),
    Column("level", lambda row: row.support.level.value),
    Column("reason", lambda row: row.support.why or None, yields=1),
    Column("since", lambda row: row.support.since or None),
    Column("instead", lambda row: row.support.instead or None, yields=2),
    Column("engine", lambda row: row.engine),
    Column("version", lambda row: row.version),
]


@app.command()
def features() -> None:
    """Show the features of an engine: native, composed of several calls, or absent, and why.

    With --store or $MQ_STORE it is that engine, at the version of its server; otherwise all engines
    are shown side by side, each at its newest known version.
    """
    context = current_context()
    shown = _of_place(context)
    if shown is not None:
        rows = [Row(shown.engine, shown.version, *one) for one in shown.items()]
        context.output.listing(FEATURES[:5] if _for_people(context) else FEATURES, rows)
    elif _for_people(context):
        _side_by_side(context, all_features())
    else:
        engines = all_features().values()
        context.output.listing(
            FEATURES, [Row(e.engine, e.version, *one) for e in engines for one in e.items()]
        )


def _of_place(context: Context) -> "Features | None":
    """Return the features of the named place; of a file, which need not be there, all."""
    if context.named_place() is not None:
        with context.open_store() as store:
            return store.features
    return None if context.named_store() is None else all_features()["sqlite"]


def _for_people(context: Context) -> bool:
    return context.output.format is Format.TABLE


def _side_by_side(context: Context, engines: "Mapping[str, Features]") -> None:
    columns: list[Column[Feature]] = [
        Column("feature", lambda feature: feature.word),
        *(Column(name, _level_at(features)) for name, features in engines.items()),
        Column("meaning", lambda feature: feature.meaning, yields=1),
    ]
    context.output.listing(columns, list(next(iter(engines.values()))))


def _level_at(features: "Features") -> "Callable[[Feature], str]":
    return lambda feature: features[feature].level.value
