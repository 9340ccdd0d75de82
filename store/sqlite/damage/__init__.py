"""Damage in the file: its signs, and finding all of it. Cold: only errors load this."""

from typing import TYPE_CHECKING

from store.lazy import on_demand

if TYPE_CHECKING:
    from store.sqlite.damage import (
        cells as cells,
        forms as forms,
        inference as inference,
        lost_records as lost_records,
        pages as pages,
        rebuild as rebuild,
        rescue as rescue,
        row_places as row_places,
        salvage as salvage,
        suspicion as suspicion,
        trees as trees,
        verification as verification,
    )
else:
    __getattr__ = on_demand(__name__)
