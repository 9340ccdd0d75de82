"""Records appended in order to partitions, which keep them.

Writes mq_records (append, rows), mq_partitions (append, retention, rows), mq_topics (topics),
mq_tombstones (rows), mq_damages (damage), mq_samples (samples), mq_producers (producers),
mq_sequences (producers), mq_projections (projections) and mq_projection_offsets (projections).
"""

from typing import TYPE_CHECKING

from store.lazy import on_demand

if TYPE_CHECKING:
    from store.sqlite.log import (
        append as append,
        checksum as checksum,
        compaction as compaction,
        damage as damage,
        latest as latest,
        producers as producers,
        projections as projections,
        read as read,
        retention as retention,
        rows as rows,
        samples as samples,
        topics as topics,
    )
else:
    __getattr__ = on_demand(__name__)
