"""The queue itself: its settings, sending, publishing, purging.

Writes mq_queues (catalog, policies.chaos), mq_heads (order.fifo), mq_tenants (order.tenants),
mq_copies (copying), mq_deduplications (policies.deduplication) and mq_consumers
(policies.single_active).
"""

from typing import TYPE_CHECKING

from store.lazy import on_demand

if TYPE_CHECKING:
    from store.sqlite.queues import (
        altering as altering,
        catalog as catalog,
        changed_limits as changed_limits,
        copying as copying,
        counts as counts,
        dead_letter_targets as dead_letter_targets,
        enqueue as enqueue,
        order as order,
        policies as policies,
        publish as publish,
        purge as purge,
        ready as ready,
        receive as receive,
        send as send,
        view as view,
    )
else:
    __getattr__ = on_demand(__name__)
