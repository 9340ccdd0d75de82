"""The engine: topics, queues, shares, groups and exchanges in one SQLite file.

Each table has its writers in one room, and the `__init__` of the room names them, as here: writes
mq_channels (channels) and mq_first_times (idempotency). Others call them. Migrations and the
salvage of a damaged file may write any table.
"""

from typing import TYPE_CHECKING

from store.lazy import on_demand

if TYPE_CHECKING:
    from store.sqlite import (
        channels as channels,
        damage as damage,
        dead_letters as dead_letters,
        exchanges as exchanges,
        file as file,
        groups as groups,
        idempotency as idempotency,
        leases as leases,
        log as log,
        missing as missing,
        operations as operations,
        queues as queues,
        shares as shares,
        topology as topology,
    )
else:
    __getattr__ = on_demand(__name__)
