"""Topology files on an account: planned against its queues, applied step by step, exported."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from store import model, sqs
from store.model.errors import Hint, NotFound, StalePlan
from store.sqs.dead_letters import AccountDeadLetters

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from store.model.maintenance import Progress
    from store.topology.model import Resource
    from store.topology.reading import TopologyFile
    from store.topology.steps import Plan, Step
    from store.topology.target import Counts, Facts

    File = TopologyFile | str | os.PathLike[str]


class AccountTopologies(AccountDeadLetters):
    """Plans, and their steps carried out: a step that is done already is no mistake."""

    refers_ahead = False

    def plan(self, sources: Sequence[File], *, prune: bool = False) -> Plan:
        """Return the plan of topology files; raises `InvalidTopology` with all problems."""
        from store import topology

        problems = topology.problems.Problems()
        files = [topology.reading.TopologyFile.of(source) for source in sources]
        wanted = topology.reading.read(files, problems, self.features.engine)
        present = sqs.present.PresentQueues(self)
        return topology.planning.plan(
            present.topology(wanted), self._counts(present), wanted, problems, prune=prune,
            refusal=self.refusal,
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
                "the queues have changed since the plan was made; nothing was applied",
                hint=Hint("look at the new plan: {}", model.looks.PlanTopology()),
            )
        from store import topology

        topology.applying.carry_out(self, planned, progress)
        return planned

    def refusal(self, thing: Resource, setting: str | None) -> str | None:
        """Say why SQS can't have a thing, its name, or a setting of it as a file gives it."""
        return sqs.present.refusal(self.features, self._prefix, thing, setting)

    def topologies(self) -> set[str]:
        """Return the names of the topologies that own a queue."""
        return set(self._labels(self._names()).values())

    def export(self) -> str:
        """Return the queues as a topology file in YAML."""
        from store import topology

        return topology.writing.yaml(sqs.present.PresentQueues(self).topology())

    def export_document(self) -> dict[str, Any]:
        """Return the same as plain values."""
        from store import topology

        return topology.writing.document(sqs.present.PresentQueues(self).topology())

    def carry_out(self, step: Step) -> None:
        """Create, change or delete one queue; a new one gets its label as a tag."""
        from store.topology.kinds import queue_config

        config = sqs.settings.with_implied(queue_config(step.thing.settings))
        if step.action == "create":
            self._create(step.name, config, step.thing.label)
        elif step.action == "change":
            self._alter(step.name, self.queue_config(step.name), config)
        else:
            try:
                self._delete(step.name)
            except NotFound:
                return

    def adopt(self, thing: Resource) -> None:
        """Note by its tag that a queue belongs to the topology of its label."""
        if thing.label is not None:
            self._queue_call("tag_queue", thing.name, Tags={sqs.settings.LABEL: thing.label})

    def _labels(self, names: Sequence[str]) -> dict[str, str]:
        """Return the topology that owns each of these queues, where one does."""
        if not names:
            return {}
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(min(sqs.queues.AT_ONCE, len(names))) as pool:
            tags = list(pool.map(self._tags, names))
        return {
            name: own[sqs.settings.LABEL]
            for name, own in zip(names, tags, strict=True)
            if sqs.settings.LABEL in own
        }

    def _tags(self, name: str) -> dict[str, str]:
        try:
            answer = self._queue_call("list_queue_tags", name)
        except NotFound:
            return {}
        tags: dict[str, str] = answer.get("Tags") or {}
        return tags

    def _counts(self, present: sqs.present.PresentQueues) -> Counts:
        def counts(thing: Resource) -> Facts:
            attributes = present.attributes.get(thing.name)
            if thing.kind != "queue" or attributes is None:
                return {}
            return {
                "messages": self._status(
                    thing.name, attributes, present.config(thing.name)
                ).messages
            }

        return counts
