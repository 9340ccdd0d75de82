"""The advice: the place of a workload, the reasons, the things to create, and the risks."""

from __future__ import annotations

from dataclasses import dataclass

from store.advice import caveats
from store.advice.caveats import OneWayDoor
from store.advice.creation import Topology, topology
from store.advice.placements import TITLES, Placement, factors_of, row_of
from store.advice.products import Product, products_for
from store.advice.reasons import Reason, reasons_for
from store.advice.sizing import Sizing, size
from store.advice.workload import Workload, check


@dataclass(frozen=True, slots=True)
class Advice:
    """An answer about a workload. `reasons` and `products` are ranked, the first weighs most."""

    place: Placement
    title: str
    because: str
    reasons: tuple[Reason, ...]
    sizing: Sizing
    topology: Topology
    products: tuple[Product, ...]
    one_way_doors: tuple[OneWayDoor, ...]
    head_of_line: str
    duplicates: str
    durability: str
    warnings: tuple[str, ...]


def advise(workload: Workload) -> Advice:
    """Judge a workload by the decision table in `places`; raises `BadInput` on contradictions."""
    check(workload)
    factors = factors_of(workload)
    row = row_of(factors)
    place, sizing = row.place, size(workload, row.place)
    return Advice(
        place=place,
        title=_title(workload, place),
        because=row.because,
        reasons=reasons_for(workload, factors),
        sizing=sizing,
        topology=topology(workload, place, sizing),
        products=products_for(workload, place, sizing),
        one_way_doors=caveats.one_way_doors(workload, place),
        head_of_line=caveats.head_of_line(workload, place, sizing),
        duplicates=caveats.duplicates(workload, place),
        durability=caveats.durability(workload),
        warnings=caveats.warnings(workload, place, sizing),
    )


def _title(workload: Workload, place: Placement) -> str:
    several = len(workload.readers) > 1 and place in {Placement.QUEUE, Placement.FIFO_QUEUE}
    return f"{TITLES[place]} for each reader, behind an exchange" if several else TITLES[place]
