"""Where a message goes by its key and headers, from bindings alone: any engine's; no I/O."""

from typing import TYPE_CHECKING

from store.lazy import on_demand

if TYPE_CHECKING:
    from store.routing import match as match, walk as walk
else:
    __getattr__ = on_demand(__name__)
