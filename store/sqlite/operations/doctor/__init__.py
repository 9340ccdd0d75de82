"""The doctor's checks: plumbing (also of files), readers, queues, and the store's file."""

from typing import TYPE_CHECKING

from store.lazy import on_demand

if TYPE_CHECKING:
    from store.sqlite.operations.doctor import examination as examination
else:
    __getattr__ = on_demand(__name__)
