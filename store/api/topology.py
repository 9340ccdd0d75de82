"""Calls that compare a store with topology files, and make it so."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from store import topology
from store.api.base import Calls
from store.model.errors import StalePlan
from store.sqlite import log

if TYPE_CHECKING:
    from store.sqlite.file.database import Snapshot
    from store.topology.reading import Source
    from store.topology.steps import Plan

    File: TypeAlias = Source | str | os.PathLike[str]


class TopologyCalls(Calls):
    """Topologies: plan, apply, export."""

    def plan(self, sources: Sequence[File], *, prune: bool = False) -> Plan:
        """What applying topology files would do; raises `InvalidTopology` with all that is wrong.

        A source is a path, or a `Source` with a name and bytes.
        """
        with self._read() as tx:
            return _plan(tx, sources, prune)

    def apply(
        self, sources: Sequence[File], *, prune: bool = False, expected: Plan | None = None
    ) -> Plan:
        """Make the store what the files say, in one transaction; the steps that were done.

        What is over changed limits then goes in steps, as in `alter_queue`.

        With `prune`, what the files' topologies created and the files have no more is deleted.
        Raises `InvalidTopology`, and `StalePlan` when the steps are no longer the `expected` ones.
        """
        with self._write() as tx:
            plan = _plan(tx, sources, prune)
            if expected is not None and not plan.is_same_as(expected):
                raise StalePlan(
                    "the store has changed since the plan was made; nothing was applied",
                    hint="look at the new plan: mq plan FILE…",
                )
            settlings = topology.applying.carry_out(tx, plan)
        for settling in settlings:
            self._in_steps(settling.step)
        self._in_steps(log.retention.drain)
        return plan

    def topologies(self) -> set[str]:
        """The names of the topologies that something in the store belongs to."""
        with self._read() as tx:
            return {thing.label for thing in topology.present.read(tx) if thing.label is not None}

    def export(self) -> str:
        """Everything in the store as a topology file in YAML, the same for the same store."""
        with self._read() as tx:
            return topology.writing.yaml(topology.present.read(tx))

    def export_document(self) -> dict[str, Any]:
        """The same as plain values."""
        with self._read() as tx:
            return topology.writing.document(topology.present.read(tx))


def _plan(tx: Snapshot, sources: Sequence[File], prune: bool) -> Plan:
    problems = topology.problems.Problems()
    wanted = topology.reading.read(
        [topology.reading.Source.of(source) for source in sources], problems
    )
    return topology.planning.plan(tx, wanted, problems, prune=prune)
