"""An engine that has no feature at all, so that every command on it is refused."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType

from store.engine.broker import Broker
from store.engine.features import Feature, Features, absent
from store.engine.places import Place
from store.model.topics import Seconds

FEATURES = Features("nothing", "1.0", dict.fromkeys(Feature, absent("it is empty", "take a file")))


class EmptyEngine(Broker):
    """Defines what an engine must, and inherits a refusal of all else."""

    location = "nothing://host"
    features = FEATURES
    pace = 0.0

    def wall(self) -> int:
        return 0

    def monotonic(self) -> int:
        return 0

    def changed(self) -> int:
        return 0

    def wait(self, since: int, timeout: Seconds, until: Callable[[], bool] | None = None) -> bool:
        return False

    def close(self) -> None:
        return

    def __enter__(self) -> EmptyEngine:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def open_nothing(place: Place, timeout: float, tell: Callable[[str], None]) -> Broker:
    """Open it, whatever the place."""
    return EmptyEngine()
