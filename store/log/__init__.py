"""The primitive: records appended in order to partitions, which keep them."""

from typing import TYPE_CHECKING

from store.rooms import on_demand

if TYPE_CHECKING:
    from store.log import (
        append as append,
        compaction as compaction,
        damage as damage,
        latest as latest,
        placement as placement,
        positions as positions,
        producers as producers,
        projections as projections,
        read as read,
        retention as retention,
        topics as topics,
        unfinished as unfinished,
    )
else:
    __getattr__ = on_demand(__name__)
