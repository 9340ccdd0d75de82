"""The store for asyncio: `from mq.aio import Store`."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from store.aio import (
        AsyncConsumer as Consumer,
        AsyncProducer as Producer,
        AsyncStore as Store,
        AsyncTransaction as Transaction,
        GroupReader as GroupReader,
        QueueSubscription as Subscription,
    )

__all__ = ["Consumer", "GroupReader", "Producer", "Store", "Subscription", "Transaction"]

_NAMES = {"GroupReader": "GroupReader", "Subscription": "QueueSubscription"}


def __getattr__(name: str) -> Any:
    # asyncio takes long to load, and the command line loads all modules here.
    import store.aio

    if name in __all__:
        return getattr(store.aio, _NAMES.get(name, f"Async{name}"))
    raise AttributeError(f"module 'mq.aio' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
