"""Stalls: the blocker, the cause, since when, and the ways out."""

from typing import TYPE_CHECKING

from store.lazy import on_demand

if TYPE_CHECKING:
    from store.sqlite.operations.stalls import (
        evidence as evidence,
        explain as explain,
        fifo as fifo,
        groups as groups,
        leased as leased,
        ranking as ranking,
        remedies as remedies,
        shares as shares,
        terms as terms,
    )
else:
    __getattr__ = on_demand(__name__)
