"""Times as people say them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from store.model.errors import BadInput
from store.model.positions import parse_position
from store.model.text import parse_time

BERLIN = ZoneInfo("Europe/Berlin")
# A Tuesday.
NOW = int(datetime(2026, 12, 1, 13, 40, tzinfo=BERLIN).timestamp() * 1000)


@pytest.fixture(autouse=True)
def _in_berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ("now", "2026-12-01 13:40:00"),
        ("today", "2026-12-01 00:00:00"),
        ("yesterday", "2026-11-30 00:00:00"),
        ("yesterday 09:00", "2026-11-30 09:00:00"),
        ("Yesterday at 9am", "2026-11-30 09:00:00"),
        ("tomorrow", "2026-12-02 00:00:00"),
        ("09:00", "2026-12-01 09:00:00"),
        ("15:00", "2026-12-01 15:00:00"),
        ("12am", "2026-12-01 00:00:00"),
        ("12:30pm", "2026-12-01 12:30:00"),
        ("23:59:58", "2026-12-01 23:59:58"),
        ("tuesday", "2026-12-01 00:00:00"),
        ("last tuesday", "2026-11-24 00:00:00"),
        ("last tuesday 14:00", "2026-11-24 14:00:00"),
        ("mon 8:30", "2026-11-30 08:30:00"),
        ("last wed", "2026-11-25 00:00:00"),
        ("sunday", "2026-11-29 00:00:00"),
    ],
)
def test_they_are_read_in_the_local_zone(words: str, meant: str) -> None:
    read = datetime.fromtimestamp(parse_time(words, NOW) / 1000, BERLIN)

    assert f"{read:%Y-%m-%d %H:%M:%S}" == meant


@pytest.mark.parametrize(
    "words", ["tuesday 7", "yesterday 25:00", "9:60", "yesterdays", "last", "13pm", "monday noon"]
)
def test_others_are_refused(words: str) -> None:
    with pytest.raises(BadInput):
        parse_time(words, NOW)


def test_the_day_of_a_change_of_the_clocks_has_its_own_midnight() -> None:
    monday = int(datetime(2026, 3, 30, 12, tzinfo=BERLIN).timestamp() * 1000)

    day = parse_time("monday", monday) - parse_time("sunday", monday)

    assert day == 23 * 3_600_000


def test_a_reader_begins_at_one() -> None:
    assert parse_position("yesterday 09:00", NOW) == ("time", parse_time("yesterday 09:00", NOW))
    assert parse_position("last", NOW).kind == "last"
