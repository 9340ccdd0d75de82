"""An empty store between two tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from store.aio import AsyncStore


async def empty(store: AsyncStore) -> None:
    """Delete everything in the store."""
    await store.delete_exchanges([exchange.name for exchange in await store.exchanges()])
    for share in await store.shares():
        await store.delete_share(share.name)
    for group in await store.groups():
        await store.delete_group(group.name)
    for topic in await store.topics():
        await store.delete_topic(topic.name)
    queues = await store.queues()
    for queue in queues:
        if queue.config.dlq is not None:
            # A queue that others dead-letter into can't be deleted before they let go of it.
            await store.alter_queue(queue.name, dlq=None, max_deliveries=None)
    for queue in queues:
        await store.delete_queue(queue.name)
