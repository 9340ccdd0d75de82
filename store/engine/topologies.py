"""What an engine offers of topologies."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, Protocol

from store.model.maintenance import Progress
from store.topology.reading import Source
from store.topology.steps import Plan


class Topologies(Protocol):
    """Topology files: planned against what there is, applied, exported."""

    def plan(
        self, sources: Sequence[Source | str | os.PathLike[str]], *, prune: bool = False
    ) -> Plan:
        """What applying topology files would do; raises `InvalidTopology`."""

    def apply(
        self,
        sources: Sequence[Source | str | os.PathLike[str]],
        *,
        prune: bool = False,
        expected: Plan | None = None,
        progress: Progress | None = None,
    ) -> Plan:
        """Make the store what the files say, in one transaction; the steps that were done."""

    def topologies(self) -> set[str]:
        """The names of the topologies that something in the store belongs to."""

    def export(self) -> str:
        """Everything in the store as a topology file in YAML, the same for the same store."""

    def export_document(self) -> dict[str, Any]:
        """The same as plain values."""
