"""Topologies: files that declare a store, compared with it, and applied."""

from typing import TYPE_CHECKING

from store.lazy import on_demand

if TYPE_CHECKING:
    from store.topology import (
        applying as applying,
        planning as planning,
        problems as problems,
        reading as reading,
        writing as writing,
    )
else:
    __getattr__ = on_demand(__name__)
