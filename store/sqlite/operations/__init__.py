"""The operator's questions, one read transaction each."""

from typing import TYPE_CHECKING

from store.lazy import on_demand

if TYPE_CHECKING:
    from store.sqlite.operations import (
        copies as copies,
        details as details,
        doctor as doctor,
        flows as flows,
        lag as lag,
        maintenance as maintenance,
        metrics as metrics,
        overview as overview,
        stalls as stalls,
        trends as trends,
    )
else:
    __getattr__ = on_demand(__name__)
