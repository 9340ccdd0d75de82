"""One number per partition: consumer groups, their members and their offsets.

Writes mq_groups (catalog), mq_group_topics (catalog) and mq_members (membership).
"""

from typing import TYPE_CHECKING

from store.lazy import on_demand

if TYPE_CHECKING:
    from store.sqlite.groups import (
        assignors as assignors,
        catalog as catalog,
        commit as commit,
        failures as failures,
        membership as membership,
        reset as reset,
        skip as skip,
    )
else:
    __getattr__ = on_demand(__name__)
