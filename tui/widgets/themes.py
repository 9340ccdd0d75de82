"""The themes: dark, light, and one that uses the terminal's own sixteen colours."""

from __future__ import annotations

from textual.theme import BUILTIN_THEMES, Theme

DARK = Theme(
    name="mq-dark",
    primary="#7aa2f7",
    secondary="#89b4c9",
    accent="#c0a8f0",
    foreground="#d3d9e4",
    background="#12161d",
    surface="#181d26",
    panel="#222936",
    success="#8fc47f",
    warning="#e3b341",
    error="#ff7b72",
    dark=True,
    variables={"quiet": "#78839a", "dead": "#d2a8ff", "cursor-row": "#263145"},
)
LIGHT = Theme(
    name="mq-light",
    primary="#1f5fbf",
    secondary="#3a6f86",
    accent="#6f42c1",
    foreground="#24292f",
    background="#fbfbf8",
    surface="#f1f1ec",
    panel="#e6e6df",
    success="#2f7d32",
    warning="#8f5d00",
    error="#c1272d",
    dark=False,
    variables={"quiet": "#6b7280", "dead": "#7b3fbf", "cursor-row": "#dce6f5"},
)
ANSI = Theme(
    name="mq-ansi",
    primary="ansi_blue",
    secondary="ansi_cyan",
    accent="ansi_bright_blue",
    foreground="ansi_default",
    background="ansi_default",
    surface="ansi_default",
    panel="ansi_default",
    success="ansi_green",
    warning="ansi_yellow",
    error="ansi_red",
    dark=True,
    ansi=True,
    variables={
        **BUILTIN_THEMES["ansi-dark"].variables,
        "quiet": "ansi_bright_black",
        "dead": "ansi_magenta",
        "cursor-row": "ansi_default",
    },
)
THEMES = (DARK, LIGHT, ANSI)


def theme_after(name: str) -> Theme:
    """Return the theme after this one."""
    names = [theme.name for theme in THEMES]
    at = names.index(name) if name in names else -1
    return THEMES[(at + 1) % len(THEMES)]
