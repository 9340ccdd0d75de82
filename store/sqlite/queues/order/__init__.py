"""The next message: the standard order, the FIFO head of a message group, or the tenant that has
least.
"""

from typing import TYPE_CHECKING

from store.lazy import on_demand

if TYPE_CHECKING:
    from store.sqlite.queues.order import (
        fair as fair,
        fifo as fifo,
        standard as standard,
        tenants as tenants,
    )
else:
    __getattr__ = on_demand(__name__)
