"""The engine: topics, queues, shares, groups and exchanges in one SQLite file."""

from typing import TYPE_CHECKING

from store.lazy import on_demand

if TYPE_CHECKING:
    from store.sqlite import (
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
