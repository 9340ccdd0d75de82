"""The themes: dark, light, one for NO_COLOR, and one for the terminal's own sixteen colours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from rich.color import Color
from rich.style import Style
from textual.theme import BUILTIN_THEMES, Theme

from tui.widgets.spans import SHADES, Ground, Tone

BOLD = frozenset({Tone.STRONG, Tone.TITLE, Tone.KEY, Tone.STALLED})
_DARKEST = {True: 0.56, False: 0.68}
"""The part of a tone in its first shade, the rest being the base; by `dark`."""


@dataclass(frozen=True)
class Colours:
    """The colours of a theme by meaning; a ground without a colour is shown in reverse."""

    name: str
    dark: bool
    tones: Mapping[Tone, str]
    grounds: Mapping[Ground, str]
    ansi: bool = False

    def theme(self) -> Theme:
        """Return the same for widgets that are painted by style sheets."""
        prefix = "ansi_" if self.ansi else ""
        tones = {tone: prefix + colour for tone, colour in self.tones.items()}
        grounds = {ground: prefix + colour for ground, colour in self.grounds.items()}
        own = BUILTIN_THEMES["ansi-dark"].variables if self.ansi else {}
        return Theme(
            name=self.name,
            primary=tones[Tone.KEY],
            secondary=tones[Tone.OUT],
            accent=tones[Tone.BACKLOG],
            foreground=tones[Tone.TEXT],
            background=grounds[Ground.BASE],
            surface=grounds[Ground.CAPTION],
            panel=grounds[Ground.BAR],
            success=tones[Tone.OK],
            warning=tones[Tone.LAGGING],
            error=tones[Tone.BAD],
            dark=self.dark,
            ansi=self.ansi,
            variables={
                **own,
                "quiet": tones[Tone.DIM],
                "axis": tones[Tone.AXIS],
                "vitals": grounds[Ground.VITALS],
                "strip": grounds[Ground.STRIP],
            },
        )


def _tones(
    text: str, dim: str, key: str, ok: str, warn: str, bad: str, behind: str, dead: str,
    out: str, backlog: str, trend: str, blocked: str, axis: str, grid: str, base: str,
) -> dict[Tone, str]:  # fmt: skip
    return {
        Tone.TEXT: text, Tone.STRONG: text, Tone.DIM: dim, Tone.TITLE: key, Tone.KEY: key,
        Tone.OK: ok, Tone.LAGGING: warn, Tone.STALLED: bad, Tone.BAD: bad, Tone.BEHIND: behind,
        Tone.DEAD: dead, Tone.IDLE: dim, Tone.IN: key, Tone.OUT: out, Tone.BACKLOG: backlog,
        Tone.TREND: trend, Tone.DELAYED: dim, Tone.BLOCKED: blocked, Tone.AXIS: axis,
        Tone.GRID: grid, Tone.BASE: base,
    }  # fmt: skip


# fmt: off
DARK = Colours(
    "mq-dark",
    True,
    _tones(
        text="#d3d9e4", dim="#8791a6", key="#7aa2f7", ok="#8fc47f", warn="#e3b341", bad="#ff7b72",
        behind="#a4524e", dead="#d2a8ff", out="#63c5b4", backlog="#9cc0ff", trend="#5b7aa8",
        blocked="#b09a78", axis="#4c5666", grid="#39424f",
        base="#12161d",
    ),
    {
        Ground.BASE: "#12161d", Ground.BAR: "#222936", Ground.VITALS: "#1b212c",
        Ground.CAPTION: "#181d26", Ground.ROW: "#263145", Ground.STRIP: "#2a1d21",
        Ground.STRIP_ON: "#4a2a2d",
    },
)
LIGHT = Colours(
    "mq-light",
    False,
    _tones(
        text="#24292f", dim="#5f6773", key="#1f5fbf", ok="#2f7d32", warn="#8a5a00", bad="#c1272d",
        behind="#d98a86", dead="#7b3fbf", out="#0f7f72", backlog="#1f5fbf", trend="#6485b8",
        blocked="#7a6540", axis="#a9aea8", grid="#cfd2cc",
        base="#fbfbf8",
    ),
    {
        Ground.BASE: "#fbfbf8", Ground.BAR: "#e6e6df", Ground.VITALS: "#efefe9",
        Ground.CAPTION: "#f1f1ec", Ground.ROW: "#dce6f5", Ground.STRIP: "#fbeceb",
        Ground.STRIP_ON: "#f3cfcd",
    },
)
# Under NO_COLOR Textual shows each colour as its grey, in which trouble would be dimmer than text.
PLAIN = Colours(
    "mq-no-color",
    True,
    {**DARK.tones, Tone.STALLED: "#ffffff", Tone.BAD: "#ffffff", Tone.LAGGING: "#f2f2f2"},
    DARK.grounds,
)
ANSI = Colours(
    "mq-ansi",
    True,
    _tones(
        text="default",
        dim="bright_black",
        key="blue",
        ok="green",
        warn="yellow",
        bad="red",
        behind="red",
        dead="magenta",
        out="cyan",
        backlog="blue",
        trend="blue",
        blocked="yellow",
        axis="bright_black",
        grid="bright_black",
        base="default",
    ),
    dict.fromkeys(Ground, "default"),
    ansi=True,
)
# fmt: on
PALETTES = {palette.name: palette for palette in (DARK, LIGHT, ANSI, PLAIN)}


def theme_after(name: str) -> str:
    """Return the name of the theme after this one."""
    names = list(PALETTES)[:3]
    return names[(names.index(name) + 1) % 3] if name in names else names[1]


def usual_theme(environment: Mapping[str, str]) -> str:
    """Return the name of the theme to begin with, by NO_COLOR and the terminal's colours."""
    if environment.get("NO_COLOR"):
        return PLAIN.name
    term = environment.get("TERM", "")
    has_few = term in {"linux", "xterm", "screen", "vt100", "vt220", "ansi"}
    return ANSI.name if has_few and not environment.get("COLORTERM") else DARK.name


@lru_cache(4096)
def style(theme: str, base: Style, tone: Tone, ground: Ground | None, shade: int) -> Style:
    """Return the style of a piece of text in a theme over the style of its widget."""
    palette = PALETTES.get(theme, DARK)
    colour = palette.tones[tone]
    if shade < SHADES - 1 and not palette.ansi:
        colour = _mixed(palette, colour, shade)
    over = Style(color=colour, bold=True if tone in BOLD else None)
    if ground is None:
        return base + over
    if palette.ansi:
        is_chosen = ground in {Ground.ROW, Ground.STRIP_ON}
        return base + over + Style(reverse=is_chosen)
    return base + over + Style(bgcolor=palette.grounds[ground])


def _mixed(palette: Colours, colour: str, shade: int) -> str:
    """Return a shade of a colour: the first is near the base, the last is the colour itself."""
    darkest = _DARKEST[palette.dark]
    part = darkest + (1 - darkest) * shade / (SHADES - 1)
    inner, outer = (
        Color.parse(one).get_truecolor() for one in (palette.grounds[Ground.BASE], colour)
    )
    mixed = (round(b + (c - b) * part) for b, c in zip(inner, outer, strict=True))
    return "#{:02x}{:02x}{:02x}".format(*mixed)
