"""Calls that compare a store with topology files, and make it so."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from store.api.base import Calls
from store.errors import StalePlan
from store.log import retention

if TYPE_CHECKING:
    from store.db import Snapshot
    from store.topology.reading import Source
    from store.topology.steps import Plan

    File: TypeAlias = Source | str | os.PathLike[str]


class TopologyCalls(Calls):
    """Topologies: plan, apply, export. What they need is loaded when it is first called."""

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

        With `prune`, what the files' topologies created and the files have no more is deleted.
        Raises `InvalidTopology`, and `StalePlan` when the steps are no longer the `expected` ones.
        """
        from store.topology.applying import carry_out

        with self._write() as tx:
            plan = _plan(tx, sources, prune)
            if expected is not None and not plan.is_same_as(expected):
                raise StalePlan(
                    "the store has changed since the plan was made; nothing was applied",
                    hint="look at the new plan: mq plan FILE…",
                )
            carry_out(tx, plan)
        self._in_steps(retention.drain)
        return plan

    def topologies(self) -> set[str]:
        """The names of the topologies that something in the store belongs to."""
        from store.topology import present

        with self._read() as tx:
            return {thing.label for thing in present.read(tx) if thing.label is not None}

    def export(self) -> str:
        """Everything in the store as a topology file in YAML, the same for the same store."""
        from store.topology import present, writing

        with self._read() as tx:
            return writing.yaml(present.read(tx))

    def export_document(self) -> dict[str, Any]:
        """The same as plain values."""
        from store.topology import present, writing

        with self._read() as tx:
            return writing.document(present.read(tx))


def _plan(tx: Snapshot, sources: Sequence[File], prune: bool) -> Plan:
    from store.topology import planning
    from store.topology.problems import Problems
    from store.topology.reading import Source, read

    problems = Problems()
    wanted = read([Source.of(source) for source in sources], problems)
    return planning.plan(tx, wanted, problems, prune=prune)
