"""Records appended in order to partitions, which keep them."""

from typing import TYPE_CHECKING

from store.lazy import on_demand

if TYPE_CHECKING:
    from store.sqlite.log import (
        append as append,
        checksum as checksum,
        compaction as compaction,
        damage as damage,
        latest as latest,
        placement as placement,
        producers as producers,
        projections as projections,
        read as read,
        retention as retention,
        samples as samples,
        topics as topics,
    )
else:
    __getattr__ = on_demand(__name__)
