"""The outlook of a backlog: grows, drains, steady, empty, or unknown."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from store.model.stalls import Flow
from tui.widgets.figures import rate_text
from tui.widgets.outlook import growth, outlook
from tui.widgets.spans import plain

NOTHING = (None,) * 60


def flow(*backlog: int | None) -> Flow:
    return Flow(None, NOTHING, NOTHING, (None,) * (60 - len(backlog)) + backlog)


@pytest.mark.parametrize(
    ("backlog", "slope", "text"),
    [
        (1_872, 4.2, "+4.2/s growing"), (2_262, -15.7, "−15.7/s 2m24s left"),
        (40, 0.05, "+0.05/s growing"), (18, 0.0, "= steady"), (0, 0.0, "empty"),
        (0, None, "empty"), (18, None, "-"), (None, 0.0, "-"),
    ],
)  # fmt: skip
def test_a_backlog_reads_as_what_will_become_of_it(
    backlog: int | None, slope: float | None, text: str
) -> None:
    assert plain(outlook(backlog, slope)) == text


def test_the_slope_is_that_of_the_last_minute() -> None:
    assert growth(flow(0, 900, 100, 110, 120, 130, 140, 150, 160)) == 1.0


def test_a_young_place_counts_from_its_beginning_and_one_without_a_past_is_unknown() -> None:
    assert growth(flow(10, 30)) == 2.0
    assert growth(flow(10)) is None
    assert growth(None) is None


@given(backlog=st.integers(1, 10**9), slope=st.floats(-(10**6), 10**6))
def test_the_sign_says_whether_it_grows(backlog: int, slope: float) -> None:
    text = plain(outlook(backlog, slope))

    assert text[0] == ("=" if abs(slope) < 0.005 else "+" if slope > 0 else "−")
    assert len(text) <= 24


@pytest.mark.parametrize(
    ("rate", "text"), [(0.001, "0"), (0.05, "0.05"), (8.43, "8.4"), (107.2, "107"), (1204, "1,204")]
)
def test_a_rate_is_as_exact_as_it_is_small(rate: float, text: str) -> None:
    assert rate_text(rate) == text
