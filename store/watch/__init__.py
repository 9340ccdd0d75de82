"""What an operator asks, one read transaction each."""

from typing import TYPE_CHECKING

from store.rooms import on_demand

if TYPE_CHECKING:
    from store.watch import (
        details as details,
        doctor as doctor,
        explain as explain,
        lag as lag,
        metrics as metrics,
        overview as overview,
        stalls as stalls,
        trends as trends,
    )
else:
    __getattr__ = on_demand(__name__)
