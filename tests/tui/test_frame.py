"""The frame: tabs, vitals, the keys at the foot, and the palette of each theme."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from rich.color import Color
from rich.style import Style

from store import Overview, Store
from store.model.maintenance import StoreStatus
from tests.tui.conftest import Person
from tui.keys import BY_ID, EVERYWHERE, footer_keys
from tui.places import KEYS, SCREENS
from tui.widgets.frame import footer_line, shown_rows, tab_line, vitals_line
from tui.widgets.plain_signs import in_ascii, is_ascii_terminal
from tui.widgets.spans import SHADES, Ground, Tone, line, plain, shortened, toned, width_of
from tui.widgets.themes import (
    ANSI,
    DARK,
    LIGHT,
    PLAIN,
    Colours,
    style,
    theme_after,
    usual_theme,
)

Run = Callable[..., None]
TABS = KEYS[: len(SCREENS)]
OWN = footer_keys(("publish", "purge", "faults", "copy"), {}, "open")
COMMON = footer_keys(EVERYWHERE, {})


@pytest.mark.parametrize("width", [80, 100, 140])
def test_the_tab_line_names_every_screen_and_its_key(width: int) -> None:
    counts = {"letters": toned("◆18", Tone.DEAD), "advice": toned("▲3", Tone.LAGGING)}
    text = plain(tab_line(TABS, "topics", width, counts)[0])
    assert len(text) == width
    assert "2 Topics" in text.split("▐")[1].split("▌")[0]
    assert [text.index(f"{key.cap} {key.label.split()[0]}") for key in TABS] == sorted(
        text.index(f"{key.cap} {key.label.split()[0]}") for key in TABS
    )
    assert "◆18" in text
    assert "▲3" in text


def test_a_click_on_a_tab_opens_its_screen(shop: Store, run: Run) -> None:
    async def errand(person: Person) -> None:
        text = person.screen().splitlines()[0]
        await person.click("#tabs", text.index("Queues"))
        assert "TIME LEFT" in person.screen()

    run(shop, errand)


def test_the_vitals_always_name_the_store_and_yield_counts_first(shop: Store) -> None:
    overview = shop.snapshot()
    wide, narrow, least = (vitals(overview, width) for width in (160, 80, 40))
    assert "1 topic · 3 queues" in wide
    assert "looks every 1s" in wide
    assert "1 topic" not in narrow
    assert "store" in least
    assert [len(text) for text in (wide, narrow, least)] == [160, 80, 40]


def vitals(overview: Overview, width: int) -> str:
    assert isinstance(overview.status, StoreStatus)
    seen = replace(overview, status=replace(overview.status, location="/srv/shop/store.db"))
    return plain(vitals_line(seen, width, is_paused=False, read_only=False, pace=1))


def test_the_vitals_say_which_rows_are_shown() -> None:
    assert shown_rows("", faults_only=False) == ""
    assert shown_rows("cust", faults_only=True) == "/cust  faults only"


def test_the_footer_has_the_keys_of_everywhere_at_its_right_end() -> None:
    text = plain(footer_line(OWN, COMMON, 140, read_only=False))
    assert text.startswith(" ↵ open  P publish")
    assert text.endswith("n stall  / filter  : jump  ? help  q quit ")


def test_where_narrow_the_keys_of_everywhere_lose_their_labels() -> None:
    text = plain(footer_line(OWN, COMMON, 80, read_only=False))
    assert text.endswith("n  /  :  ?  q ")
    assert "y copy" in text


def test_the_footer_is_cut_between_keys() -> None:
    text = plain(footer_line(OWN, COMMON, 34, read_only=False))
    assert text.split("n  /")[0].rstrip() == " ↵ open  P publish"


def test_writing_keys_are_dim_where_nothing_may_be_written() -> None:
    content = footer_line([BY_ID["publish"]], [], 40, read_only=True)
    assert {piece.tone for piece in content if piece.text.strip()} == {Tone.DIM}


def test_a_name_is_shortened_in_the_middle() -> None:
    assert shortened("orders-of-the-shop-eu", 9) == "orde…p-eu"
    assert shortened("orders", 9) == "orders"
    assert width_of(line(shortened("注文の待ち行列です", 9))) <= 9


@pytest.mark.parametrize("key", ["a", "b", "e"])
def test_a_key_that_does_nothing_here_says_so(shop: Store, run: Run, key: str) -> None:
    async def errand(person: Person) -> None:
        await person.press(key, key)
        assert [toast.split(";")[0] for toast in person.toasts] in (
            [f"{key} does nothing"], [f"{key} does nothing here"]
        )  # fmt: skip

    run(shop, errand)


def test_a_view_over_a_screen_keeps_its_tab_and_shows_the_way_back(shop: Store, run: Run) -> None:
    async def errand(person: Person) -> None:
        await person.press("2", "enter", "p")
        assert "▐ 2 Topics ▌" in person.screen().splitlines()[0]
        assert " Topics › orders/0" in person.screen()

    run(shop, errand)


@pytest.mark.parametrize("palette", [DARK, LIGHT], ids=lambda palette: palette.name)
@pytest.mark.parametrize("ground", [Ground.BASE, Ground.ROW, Ground.STRIP, Ground.CAPTION])
def test_words_stand_out_from_every_ground(palette: Colours, ground: Ground) -> None:
    drawn = {Tone.AXIS, Tone.GRID, Tone.TREND, Tone.BEHIND, Tone.BASE}
    contrasts = {
        tone: contrast(palette.tones[tone], palette.grounds[ground]) for tone in set(Tone) - drawn
    }
    least = 4.5 if ground is Ground.BASE else 3.8
    assert {tone: ratio for tone, ratio in contrasts.items() if ratio < least} == {}


def contrast(one: str, other: str) -> float:
    """The ratio of two luminances as WCAG 2 defines it."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    parts = [part / 255 for part in Color.parse(colour).get_truecolor()]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_without_colours_trouble_is_brighter_than_text() -> None:
    greys = {tone: luminance(PLAIN.tones[tone]) for tone in (Tone.BAD, Tone.LAGGING, Tone.TEXT)}
    assert greys[Tone.BAD] > greys[Tone.LAGGING] > greys[Tone.TEXT]


