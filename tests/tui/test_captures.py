"""The pictures and keys in the manual are those of the dashboard."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest
from textual.widget import Widget

import tui.app  # noqa: F401

pytestmark = pytest.mark.xdist_group("pictures")

DOCS = Path(__file__).parents[2] / "docs"
HINT = "run: python docs/capture_dashboard.py"


def load_script() -> Any:
    spec = spec_from_file_location("capture_dashboard", DOCS / "capture_dashboard.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


SCRIPT = load_script()


@pytest.fixture(scope="module")
def pictures() -> dict[str, str]:
    with SCRIPT.story() as store:
        taken: dict[str, str] = SCRIPT.texts(store)
    return taken


@pytest.mark.parametrize("size", SCRIPT.SIZES)
@pytest.mark.parametrize("picture", SCRIPT.PICTURES)
def test_a_picture_in_the_manual_is_what_the_dashboard_shows(
    pictures: dict[str, str], picture: str, size: tuple[int, int]
) -> None:
    name = f"{picture}-{size[0]}x{size[1]}.txt"

    assert pictures[name] == (DOCS / "captures" / name).read_text(encoding="utf-8"), HINT


def test_a_picture_fits_its_terminal_and_holds_nothing_that_a_terminal_obeys(
    pictures: dict[str, str],
) -> None:
    for name, text in pictures.items():
        width, height = map(int, name.removesuffix(".txt").rpartition("-")[2].split("x"))
        lines = text.removesuffix("\n").split("\n")
        assert len(lines) == height
        assert all(len(line) <= width and line.isprintable() for line in lines)


# The blank part of the screens as they were drawn, in percent.
DRAWN = {"overview": 56, "topics": 55, "queues": 51, "stall": 54}


@pytest.mark.parametrize("picture", DRAWN)
def test_a_screen_leaves_hardly_more_cells_empty_than_it_was_drawn_with(
    pictures: dict[str, str], picture: str
) -> None:
    text = pictures[f"{picture}-140x40.txt"]
    filled = sum(not char.isspace() for char in text)

    assert 100 - 100 * filled / (140 * 40) <= DRAWN[picture] + 5


def test_the_manual_names_every_key_as_the_registry_does() -> None:
    text = SCRIPT.PAGE.read_text(encoding="utf-8")

    assert text == SCRIPT.page(text), HINT


def test_the_style_sheet_names_only_widgets_that_there_are() -> None:
    sheet = (DOCS.parent / "tui" / "app.tcss").read_text(encoding="utf-8")
    sheet = re.sub(r"/\*.*?\*/", "", sheet, flags=re.S)
    selectors = re.findall(r"([^{}]+)\{", sheet)
    named = {
        name for selector in selectors for name in re.findall(r"(?<![\w.#$-])[A-Z]\w+", selector)
    }

    assert named - {kind.__name__ for kind in kinds_of(Widget)} == set()


def kinds_of(base: type[Widget]) -> Iterator[type[Widget]]:
    """A class and all that derive from it."""
    yield base
    for kind in base.__subclasses__():
        yield from kinds_of(kind)


@pytest.mark.parametrize(
    ("picture", "drawn"), [("overview", 0.56), ("topics", 0.55), ("stall", 0.54)]
)
def test_a_screen_uses_its_room_as_the_design_does(
    pictures: dict[str, str], picture: str, drawn: float
) -> None:
    lines = pictures[f"{picture}-140x40.txt"].removesuffix("\n").split("\n")
    blank = sum(140 - len(line) + line.count(" ") for line in lines)

    assert blank / (140 * 40) <= drawn + 0.05
    assert sum(not line for line in lines) <= 6
