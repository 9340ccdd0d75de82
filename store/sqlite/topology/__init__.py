"""A file's side of topologies: the present things, their counts, and steps carried out."""

from typing import TYPE_CHECKING

from store.lazy import on_demand

if TYPE_CHECKING:
    from store.sqlite.topology import counts as counts, current as current, target as target
else:
    __getattr__ = on_demand(__name__)
