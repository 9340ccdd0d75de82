"""Plots checked against the samples that they draw: dots are read back from the lines."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings, strategies as st

from tui.widgets.plots import (
    LABELS,
    LEAST_WIDTH,
    SAMPLES,
    Curve,
    Values,
    area_plot,
    lines_plot,
    mirror_plot,
    plot_head,
    plot_width,
    sparkline,
    top_of,
)
from tui.widgets.spans import Line, Tone, plain, toned, width_of

amounts = st.one_of(st.none(), st.just(0.0), st.floats(0.001, 1e9), st.integers(0, 5_000))
samples = st.lists(amounts, min_size=SAMPLES, max_size=SAMPLES)
widths = st.sampled_from([37, 40, 67, 69, 97, 130])
heights = st.sampled_from([4, 6, 8, 14])
_ROWS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))


def dot_rows(lines: Sequence[Line]) -> list[list[bool]]:
    """The dots of the rows of a plot, without its labels, from above."""
    found = []
    for content in lines:
        text = plain(content)[LABELS:]
        bits = [ord(char) - 0x2800 if 0x2800 < ord(char) < 0x2900 else 0 for char in text]
        for left, right in _ROWS:
            found.append([bool(bit & one) for bit in bits for one in (left, right)])
    return found


def columns(lines: Sequence[Line]) -> list[list[bool]]:
    """The dots of each column from above; a sample is several columns."""
    return [list(column) for column in zip(*dot_rows(lines), strict=True)]


def per_sample(found: list[list[bool]]) -> list[list[bool]]:
    """The dots of each sample, whose columns are alike."""
    each = len(found) // SAMPLES
    assert all(found[at] == found[at // each * each] for at in range(len(found)))
    return found[::each]


def most_of(values: Values) -> float:
    return max((value for value in values if value is not None), default=0.0)


@settings(max_examples=60, deadline=None)
@given(samples, widths, heights)
def test_an_area_is_as_high_as_its_samples(values: Values, width: int, rows: int) -> None:
    lines = area_plot(values, width, rows)
    top = max(2.0, top_of(most_of(values)))
    if most_of(values) or 0 in values:
        for value, column in zip(values, per_sample(columns(lines[:rows])), strict=True):
            height = sum(column)
            assert column == [False] * (4 * rows - height) + [True] * height
            if value is None:
                assert height == 0
            else:
                assert height >= 1
                assert height == 1 or abs(height - value / top * 4 * rows) <= 0.5 + 1e-6
    else:
        assert "no samples yet" in plain(lines[rows // 2])


@settings(max_examples=60, deadline=None)
@given(samples, samples, widths, heights)
def test_in_and_out_are_mirrored_on_one_scale(
    arrived: Values, left: Values, width: int, rows: int
) -> None:
    lines = mirror_plot(arrived, left, width, rows)
    most = max(most_of(arrived), most_of(left))
    half = rows // 2
    if most == 0:
        return
    top = top_of(most)
    above = per_sample(columns(lines[:half]))
    below = per_sample(columns(lines[half + 1 : rows + 1]))
    for values, sides in ((arrived, above), (left, [column[::-1] for column in below])):
        for value, column in zip(values, sides, strict=True):
            height = sum(column)
            assert column == [False] * (4 * half - height) + [True] * height
            if not value:
                assert height == 0
            else:
                assert height == 1 or abs(height - value / top * 4 * half) <= 0.5 + 1e-6


@settings(max_examples=60, deadline=None)
@given(samples, widths, heights)
def test_a_line_is_at_the_height_of_its_samples(values: Values, width: int, rows: int) -> None:
    lines = lines_plot([Curve("billing", values, Tone.BAD)], width, rows)
    top = max(2.0, top_of(most_of(values)))
    if all(value is None for value in values):
        assert "no samples yet" in plain(lines[rows // 2])
        return
    for value, column in zip(values, per_sample(columns(lines[:rows])), strict=True):
        assert sum(column) == (0 if value is None else 1)
        if value is not None:
            level = 4 * rows - 1 - column.index(True)
            assert abs(level - value / top * (4 * rows - 1)) <= 0.5 + 1e-6


@given(samples, widths, heights)
@settings(max_examples=30, deadline=None)
def test_every_line_of_a_plot_is_as_wide_as_the_plot(values: Values, width: int, rows: int) -> None:
    plots = [
        area_plot(values, width, rows, since=7),
        mirror_plot(values, values, width, rows),
        lines_plot([Curve("a", values, Tone.IN, is_dotted=True)], width, rows),
    ]
    for lines in plots:
        assert len(lines) == rows + 2
        assert {width_of(content) for content in lines} == {plot_width(width)}


@given(st.floats(1e-6, 1e12))
def test_a_scale_is_the_next_round_number_and_so_is_its_half(most: float) -> None:
    top = top_of(most)
    assert most <= top * (1 + 1e-6)
    assert top <= 2 * most * (1 + 1e-6)
    assert f"{top / 2:.0e}"[0] in "12345"


@given(samples, st.integers(1, 40))
def test_a_sparkline_leaves_out_what_is_unknown_and_starts_at_0(values: Values, width: int) -> None:
    text = plain(sparkline(values, width))
    known = [value for value in values if value is not None]
    if not known:
        assert text == ""
        return
    assert len(text) == width
    for at, char in enumerate(text):
        part = values[at * SAMPLES // width : (at + 1) * SAMPLES // width]
        assert (char == " ") == all(value is None for value in part)
    if min(known) == max(known):
        assert set(text) <= {" ", "─"}


def test_a_sparkline_of_much_that_changes_little_is_not_drawn_as_little() -> None:
    assert set(plain(sparkline([5_000] * 59 + [5_001], 20))) == {"▇"}


def test_where_nothing_moved_words_say_so() -> None:
    texts = [plain(content) for content in mirror_plot([0] * SAMPLES, [0] * SAMPLES, 40, 4)]
    assert any("nothing moved in 10 minutes" in text for text in texts)


def test_a_stall_is_marked_where_it_began() -> None:
    lines = area_plot([1] * SAMPLES, 67, 8, since=30)
    assert plain(lines[0])[LABELS + 30] == "┊"
    assert plain(lines[8])[LABELS + 30] == "■"


@pytest.mark.parametrize(("width", "cells"), [(36, 0), (37, 37), (66, 37), (67, 67), (130, 127)])
def test_a_sample_is_a_whole_number_of_dots_wide(width: int, cells: int) -> None:
    assert plot_width(width) == cells


def test_the_head_of_a_plot_ends_with_the_plot() -> None:
    right = toned("1,219", Tone.STRONG)
    assert plain(plot_head("BACKLOG", "lag of billing", right, 67)).endswith("1,219")
    assert width_of(
        plot_head("BACKLOG", "lag of a group with a long name", right, LEAST_WIDTH)
    ) == (LEAST_WIDTH)
