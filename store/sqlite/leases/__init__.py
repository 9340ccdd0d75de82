"""Any reader that leases: receive, settle and move; the decision what an ack deletes is here.

Writes mq_leases (rows), mq_slots (slots, rows), mq_readers (readers), mq_holders (holders),
mq_origins (origins), mq_attempts (attempts), mq_undone_receives (attempts) and mq_processing_times
(processing_times).
"""

from typing import TYPE_CHECKING

from store.lazy import on_demand

if TYPE_CHECKING:
    from store.sqlite.leases import (
        abandoned as abandoned,
        attempts as attempts,
        damaged as damaged,
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
        settle as settle,
        slots as slots,
        stored_origins as stored_origins,
        window as window,
    )
else:
    __getattr__ = on_demand(__name__)
