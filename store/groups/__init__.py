"""The readers that keep one number: a bookmark per partition."""

from typing import TYPE_CHECKING

from store.rooms import on_demand

if TYPE_CHECKING:
    from store.groups import (
        commit as commit,
        failures as failures,
        groups as groups,
        membership as membership,
        reset as reset,
        skip as skip,
    )
else:
    __getattr__ = on_demand(__name__)
