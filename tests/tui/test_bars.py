"""Bars agree with the numbers that they draw."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from tui.widgets.bars import (
    Part,
    countdown,
    labelled_bar,
    legend,
    part_cells,
    parts_of,
    scale_for,
    stacked_bar,
)
from tui.widgets.spans import Line, Tone, plain, width_of

counts = st.lists(st.one_of(st.just(0), st.integers(1, 10**7)), min_size=4, max_size=4)
known_or_not = st.lists(st.one_of(st.none(), st.integers(0, 10**6)), min_size=4, max_size=4)


def drawn(bar: Line, parts: tuple[Part, ...]) -> list[int]:
    """Read the cells of each part back from a bar."""
    return [plain(bar).count(part.sign) for part in parts]


@given(numbers=counts, width=st.integers(4, 200), others=st.integers(0, 10**7))
def test_each_part_of_a_bar_is_as_long_as_its_number(
    numbers: list[int], width: int, others: int
) -> None:
    scale = scale_for([sum(numbers), others])
    parts = parts_of(*numbers)

    cells = drawn(stacked_bar(parts, scale, width), parts)

    for number, shown in zip(numbers, cells, strict=True):
        assert (shown == 0) == (number == 0)
        # Up to three small parts take a cell each that is not theirs.
        assert abs(shown - width * number / scale) < len(numbers)


@given(numbers=counts, width=st.integers(4, 200))
def test_a_part_is_never_shorter_than_a_smaller_one(numbers: list[int], width: int) -> None:
    cells = part_cells(numbers, scale_for([sum(numbers)]), width)

    ranked = [shown for _, shown in sorted(zip(numbers, cells, strict=True))]
    assert ranked == sorted(ranked)


@given(numbers=known_or_not, width=st.integers(5, 200))
def test_a_bar_with_an_unknown_part_stays_open_and_a_known_one_ends(
    numbers: list[int | None], width: int
) -> None:
    bar = plain(stacked_bar(parts_of(*numbers), scale_for(n or 0 for n in numbers), width))

    assert bar.endswith("┄") == (None in numbers)


@given(numbers=known_or_not, width=st.integers(60, 200))
def test_the_wide_bar_names_every_part_that_is_not_empty(
    numbers: list[int | None], width: int
) -> None:
    parts = parts_of(*numbers)
    bar, labels = labelled_bar(parts, width)

    assert width_of(labels) <= width_of(bar) == width
    if any(numbers):
        shown = plain(labels)
        assert [part.word for part in parts if part.word in shown] == [
            part.word for part in parts if part.count != 0
        ]
        assert shown.count(" -") == numbers.count(None)


def test_labels_stand_under_their_parts_or_left_of_them() -> None:
    bar, labels = map(plain, labelled_bar(parts_of(1_904, 48, 310, 0), 138))

    assert bar == "▆" * 116 + "▄" * 3 + "▂" * 19
    assert labels.index("delayed 310") == 119
    assert labels.index("leased 48") == 108


def test_an_empty_queue_is_not_an_unknown_one() -> None:
    assert plain(labelled_bar(parts_of(0, 0, 0, 0), 60)[1]) == "empty"
    assert plain(labelled_bar(parts_of(0, None, None, 0), 60)[1]) == "unknown"


@given(numbers=st.lists(st.integers(0, 10**9)))
def test_a_scale_holds_the_greatest_number_and_wastes_at_most_half(numbers: list[int]) -> None:
    scale = scale_for(numbers)

    assert scale >= max(numbers, default=0)
    assert scale <= max(10, 1.5 * max(numbers, default=0))


@given(left=st.floats(0, 10**6), whole=st.floats(0.001, 10**6), width=st.integers(1, 120))
def test_a_countdown_is_as_long_as_what_is_left(left: float, whole: float, width: int) -> None:
    bar = plain(countdown(left, whole, width, Tone.OUT))

    halves = 2 * bar.count("━") + bar.count("╸")
    assert len(bar) == width
    assert (halves > 0) == (left > 0)
    assert abs(halves - 2 * width * min(1, left / whole)) <= 1


@pytest.mark.parametrize("whole", [None, 0])
def test_a_countdown_of_an_unknown_length_is_not_drawn(whole: float | None) -> None:
    assert countdown(5, whole, 20, Tone.OUT) == ()


def test_the_legend_has_a_sign_of_its_own_for_each_part() -> None:
    assert plain(legend(parts_of(1, 1, 1, 1))) == "▆▆ ready   ▄▄ leased   ▂▂ delayed   ╳╳ blocked"
