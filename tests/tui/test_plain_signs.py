"""Every sign of the dashboard has a letter for terminals without UTF-8."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import tui
from tui.widgets.bars import legend, parts_of
from tui.widgets.plain_signs import in_ascii
from tui.widgets.spans import plain

ROOT = Path(tui.__file__).parent


def signs() -> Iterator[tuple[str, str]]:
    """The characters beyond ASCII that the dashboard's own texts have, with their module."""
    for file in ROOT.rglob("*.py"):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        told = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                for char in node.value if id(node) not in told else "":
                    if not char.isascii() and char.isprintable():
                        yield char, file.name


def test_every_sign_has_a_letter_in_its_cell() -> None:
    found = sorted(set(signs()))

    assert len(found) > 40
    assert [sign for sign in found if in_ascii(sign[0]) == "?" or len(in_ascii(sign[0])) != 1] == []


def test_the_parts_of_a_queue_differ_without_colour_and_without_utf_8() -> None:
    words = in_ascii(plain(legend(parts_of(1, 1, 1, 1)))).split()

    assert len(set(words[::2])) == 4


def test_what_stands_on_an_axis_of_time_differs_without_utf_8() -> None:
    assert len(set(map(in_ascii, "━─✗┃┄○"))) == 6
