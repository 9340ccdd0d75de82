"""The store for asyncio: coroutines, subscriptions, and one committer for all tasks.

`mq.aio.Store` is `AsyncStore`. Nothing here is imported by a program that does not ask for it.
"""

from store.aio.consumer import AsyncConsumer, GroupReader
from store.aio.producer import AsyncProducer
from store.aio.store import AsyncStore
from store.aio.subscription import QueueSubscription
from store.aio.transaction import AsyncTransaction

__all__ = [
    "AsyncConsumer",
    "AsyncProducer",
    "AsyncStore",
    "AsyncTransaction",
    "GroupReader",
    "QueueSubscription",
]
