"""The protocol of topologies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from store.engine.features import Feature, Featured, lacking

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from store.model.maintenance import Progress
    from store.topology.model import Resource
    from store.topology.reading import TopologyFile
    from store.topology.steps import Plan


class Topologies(Featured, Protocol):
    """Topology files: planned against the present state, applied, exported."""

    def plan(
        self, sources: Sequence[TopologyFile | str | os.PathLike[str]], *, prune: bool = False
    ) -> Plan:
        """Return the plan of topology files; raises `InvalidTopology`."""
        raise lacking(self, Feature.TOPOLOGY)

    def apply(
        self,
        sources: Sequence[TopologyFile | str | os.PathLike[str]],
        *,
        prune: bool = False,
        expected: Plan | None = None,
        progress: Progress | None = None,
    ) -> Plan:
        """Make the place match the files; return the steps that were done.

        A file does all of them in one transaction. A server does one after the other and stops at
        the first that fails: `progress` has told how many are done, and applying again goes on.
        """
        raise lacking(self, Feature.TOPOLOGY)

    def refusal(self, thing: Resource, setting: str | None) -> str | None:
        """Say why the engine can't have a thing (`None`), or a setting of it; `None` if it can.

        It tells from the declaration alone: nothing of the place is looked at.
        """
        raise lacking(self, Feature.TOPOLOGY)

    def topologies(self) -> set[str]:
        """Return the names of the topologies that own something in the store."""
        raise lacking(self, Feature.TOPOLOGY)

    def export(self) -> str:
        """Return the whole store as a topology file in YAML, the same for the same store."""
        raise lacking(self, Feature.TOPOLOGY)

    def export_document(self) -> dict[str, Any]:
        """Return the same as plain values."""
        raise lacking(self, Feature.TOPOLOGY)
