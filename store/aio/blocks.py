"""The end of `async with` blocks, the same for all that are closed by it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import TracebackType

from store.model.errors import secondary_to


class ClosedByBlock(ABC):
    """Closed at the end of an `async with` block; no error of closing hides one of the block."""

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with secondary_to(error):
            await self._end_block()

    @abstractmethod
    async def _end_block(self) -> None: ...
