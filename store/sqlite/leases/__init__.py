"""Any reader that leases: receive, settle and move; the decision what an ack deletes is here.

Writes mq_leases (rows, runs), mq_slots (counts, slots, rows, runs), mq_readers (readers),
mq_holders (holders), mq_origins (origins), mq_attempts (attempts), mq_undone_receives (attempts)
and mq_processing_times (processing_times).
"""

from typing import TYPE_CHECKING

from store.lazy import on_demand

if TYPE_CHECKING:
    from store.sqlite.leases import (
        abandoned as abandoned,
        attempts as attempts,
        auto_ack as auto_ack,
        counts as counts,
        damaged as damaged,
        deliveries as deliveries,
        finish as finish,
        holders as holders,
        messages as messages,
        move as move,
        origins as origins,
        processing_times as processing_times,
        readers as readers,
        receipts as receipts,
        receive as receive,
        rows as rows,
        runs as runs,
        settle as settle,
        settlements as settlements,
        slots as slots,
        stored_origins as stored_origins,
    )
else:
    __getattr__ = on_demand(__name__)
