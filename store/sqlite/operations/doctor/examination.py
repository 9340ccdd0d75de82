"""The doctor's whole round through a store."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from store.advice import objectives, plumbing
from store.advice.plumbing import Plumbing
from store.model.diagnoses import Diagnosis, worst_first
from store.sqlite.damage.row_places import WHOLE
from store.sqlite.damage.suspicion import damage_behind
from store.sqlite.file.database import Snapshot
from store.sqlite.operations.doctor import (
    damage,
    durability,
    file,
    queueing,
    reading,
    stuck,
    timing,
    wiring,
)


def examine(tx: Snapshot, *, thorough: bool) -> list[Diagnosis]:
    """Return all findings, the worst first; `thorough` reads the whole file too."""
    return worst_first(_examine(tx, thorough))


def _examine(tx: Snapshot, thorough: bool) -> Iterator[Diagnosis]:
    def pipes() -> Plumbing:
        return wiring.plumbing(tx)

    checks: list[Callable[[], Iterable[Diagnosis]]] = [
        lambda: file.examine(file.facts(tx)),
        lambda: plumbing.examine(pipes()),
        lambda: stuck.examine(tx),
        lambda: damage.examine(tx),
        lambda: reading.examine(tx),
        lambda: objectives.examine(wiring.objectives(tx)),
        lambda: queueing.examine(tx),
        lambda: timing.examine(tx),
        lambda: durability.examine(tx, pipes()),
    ]
    if thorough:
        checks.insert(0, lambda: file.damage(tx))
    for check in checks:
        yield from _as_far_as_it_goes(tx, check)


def _as_far_as_it_goes(
    tx: Snapshot, check: Callable[[], Iterable[Diagnosis]]
) -> Iterator[Diagnosis]:
    """Yield the findings of a check; damage that stops it is a finding too, and the other checks go
    on.
    """
    path = tx.database.path
    try:
        yield from check()
    except Exception as error:
        if damage_behind(error, path) is None:
            raise
        yield file.broken(path, WHOLE, " ".join(str(error).split()))
