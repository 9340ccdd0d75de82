"""The timeline agrees with the deliveries that it draws."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from hypothesis import given, strategies as st

from store.model.queues import Attempt
from store.model.stalls import StallDetail
from tui.widgets.spans import plain
from tui.widgets.timeline import TimeAxis, axis_of, timeline, waits

NOW = 1_767_268_800_000


@st.composite
def details(draw: st.DrawFn) -> StallDetail:
    """Deliveries that ended, some of them with an unknown start, and what follows."""
    lengths = draw(
        st.lists(st.tuples(st.integers(1, 400_000), st.integers(0, 400_000)), max_size=9)
    )
    at = NOW
    attempts: list[Attempt] = []
    earlier = draw(st.integers(0, 3))
    for wait, held in reversed(lengths):
        ended = at - wait
        known = draw(st.booleans())
        attempts.insert(0, Attempt(0, "w", ended - held if known else None, ended, "nacked", None))
        at = ended - held
    numbered = [one._replace(number=earlier + n) for n, one in enumerate(attempts, 1)]
    held_since = draw(
        st.one_of(st.none(), st.integers(at if not attempts else numbered[-1].ended, NOW))
    )
    next_try = draw(st.one_of(st.none(), st.integers(NOW + 1, NOW + 10**6)))
    return StallDetail(tuple(numbered), earlier, held_since, next_try)


def drawn(detail: StallDetail, produced: int, width: int) -> tuple[TimeAxis, list[str]]:
    axis = axis_of(detail, produced, NOW, width)
    return axis, [plain(row) for row in timeline(detail, axis)]


@given(detail=details(), before=st.integers(0, 10**7), width=st.integers(40, 200))
def test_every_delivery_ends_at_a_cross_and_no_cross_stands_for_none(
    detail: StallDetail, before: int, width: int
) -> None:
    axis, (_, row, _) = drawn(detail, NOW - before, width)

    crosses = {at for at, sign in enumerate(row) if sign == "✗"}
    assert crosses == {axis.cell(one.ended) for one in detail.attempts}


@given(detail=details(), before=st.integers(0, 10**7), width=st.integers(40, 200))
def test_the_next_try_is_drawn_only_where_its_time_is_known(
    detail: StallDetail, before: int, width: int
) -> None:
    axis, (_, row, _) = drawn(detail, NOW - before, width)

    tries = [at for at, sign in enumerate(row) if sign == "○"]
    assert tries == ([] if detail.next_try is None else [axis.cell(detail.next_try)])


@given(detail=details(), before=st.integers(0, 10**7), width=st.integers(40, 200))
def test_what_was_held_is_as_long_as_it_was_held(
    detail: StallDetail, before: int, width: int
) -> None:
    axis, (_, row, _) = drawn(detail, NOW - before, width)

    spans = [(one.started, one.ended) for one in detail.attempts]
    spans += [(detail.held_since, NOW)]
    expected = sum(
        (end - start) * (width - 1) / (axis.end - axis.begin)
        for start, end in spans
        if start is not None
    )
    # Each end is rounded to a cell, and a mark may stand on one.
    assert abs(row.count("━") - expected) <= 2 * len(spans)


@given(detail=details(), before=st.integers(0, 10**7), width=st.integers(40, 200))
def test_the_last_delivery_has_its_number_over_its_end(
    detail: StallDetail, before: int, width: int
) -> None:
    _, (numbers, row, times) = drawn(detail, NOW - before, width)

    assert {len(numbers), len(row), len(times)} == {width}
    last = max((at for at, sign in enumerate(row) if sign in "✗○"), default=None)
    if last is not None:
        number = detail.earlier + len(detail.attempts) + (detail.held_since is not None)
        shown = number if detail.next_try is None else number + 1
        if detail.next_try is None and detail.held_since is not None:
            shown = number - 1
        assert numbers[: last + 1].split()[-1] == str(shown)


@pytest.fixture
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Clocks show UTC."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "UTC")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("utc")
def test_waits_that_grow_are_seen_on_the_axis() -> None:
    began = NOW - 858_000
    ends = (14, 41, 77, 153, 332, 611)
    helds = (14, 15, 15, 15, 32, 15)
    attempts = tuple(
        Attempt(n, "w", began + (end - held) * 1000, began + end * 1000, "nacked", "502")
        for n, (end, held) in enumerate(zip(ends, helds, strict=True), 1)
    )
    detail = StallDetail(attempts, 0, None, NOW + 102_000)

    numbers, row, times = drawn(detail, began, 78)[1]

    assert numbers == (
        " 1 2  3     4              5                     6                           7"
    )
    assert row.replace("┴", "─") == (
        "━✗━✗─━✗────━✗───────────━━━✗────────────────────━✗───────────────────┃┄┄┄┄┄┄┄○"
    )
    assert times.split() == ["11:45:42", "11:50", "11:55", "12:00:00", "now"]


def test_a_message_that_lay_long_before_its_first_delivery_does_not_squeeze_them() -> None:
    detail = StallDetail(
        (Attempt(1, "w", NOW - 9_000, NOW - 3_000, "nacked", None),), 0, None, None
    )

    assert axis_of(detail, NOW - 86_400_000, NOW, 78).begin == NOW - 9_000
    assert axis_of(detail, NOW - 12_000, NOW, 78).begin == NOW - 12_000


def test_a_wait_is_unknown_where_the_start_is() -> None:
    attempts = (
        Attempt(1, "w", NOW + 5, NOW + 9, "nacked", None),
        Attempt(2, "w", None, NOW + 20, "failed", None),
        Attempt(3, "w", NOW + 30, NOW + 40, "nacked", None),
    )

    assert waits(attempts, NOW) == [5, None, 10]
