"""Times in listings: ISO-8601 for programs, their distance from now for people."""

from __future__ import annotations

from collections.abc import Callable

from mq.cli.output import Column, Row
from store.model.text import describe_ago, format_time


def time_text(time: int | None) -> str | None:
    """Return Unix milliseconds as ISO-8601, and an unknown time as None."""
    return None if time is None else format_time(time)


def time_column(
    name: str, time: Callable[[Row], int | None], now: int, *, header: str = "", yields: int = 0
) -> Column[Row]:
    """Return a column of times in Unix milliseconds; `now` is what people count them from."""

    def ago(row: Row) -> str:
        moment = time(row)
        return "-" if moment is None else describe_ago(moment, now)

    return Column(
        name, lambda row: time_text(time(row)), text=ago, header=header, weight=0, yields=yields
    )
