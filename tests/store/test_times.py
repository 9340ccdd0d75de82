"""Times finer than a millisecond, out of range, or impossible: what is made and said of them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from fractions import Fraction

import pytest
from hypothesis import given, strategies as st

from store import BadInput, NewMessage, Store, parse_position
from store.model.encoding import encode_timestamp, milliseconds
from store.model.text import parse_duration, parse_time

NOW = 1_700_000_000_000
SECOND = "2023-11-14T22:13:20"


@pytest.fixture
def east() -> Iterator[None]:
    """A local zone two hours east of Greenwich."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "CET-2")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.parametrize(
    ("text", "down", "up"),
    [
        (f"{SECOND}.0005Z", 0, 1),
        (f"{SECOND},0005Z", 0, 1),
        (f"{SECOND}.001Z", 1, 1),
        (f"{SECOND}.0010000000000000001Z", 1, 2),
        (f"{SECOND}.0009999999999999999Z", 0, 1),
        (f"{SECOND}.0000001+00:00", 0, 1),
        ("@1700000000.0005", 0, 1),
        ("@1700000000.001", 1, 1),
        ("@1700000000123.7", 123, 124),
        ("@1700000000123.00000000001", 123, 124),
        ("PT0.0005S", -1, 0),
        ("PT0.0015S", -2, -1),
    ],
)
def test_what_is_finer_than_a_millisecond_is_rounded_down_or_up(
    text: str, down: int, up: int
) -> None:
    assert parse_time(text, NOW) - NOW == down
    assert parse_time(text, NOW, up=True) - NOW == up


@given(st.integers(0, 10**9), st.text("0123456789", min_size=1, max_size=20))
def test_a_rounded_time_is_the_nearest_millisecond_on_its_side(second: int, digits: str) -> None:
    exact = (second + Fraction(int(digits), 10 ** len(digits))) * 1000
    moment = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    down, up = (parse_time(f"{moment}.{digits}Z", NOW, up=up) for up in (False, True))

    assert down <= exact <= up
    assert exact - down < 1
    assert up - exact < 1


@pytest.mark.usefixtures("east")
def test_a_local_time_before_1970_says_so_and_when_it_is() -> None:
    with pytest.raises(BadInput) as raised:
        parse_position("1970-01-01", NOW)

    assert str(raised.value).startswith(
        "the time '1970-01-01' lies before 1970: in UTC it is 1969-12-31T22:00:00.000Z"
    )
    assert "without a zone is local" in raised.value.hint


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("0001-01-01", "lies before 1970"),
        ("9999-12-31T23:30:00-01:00", "lies after the year 9999"),
        ("9999-12-31T23:30:00-12:00", "lies after the year 9999"),
        ("2026-02-30", "day is out of range for month"),
        ("2026-01-01T25:00", "hour must be in 0..23"),
        ("200000d", "longer than 100000d"),
        ("60000d", "lies before 1970"),
        ("@17", "'@17' is not a time"),
        ("soon", "not a place in a log"),
        ("15x", "not a place in a log"),
    ],
)
@pytest.mark.usefixtures("east")
def test_a_place_that_is_none_is_refused_for_its_real_reason(word: str, reason: str) -> None:
    with pytest.raises(BadInput, match=reason):
        parse_position(word, NOW)


def test_a_duration_finer_than_a_millisecond_is_refused_by_that_reason() -> None:
    with pytest.raises(BadInput, match="finer than a millisecond"):
        parse_duration("PT0.0005S")

    assert parse_duration("PT0.250000S") == 250


@pytest.mark.parametrize(
    ("given_time", "expected"),
    [
        (datetime(2023, 11, 14, 22, 13, 20, 700, tzinfo=UTC), NOW),
        (datetime(2023, 11, 14, 22, 13, 20, 1999, tzinfo=UTC), NOW + 1),
        (datetime(2023, 11, 15, 0, 13, 20, 999, tzinfo=timezone(timedelta(hours=2))), NOW),
        (1_700_000_000.0007, NOW),
        (1_700_000_000.123, NOW + 123),
        (1_700_000_000.29, NOW + 290),
    ],
)
def test_a_given_timestamp_is_cut_off_as_that_of_the_clock_is(
    given_time: datetime | float, expected: int
) -> None:
    assert encode_timestamp(given_time) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"), [(0.0004, 1), (0.1, 100), (30, 30_000), (1.0001, 1001), (0, 0)]
)
def test_a_length_of_time_is_never_shorter_than_was_asked_for(
    seconds: float, expected: int
) -> None:
    assert milliseconds(seconds, "a delay") == expected


def test_a_lease_finer_than_a_millisecond_is_none_that_has_ended(store: Store) -> None:
    store.create_queue("jobs")
    store.send_many("jobs", [NewMessage("x")])

    assert len(store.receive("jobs", lease=0.0004)) == 1
    assert store.receive("jobs") == []
