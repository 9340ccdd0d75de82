"""The command palette: every key by its name, and every topic, queue and share."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, cast

from textual.command import DiscoveryHit, Hit, Hits, Provider

from tui.keys import KEYS

if TYPE_CHECKING:
    from textual.types import IgnoreReturnCallbackType

    from tui.app import Dashboard


class Palette(Provider):
    """What ctrl+p offers."""

    async def discover(self) -> Hits:
        """The keys, before anything is typed."""
        for text, help, action in self._offers():
            yield DiscoveryHit(text, action, text=text, help=help)

    async def search(self, query: str) -> Hits:
        """The keys and names that match."""
        matcher = self.matcher(query)
        for text, help, action in self._offers():
            score = matcher.match(text)
            if score > 0:
                yield Hit(score, matcher.highlight(text), action, text=text, help=help)

    def _offers(self) -> Iterator[tuple[str, str, IgnoreReturnCallbackType]]:
        dashboard = cast("Dashboard", self.app)
        for key in KEYS:
            if not (key.writes and dashboard.read_only):
                yield f"{key.cap}  {key.help}", key.command, partial(dashboard.action_press, key.id)
        for subject in dashboard.overview.subjects if dashboard.overview else ():
            yield f"go to {subject.name}", subject.kind, partial(dashboard.jump, subject.name)
