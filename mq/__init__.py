"""Topics, queues and exchanges in one SQLite file; `mq.Store` is `store.Store`, and so on."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from store import *  # noqa: F403

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    # Imported late, so that the command line's own start does not wait for the whole broker.
    import store

    if name in store.__all__:
        return getattr(store, name)
    raise AttributeError(f"module 'mq' has no attribute {name!r}")


def __dir__() -> list[str]:
    import store

    return ["__version__", *store.__all__]
