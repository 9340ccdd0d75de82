"""Lines and rows as pure functions: alignment, cutting, states, bars, and hostile text."""

from __future__ import annotations

from dataclasses import replace

import pytest

from store import Stall, Store, Subject
from tests.tui.conftest import HOSTILE
from tui.actions.remedies import KEY_IDS
from tui.places import KEYS, SCREENS
from tui.screens.message import Reading, body_lines, usual_form
from tui.screens.stall import remedy_rows
from tui.screens.subject_rows import subject_row
from tui.widgets.bands import stall_lines, strip_lines
from tui.widgets.figures import short_count, state_cell
from tui.widgets.live_table import TableColumn, layout
from tui.widgets.spans import Tone, fit, line, narrowed, plain, toned, width_of

SUBJECT = Subject(
    "orders", "topic", "lagging", 12_345, None, None, None, None, 1204, 842.0, 8.13, 6.5,
    (0,) * 59 + (3,), "billing 1,204 behind", 1204, 1.63, "billing", 2,
)  # fmt: skip


def stall_of(stalled: Store) -> Stall:
    return stalled.stalls()[0]


def test_a_line_is_padded_or_cut_to_its_width() -> None:
    assert plain(fit(line("ab"), 4)) == "ab  "
    assert plain(fit(line("ab"), 4, right=True)) == "  ab"
    assert plain(fit(line("abcdef"), 4)) == "abc…"


def test_a_wide_character_counts_as_two_cells() -> None:
    assert width_of(line("日本")) == 4
    assert width_of(fit(line("日本語"), 4)) == 4


def test_text_from_outside_is_made_visible_when_a_span_is_made() -> None:
    assert plain(line(HOSTILE.decode())) == r"[/x] [bold]\x1b[31m\x9b2J\u202eevil\x07"


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0"), (99_999, "99,999"), (123_456, "123k"), (1_234_567, "1.2M"), (5 * 10**9, "5.0G")],
)
def test_a_count_takes_at_most_seven_cells(number: int, text: str) -> None:
    assert short_count(number) == text


def test_a_state_is_a_glyph_and_a_word() -> None:
    assert plain(state_cell("stalled")) == "■ stalled"
    assert plain(state_cell("dead letters")) == "◆ dead letters"
    assert plain(state_cell("dead letters", 9)) == "◆ dead"


def test_columns_are_dropped_by_rank_and_the_rest_grow() -> None:
    columns = (TableColumn("a", 10, grows=1), TableColumn("b", 10, drop=1), TableColumn("c", 5))
    assert layout(columns, 40) == [(0, 21), (1, 10), (2, 5)]
    assert layout(columns, 20) == [(0, 13), (2, 5)]


def test_a_row_of_the_overview_tells_state_name_backlog_and_where_it_leads() -> None:
    row = subject_row(SUBJECT, None, 12, 12)
    cells = [plain(cell) for cell in row.cells]
    assert cells == [
        "▲ lagging", "orders", "topic", "1,204", "", "+1.6/s growing", "14m02s", "8.1", "6.5",
        "billing · 2 groups",
    ]  # fmt: skip


def test_a_topic_that_no_group_reads_has_neither_backlog_nor_outlook() -> None:
    topic = replace(SUBJECT, backlog=None, growth=None, reader=None, groups=0)
    row = subject_row(topic, None, 12, 12)
    cells = [plain(cell) for cell in row.cells]
    assert (cells[3], cells[5], cells[9]) == ("-", "", "no group reads it")


def test_a_long_name_is_shortened_in_the_middle_of_its_column() -> None:
    row = subject_row(replace(SUBJECT, name="orders-of-the-shop-eu"), None, 12, 12)
    assert plain(row.cells[1]) == "order…hop-eu"


@pytest.mark.parametrize("width", [40, 80, 120, 200])
def test_a_stall_fits_in_one_line_however_narrow(stalled: Store, width: int) -> None:
    lines = stall_lines(stalled.stalls(), width)
    assert {width_of(shown) for shown in lines} == {width}
    assert all(
        stall.blocker in plain(shown) for stall, shown in zip(stalled.stalls(), lines, strict=True)
    )


def test_all_lines_of_the_strip_share_their_columns(stalled: Store) -> None:
    for width in (80, 140):
        lines = [plain(shown) for shown in stall_lines(stalled.stalls(), width)]
        assert len({text.index(" wait") for text in lines}) == 1


def test_the_strip_has_no_line_when_all_is_well() -> None:
    assert strip_lines([], 0, 80) == []


@pytest.mark.parametrize(("height", "told"), [(24, 3), (40, 5)])
def test_the_strip_counts_what_it_does_not_show(stalled: Store, height: int, told: int) -> None:
    stalls = [stall_of(stalled)] * 9
    lines = [plain(shown) for shown in strip_lines(stalls, 9, 120, height)]
    assert len(lines) == told + 1
    assert f"+{9 - told} more" in lines[-1]


def test_the_strip_always_shows_the_chosen_stall(stalled: Store) -> None:
    stalls = [replace(stall_of(stalled), blocker=f"orders/0@{at}") for at in range(9)]
    lines = [plain(shown) for shown in strip_lines(stalls, 9, 120, chosen=7)]
    assert next(text for text in lines if text.startswith("▌")).count("orders/0@7") == 1


def test_every_way_out_has_a_key_but_reading_on(stalled: Store) -> None:
    for stall in stalled.stalls():
        assert {remedy.kind for remedy in stall.remedies} - KEY_IDS.keys() <= {"read"}
        assert len(remedy_rows(stall)) == len(stall.remedies)


@pytest.mark.parametrize(
    ("value", "form"),
    [(b'{"a": 1}', "json"), (b"plain", "text"), (b"\xff\x00", "hex"), (b"{broken", "text")],
)
def test_a_body_is_shown_in_the_form_that_suits_it(value: bytes, form: str) -> None:
    assert usual_form(value) == form


def test_a_body_in_hex_shows_bytes_beside_what_is_printable() -> None:
    assert plain(body_lines(b"\x1bAB", Reading("hex"), 80)[1]).endswith(".AB")


def test_keys_and_their_ids_are_given_once() -> None:
    assert len({key.key for key in KEYS}) == len(KEYS) == len({key.id for key in KEYS})
    assert [view.title for view in SCREENS] == [key.id for key in KEYS[: len(SCREENS)]]


def test_keys_that_write_name_the_command_that_does_the_same() -> None:
    assert [key.id for key in KEYS if key.writes and not key.command] == []


def test_a_name_in_a_line_is_shortened_in_its_middle_and_the_rest_stays() -> None:
    content = line(toned("├─ ", Tone.DIM), toned("key.of.something → a-long-destination", Tone.KEY))

    shown = narrowed(content, 24)

    assert plain(shown) == "├─ key.of.som…estination"
    assert width_of(shown) == 24
