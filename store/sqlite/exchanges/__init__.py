"""The destinations of a message; stores none.

Writes mq_exchanges (catalog), mq_bindings (bindings) and mq_publications (publications).
"""

from typing import TYPE_CHECKING

from store.lazy import on_demand

if TYPE_CHECKING:
    from store.sqlite.exchanges import (
        bindings as bindings,
        catalog as catalog,
        explain as explain,
        publications as publications,
        tables as tables,
    )
else:
    __getattr__ = on_demand(__name__)
