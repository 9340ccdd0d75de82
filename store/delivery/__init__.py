"""The readers that keep leases."""

from typing import TYPE_CHECKING

from store.rooms import on_demand

if TYPE_CHECKING:
    from store.delivery import (
        abandoned as abandoned,
        altering as altering,
        attempts as attempts,
        counts as counts,
        damaged as damaged,
        dead_targets as dead_targets,
        deadletters as deadletters,
        enqueue as enqueue,
        expiry as expiry,
        fair_receive as fair_receive,
        history as history,
        journal as journal,
        leases as leases,
        letter_groups as letter_groups,
        limits as limits,
        lookup as lookup,
        mischief as mischief,
        move as move,
        origins as origins,
        overflow as overflow,
        publish as publish,
        purge as purge,
        queue_rules as queue_rules,
        queues as queues,
        receive as receive,
        redrive as redrive,
        release as release,
        restore as restore,
        send as send,
        settle as settle,
        settling as settling,
        share_skip as share_skip,
        share_view as share_view,
        shares as shares,
        single_active as single_active,
        stored_origins as stored_origins,
        sweep as sweep,
        view as view,
    )
else:
    __getattr__ = on_demand(__name__)
