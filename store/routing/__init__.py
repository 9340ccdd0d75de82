"""The destinations of a message by its key and headers, from bindings alone; no I/O, any engine."""

from typing import TYPE_CHECKING

from store.lazy import on_demand

if TYPE_CHECKING:
    from store.routing import match as match, reasons as reasons, walk as walk
else:
    __getattr__ = on_demand(__name__)
