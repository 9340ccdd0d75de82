"""The signs of the dashboard in ASCII, for terminals whose locale is not UTF-8.

Each takes the cell of the sign it stands for, so that nothing else on the screen changes.
"""

from __future__ import annotations

from collections.abc import Mapping

from rich.cells import cell_len

_SIGNS = {
    "●": "o", "▲": "!", "■": "X", "◆": "D", "○": "O", "▌": ">", "▐": "<", "▸": ">", "✓": "x",
    "✗": "x", "┃": "|", "│": "|", "┊": ":", "┄": ".", "─": "-", "━": "=", "╸": "-", "┫": "|",
    "├": "|", "┤": "|", "┏": "v", "┓": "v", "┻": "+", "┴": "+", "┼": "+", "└": "+", "·": ".",
    "▁": "_", "▂": "_", "▃": "-", "▄": "-", "▅": "=", "▆": "=", "▇": "#", "█": "#", "╳": "x",
    "▓": "#", "░": ".", "→": ">", "…": "~", "−": "-", "≥": ">", "↵": "<", "↑": "^", "↓": "v",
    "×": "x", "›": ">", "←": "<", "◇": "i",
}  # fmt: skip
_TABLE = {ord(sign): letter for sign, letter in _SIGNS.items()}
_TABLE |= {0x2800: " ", **dict.fromkeys(range(0x2801, 0x2900), "#")}


def in_ascii(text: str) -> str:
    """Return the text with its signs as letters; other characters become `?`."""
    if text.isascii():
        return text
    letters = text.translate(_TABLE)
    return "".join(char if char.isascii() else "?" * cell_len(char) for char in letters)


def is_ascii_terminal(environment: Mapping[str, str]) -> bool:
    """Return whether the locale names an encoding, and that is not UTF-8."""
    names = (environment.get(name) for name in ("LC_ALL", "LC_CTYPE", "LANG"))
    locale = next((name for name in names if name), "")
    return bool(locale) and "utf" not in locale.casefold()
