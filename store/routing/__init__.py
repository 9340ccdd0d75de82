"""Where a message goes."""

from typing import TYPE_CHECKING

from store.rooms import on_demand

if TYPE_CHECKING:
    from store.routing import (
        bindings as bindings,
        exchanges as exchanges,
        explain as explain,
        publications as publications,
        tables as tables,
        walk as walk,
    )
else:
    __getattr__ = on_demand(__name__)
