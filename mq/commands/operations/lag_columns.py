"""The columns of lag: the same wherever a group's offsets are shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mq.cli.output import Column, Format, Output, row_document
from store.model.groups import Lag
from store.model.text import describe_duration, describe_growth, describe_size, if_known


def _trend(row: Lag) -> str:
    if not row.lag:
        return "-"
    return if_known(row.trend, lambda trend: describe_growth(trend, row.lag))


_GROUP: list[Column[Lag]] = [Column("group", lambda row: row.group)]
_PARTITION: list[Column[Lag]] = [
    Column("topic", lambda row: row.topic),
    Column("partition", lambda row: row.partition, right=True),
]
_ADDRESS: list[Column[Lag]] = [
    Column("partition", lambda row: f"{row.topic}/{row.partition}"),
]
_DISTANCE: list[Column[Lag]] = [
    Column("committed", lambda row: row.committed, right=True, yields=3),
    Column("end", lambda row: row.end, right=True, yields=2),
    Column("lag", lambda row: row.lag, text=lambda row: f"{row.lag:,}", right=True),
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
    Column("trend", lambda row: row.trend, text=_trend, right=True),
    Column("member", lambda row: row.member),
    Column("state", lambda row: row.state),
]
LAG = _GROUP + _PARTITION + _DISTANCE


def write_lag(output: Output, rows: Sequence[Lag], *, group: bool = True) -> None:
    """Write rows of lag; people see addresses, and with `group` whose row it is."""
    if output.format is Format.TABLE:
        output.listing((_GROUP if group else []) + _ADDRESS + _DISTANCE, rows)
    else:
        output.listing(LAG, rows)


def lag_document(row: Lag) -> dict[str, Any]:
    """Return one row as JSON."""
    return row_document(LAG, row)
