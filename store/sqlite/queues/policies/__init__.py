"""The optional policies of a queue: expire, limit, favour one consumer, misbehave."""

from typing import TYPE_CHECKING

from store.lazy import on_demand

if TYPE_CHECKING:
    from store.sqlite.queues.policies import (
        chaos as chaos,
        expiry as expiry,
        length as length,
        single_active as single_active,
    )
else:
    __getattr__ = on_demand(__name__)
