"""Topology files on a cluster: planned against its topics, applied step by step, exported."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from store import kafka, model
from store.engine.features import Feature, lacking
from store.kafka.topics import ClusterTopics
from store.model.errors import Exists, Hint, StalePlan

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from store.model.maintenance import Progress
    from store.topology.model import Resource, Topology
    from store.topology.reading import TopologyFile
    from store.topology.steps import Plan, Step
    from store.topology.target import Facts

    File = TopologyFile | str | os.PathLike[str]


class ClusterTopologies(ClusterTopics):
    """Plans, and their steps carried out; nothing there can hold a label, so nothing is pruned."""

    refers_ahead = True

    def plan(self, sources: Sequence[File], *, prune: bool = False) -> Plan:
        """Return the plan of topology files; raises `InvalidTopology` with all problems."""
        self.features.need(Feature.TOPOLOGY)
        if prune:
            raise lacking(self, Feature.OWNERSHIP)
        from store import topology

        problems = topology.problems.Problems()
        files = [topology.reading.TopologyFile.of(source) for source in sources]
        wanted = topology.reading.read(files, problems, self.features.engine)
        setups = self._setups()
        replicas = {name: setup.replicas for name, setup in setups.items()}
        kafka.present.check(wanted, replicas, problems)
        return topology.planning.plan(
            kafka.present.topology(self, wanted), self._facts, wanted, problems,
            prune=prune, refusal=self.refusal,
        )  # fmt: skip

    def apply(
        self,
        sources: Sequence[File],
        *,
        prune: bool = False,
        expected: Plan | None = None,
        progress: Progress | None = None,
    ) -> Plan:
        """Carry out the steps of a plan one after the other; the first that fails ends it.

        Applying again goes on. Raises `StalePlan` when the steps are no longer the `expected` ones.
        """
        planned = self.plan(sources, prune=prune)
        if expected is not None and not planned.is_same_as(expected):
            raise StalePlan(
                "the cluster has changed since the plan was made; nothing was applied",
                hint=Hint("look at the new plan: {}", model.looks.PlanTopology()),
            )
        from store import topology

        topology.applying.carry_out(self, planned, progress)
        return planned

    def refusal(self, thing: Resource, setting: str | None) -> str | None:
        """Say why Kafka can't have a thing, or a setting of it as a file gives it."""
        return kafka.present.refusal(self.features, thing, setting)

    def topologies(self) -> set[str]:
        """Return no name: nothing there can hold the label of a topology."""
        return set()

    def export(self) -> str:
        """Return the topics of the cluster as a topology file in YAML: only what is set on them."""
        from store import topology

        return topology.writing.yaml(self._present())

    def export_document(self) -> dict[str, Any]:
        """Return the same as plain values."""
        from store import topology

        return topology.writing.document(self._present())

    def carry_out(self, step: Step) -> None:
        """Create or change one topic; only what a file names is set, and the rest taken back."""
        from store.topology.kinds import TOPIC_KIND

        thing = step.thing
        values = TOPIC_KIND.values(thing.settings)
        partitions = values.pop("partitions")
        if step.action == "create":
            named = {
                name: value
                for name, value in values.items()
                if name in thing.places and name in kafka.settings.KEYS
            }
            replicas = thing.native.get(kafka.present.REPLICAS)
            with suppress(Exists):
                self._create_topic(
                    step.name, partitions, named, *([] if replicas is None else [int(replicas)])
                )
            return
        changed = {change.setting for change in step.changes}
        if "partitions" in changed:
            self._add_partitions(step.name, partitions)
        default = kafka.settings.DEFAULT
        self._set(
            step.name,
            {
                name: value if name in thing.places else default
                for name, value in values.items()
                if name in changed
            },
        )

    def adopt(self, thing: Resource) -> None:
        """Do nothing: no thing there has an owner."""

    def _present(self) -> Topology:
        self.features.need(Feature.TOPOLOGY)
        from store.topology.model import Topology

        return kafka.present.topology(self, Topology())

    def _facts(self, thing: Resource) -> Facts:
        if thing.kind != "topic":
            return {}
        return {"records": sum(one.records for one in self.topic(thing.name).partitions)}