def test_sixteen_colours_show_a_chosen_row_in_reverse_and_no_other_ground() -> None:
    chosen = style(ANSI.name, Style(), Tone.TEXT, Ground.ROW, SHADES - 1)
    other = style(ANSI.name, Style(), Tone.TEXT, Ground.STRIP, SHADES - 1)
    assert (chosen.reverse, other.reverse) == (True, False)
    assert other.bgcolor is None


@pytest.mark.parametrize(
    ("environment", "theme"),
    [
        ({"TERM": "xterm-256color"}, DARK.name),
        ({"TERM": "linux"}, ANSI.name),
        ({"TERM": "xterm", "COLORTERM": "truecolor"}, DARK.name),
        ({"TERM": "xterm-256color", "NO_COLOR": "1"}, PLAIN.name),
    ],
)
def test_the_theme_to_begin_with_follows_the_terminal(
    environment: dict[str, str], theme: str
) -> None:
    assert usual_theme(environment) == theme


def test_the_themes_go_round() -> None:
    names = [DARK.name]
    for _ in range(3):
        names.append(theme_after(names[-1]))
    assert names == [DARK.name, LIGHT.name, ANSI.name, DARK.name]


def test_without_utf8_every_sign_is_a_letter_in_the_same_cells() -> None:
    text = "■ STALLED ▁▇ ⣿⠒ ─━┫ 日本 −4 …"
    shown = in_ascii(text)
    assert shown.isascii()
    assert len(shown) == width_of(line(text))


@pytest.mark.parametrize(
    ("environment", "is_ascii"),
    [({}, False), ({"LANG": "de_DE.UTF-8"}, False), ({"LC_ALL": "C", "LANG": "en_US.UTF-8"}, True)],
)
def test_a_locale_that_names_another_encoding_gets_no_signs(
    environment: dict[str, str], is_ascii: bool
) -> None:
    assert is_ascii_terminal(environment) is is_ascii


def test_the_tab_of_the_doctor_counts_its_findings_once_it_was_asked(
    stalled: Store, run: Run
) -> None:
    async def errand(person: Person) -> None:
        assert "▲" not in person.screen().splitlines()[0]
        await person.press("6", "1")
        assert "6 Advice ▲" in person.screen().splitlines()[0]

    run(stalled, errand)
