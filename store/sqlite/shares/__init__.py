"""Leases over a log: shares, their windows and their progress.

Writes mq_shares (catalog).
"""

from typing import TYPE_CHECKING

from store.lazy import on_demand

if TYPE_CHECKING:
    from store.sqlite.shares import (
        catalog as catalog,
        progress as progress,
        receive as receive,
        release as release,
        skip as skip,
        view as view,
        window as window,
    )
else:
    __getattr__ = on_demand(__name__)
