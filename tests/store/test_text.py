"""Durations, sizes, times and printable text."""

import unicodedata
from datetime import UTC, datetime

import pytest
from hypothesis import given, strategies as st

from store.model.errors import BadInput
from store.model.text import (
    counted,
    describe_duration,
    describe_size,
    format_duration,
    format_size,
    format_time,
    parse_duration,
    parse_size,
    parse_time,
    printable,
    printable_bytes,
)

NOW = 1_700_000_000_000
HIDDEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("250ms", 250),
        ("0s", 0),
        ("0", 0),
        ("30s", 30_000),
        ("5m", 300_000),
        ("12h", 43_200_000),
        ("7d", 604_800_000),
        ("PT30S", 30_000),
        ("PT0.25S", 250),
        ("P1DT2H", 93_600_000),
        ("P2W", 1_209_600_000),
    ],
)
def test_a_duration_is_read_in_every_documented_form(text: str, milliseconds: int) -> None:
    assert parse_duration(text) == milliseconds


@pytest.mark.parametrize(
    "text", ["", "5", "-5s", "1.5h", "5 s", "5S", "P", "PT", "P1M", "P1Y", "5x", "٣s", "1h30m"]
)
def test_anything_else_is_no_duration(text: str) -> None:
    with pytest.raises(BadInput) as caught:
        parse_duration(text)
    assert "PT30S" in caught.value.hint


@pytest.mark.parametrize("text", ["100001d", "9" * 5000 + "d", "P" + "9" * 5000 + "D"])
def test_a_duration_of_centuries_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="longer than"):
        parse_duration(text)


@given(st.integers(0, 100_000 * 86_400_000))
def test_a_formatted_duration_reads_back_as_itself(milliseconds: int) -> None:
    assert parse_duration(format_duration(milliseconds)) == milliseconds


def test_a_duration_is_formatted_in_the_largest_unit_that_divides_it() -> None:
    given = [604_800_000, 86_400_000, 90_000, 250, 0]
    assert [format_duration(ms) for ms in given] == ["7d", "1d", "90s", "250ms", "0s"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (0.25, "250ms"),
        (12.9, "12s"),
        (842, "14m02s"),
        (18_420, "5h07m"),
        (266_400, "3d 2h"),
        (-30, "-30s"),
    ],
)
def test_a_duration_is_described_for_people(seconds: float, text: str) -> None:
    assert describe_duration(seconds) == text


@pytest.mark.parametrize(
    ("text", "size"),
    [("512", 512), ("512B", 512), ("64KiB", 65_536), ("1MiB", 1 << 20), ("10gb", 10**10)],
)
def test_a_size_is_read_in_every_documented_form(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "KiB", "-1", "1.5MiB", "1XB", "9EiB", "9" * 30, "9" * 5000])
def test_anything_else_is_no_size(text: str) -> None:
    with pytest.raises(BadInput):
        parse_size(text)


@given(st.integers(0, 2**63 - 1))
def test_a_formatted_size_reads_back_as_itself(size: int) -> None:
    assert parse_size(format_size(size)) == size


def test_a_size_is_formatted_as_short_as_the_units_allow() -> None:
    given = [0, 512, 1 << 20, 10**10, 1537]
    assert [format_size(size) for size in given] == ["0B", "512B", "1MiB", "10GB", "1537B"]


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (1023, "1023 B"), (2150, "2.1 KiB"), ((1 << 20) - 1, "1.0 MiB")],
)
def test_a_size_is_described_for_people(size: int, text: str) -> None:
    assert describe_size(size) == text


@pytest.mark.parametrize(
    ("number", "noun", "text"),
    [
        (1, "key", "1 key"),
        (0, "key", "0 keys"),
        (1204, "message", "1,204 messages"),
        (2, "delivery", "2 deliveries"),
    ],
)
def test_things_are_counted_with_their_noun(number: int, noun: str, text: str) -> None:
    assert counted(number, noun) == text


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("2026-01-02T03:04:05.678Z", 1_767_323_045_678),
        ("2026-01-02T03:04:05+01:00", 1_767_319_445_000),
        ("15m", NOW - 900_000),
        ("PT15M", NOW - 900_000),
        ("@1700000000", NOW),
        ("@1700000000123", NOW + 123),
    ],
)
def test_a_time_is_read_in_every_documented_form(text: str, milliseconds: int) -> None:
    assert parse_time(text, NOW) == milliseconds


def test_a_date_without_a_zone_is_the_midnight_of_the_local_zone() -> None:
    midnight = datetime(2026, 1, 2).astimezone()
    assert parse_time("2026-01-02", NOW) == midnight.timestamp() * 1000


@pytest.mark.parametrize(
    "text",
    ["", "nows", "@17000000000", "@1", "2026-13-01", "1969-01-01T00:00:00Z", "60000d", "20260102"],
)
def test_anything_else_is_no_time(text: str) -> None:
    with pytest.raises(BadInput):
        parse_time(text, NOW)


@given(st.integers(0, 253_402_300_799_999))
def test_a_formatted_time_reads_back_as_itself(milliseconds: int) -> None:
    assert parse_time(format_time(milliseconds), NOW) == milliseconds


def test_a_time_is_formatted_in_utc_with_milliseconds() -> None:
    moment = datetime(2026, 1, 2, 3, 4, 5, 678_000, UTC)
    assert format_time(round(moment.timestamp() * 1000)) == "2026-01-02T03:04:05.678Z"


def test_terminal_control_bidi_and_zero_width_characters_are_made_visible() -> None:
    assert printable("\x1b[31m\x9b\u202e\u200b\ud800\U000e0001") == (
        r"\x1b[31m\x9b\u202e\u200b\ud800\U000e0001"
    )


def test_newline_and_tab_stay_only_in_a_block() -> None:
    assert printable("a\nb\tc") == r"a\x0ab\x09c"
    assert printable("a\nb\tc\x1b", block=True) == "a\nb\tc" + r"\x1b"


@given(st.text(st.characters()))
def test_no_hidden_character_survives_and_no_other_one_changes(text: str) -> None:
    shown = printable(text)
    assert not any(unicodedata.category(char) in HIDDEN for char in shown)
    if not any(unicodedata.category(char) in HIDDEN for char in text):
        assert shown == text


def test_bytes_that_are_not_utf_8_are_made_visible() -> None:
    assert printable_bytes("grüß\n".encode() + b"\xff", block=True) == "grüß\n" + r"\xff"
