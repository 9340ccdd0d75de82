"""The stack of views in the body: the top one is shown, and is always mounted."""

from __future__ import annotations

from textual.containers import Container
from textual.message import Message

from tui.view import View


class ViewRequested(Message):
    """A request to open a view over another one; obsolete once that one is not on top."""

    def __init__(self, view: View, over: View) -> None:
        super().__init__()
        self.view = view
        self.over = over


class ViewStack(Container):
    """The stack of views. Only the dashboard's own task changes it, a step at a time."""

    def __init__(self) -> None:
        super().__init__(id="body")
        self._views: list[View] = []

    @property
    def top(self) -> View:
        """The view that is shown."""
        return self._views[-1]

    @property
    def bottom(self) -> View | None:
        """The screen below all other views; `None` before the first."""
        return self._views[0] if self._views else None

    @property
    def is_deep(self) -> bool:
        """Whether a view lies over the bottom one."""
        return len(self._views) > 1

    @property
    def below(self) -> list[View]:
        """The views below the one that is shown, the screen first."""
        return self._views[:-1]

    async def put(self, view: View) -> None:
        """Show a view over the present one."""
        if self._views:
            self.top.display = False
        # Keys and answers go to the top meanwhile, so it must stay the present view.
        await self.mount(view)
        self._views.append(view)

    async def drop_to(self, view: View) -> None:
        """Close the views above one of the stack, and show that one."""
        at = self._views.index(view) + 1
        self._views, over = self._views[:at], self._views[at:]
        view.display = True
        for closed in reversed(over):
            await closed.remove()

    async def drop_top(self) -> None:
        """Close the top view and show the one below."""
        await self.drop_to(self._views[-2])

    async def replace(self, view: View) -> None:
        """Show a view alone, and close all others."""
        before = self._views[:]
        await self.put(view)
        self._views = [view]
        for closed in reversed(before):
            await closed.remove()
