"""The columns of lag: the same wherever a group's offsets are shown."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from mq.cli.output import Column, Format, Output, row_document
from store.model.groups import Lag
from store.model.text import describe_duration, describe_growth, describe_size, if_known

if TYPE_CHECKING:
    from store.model.stalls import Stall


def _trend(row: Lag) -> str:
    if not row.lag:
        return "-"
    return if_known(row.trend, lambda trend: describe_growth(trend, row.lag))


# The place of a stall: its reader, its topic and its partition.
Place = tuple[str, str, int | None]
_STYLES = {"behind": "yellow", "lost": "red"}
_STALLED = "bold red"

_GROUP: list[Column[Lag]] = [Column("group", lambda row: row.group, weight=2)]
_PARTITION: list[Column[Lag]] = [
    Column("topic", lambda row: row.topic),
    Column("partition", lambda row: row.partition, right=True),
]
_ADDRESS: list[Column[Lag]] = [
    Column("partition", lambda row: f"{row.topic}/{row.partition}", weight=2),
]
_DISTANCE: list[Column[Lag]] = [
    Column("committed", lambda row: row.committed, right=True, yields=3),
    Column("end", lambda row: row.end, right=True, yields=2),
    Column("lag", lambda row: row.lag, text=lambda row: _lag_text(row), right=True),
    Column(
        "lag_seconds",
        lambda row: row.lag_seconds,
        text=lambda row: if_known(row.lag_seconds, describe_duration),
        header="AGE",
        right=True,
    ),
    Column(
        "lag_bytes",
        lambda row: row.lag_bytes,
        text=lambda row: if_known(row.lag_bytes, describe_size),
        header="BYTES",
        right=True,
        yields=1,
    ),
    Column("trend", lambda row: row.trend, text=_trend, right=True, yields=4),
    Column("member", lambda row: row.member),
]
_STATE: list[Column[Lag]] = [Column("state", lambda row: row.state)]
_EXACT: list[Column[Lag]] = [Column("lag_exact", lambda row: row.exact)]
LAG = _GROUP + _PARTITION + _DISTANCE + _STATE


def _lag_text(row: Lag) -> str:
    return f"{row.lag:,}" if row.exact else f"<= {row.lag:,}"


def write_lag(
    output: Output, rows: Sequence[Lag], stalled: Collection[Place], *, group: bool = True
) -> None:
    """Write rows of lag; people see addresses, where readers are stalled, and with `group` whose
    row it is.
    """
    if output.format is not Format.TABLE:
        # Only an engine that can't count it says so.
        output.listing(LAG if all(row.exact for row in rows) else LAG + _EXACT, rows)
        return
    columns = (_GROUP if group else []) + _ADDRESS + _DISTANCE
    output.listing([*columns, _state_for_people(stalled)], rows)


def _state_for_people(stalled: Collection[Place]) -> Column[Lag]:
    def is_stalled(row: Lag) -> bool:
        return (row.group, row.topic, row.partition) in stalled

    return Column(
        "state",
        lambda row: row.state,
        text=lambda row: "■ STALLED" if is_stalled(row) else row.state,
        style=lambda row: _STALLED if is_stalled(row) else _STYLES.get(row.state, ""),
        weight=0,
    )


def stalled_places(stalls: Iterable[Stall]) -> set[Place]:
    """Return where readers are stalled."""
    return {(stall.reader, stall.source, stall.partition) for stall in stalls}


def lag_document(row: Lag) -> dict[str, Any]:
    """Return one row as JSON."""
    return row_document(LAG if row.exact else LAG + _EXACT, row)
