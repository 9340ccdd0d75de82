"""Any reader that leases: receive, settle and move; here it is decided what an ack deletes."""

from typing import TYPE_CHECKING

from store.lazy import on_demand

if TYPE_CHECKING:
    from store.sqlite.leases import (
        abandoned as abandoned,
        attempts as attempts,
        damaged as damaged,
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
        stored_origins as stored_origins,
        window as window,
    )
else:
    __getattr__ = on_demand(__name__)
