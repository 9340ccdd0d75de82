"""Topology files on a server: planned against what is there, applied step by step, exported."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from store import model, rabbitmq
from store.model.errors import Hint, NotFound, StalePlan
from store.rabbitmq.base import CONTROL
from store.rabbitmq.dead_letters import ServerDeadLetters
from store.rabbitmq.exchanges import ServerExchanges
from store.rabbitmq.groups import ServerGroups

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from store.model.maintenance import Progress
    from store.topology.model import Resource
    from store.topology.reading import TopologyFile
    from store.topology.steps import Plan, Step
    from store.topology.target import Counts, Facts

    File = TopologyFile | str | os.PathLike[str]


class ServerTopologies(ServerDeadLetters, ServerExchanges, ServerGroups):
    """Plans, and their steps carried out: a step that is done already is no mistake."""

    refers_ahead = True

    def plan(self, sources: Sequence[File], *, prune: bool = False) -> Plan:
        """Return the plan of topology files; raises `InvalidTopology` with all problems."""
        from store import topology

        problems = topology.problems.Problems()
        files = [topology.reading.TopologyFile.of(source) for source in sources]
        wanted = topology.reading.read(files, problems, self.features.engine)
        present = rabbitmq.present.Present(self)
        rabbitmq.present.check(wanted, present, problems)
        things = present.topology()
        planned = topology.planning.plan(
            things, self._counts(present), wanted, problems, prune=prune,
            refusal=self.refusal,
        )  # fmt: skip
        return rabbitmq.present.keeping_owners(planned, things)

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
                "the server has changed since the plan was made; nothing was applied",
                hint=Hint("look at the new plan: {}", model.looks.PlanTopology()),
            )
        from store import topology

        topology.applying.carry_out(self, planned, progress)
        return planned

    def refusal(self, thing: Resource, setting: str | None) -> str | None:
        """Say why RabbitMQ can't have a thing, or a setting of it as a file gives it."""
        return rabbitmq.refusals.refusal(self.features, thing, setting)

    def topologies(self) -> set[str]:
        """Return the names of the topologies that own something in the vhost."""
        things = rabbitmq.present.Present(self).topology()
        return {thing.label for thing in things if thing.label is not None}

    def export(self) -> str:
        """Return the queues, exchanges and bindings of the vhost as a topology file in YAML."""
        from store import topology

        return topology.writing.yaml(rabbitmq.present.Present(self).topology())

    def export_document(self) -> dict[str, Any]:
        """Return the same as plain values."""
        from store import topology

        return topology.writing.document(rabbitmq.present.Present(self).topology())

    def carry_out(self, step: Step) -> None:
        """Create, change or delete one thing; a new one gets its label."""
        from store.topology.kinds import queue_config

        match step.kind, step.action:
            case "queue", "delete":
                self._delete_queue(step.name)
            case "queue", "create":
                self._create(step.name, queue_config(step.thing.settings), step.thing.label)
            case "queue", _:
                self._alter(step.name, queue_config(step.thing.settings))
            case "exchange", _:
                self._carry_out_exchange(step)
            case "topic", _:
                self._carry_out_topic(step)
            case _:
                self._carry_out_binding(step)

    def adopt(self, thing: Resource) -> None:
        """Leave a thing with its first owner: the label of a thing is an argument, for ever."""

    def _carry_out_topic(self, step: Step) -> None:
        from store.topology.kinds import topic_config

        config, partitions = topic_config(step.thing.settings), step.thing.settings["partitions"]
        if step.action == "create":
            self._create_topic(step.name, int(partitions), config, step.thing.label)
        elif step.action == "change":
            self._put_retention(step.name, config)
        else:
            self._delete_topic(step.name, int(partitions))

    def _carry_out_exchange(self, step: Step) -> None:
        from store.topology.kinds import KINDS

        values = KINDS["exchange"].values(step.thing.settings)
        if step.action == "create":
            self._create_exchange(step.name, values["type"], values["alternate"], step.thing.label)
        elif step.action == "change":
            self._put_alternate(step.name, values["alternate"])
        else:
            with suppress(NotFound):
                self.delete_exchange(step.name)

    def _carry_out_binding(self, step: Step) -> None:
        settings = step.thing.settings
        headers, match = json.loads(settings["headers"]), settings["match"]
        ends = settings["from"], settings["to"], settings["key"]
        if step.action == "delete":
            for entry in self._bound(*ends, headers, match):
                self._unbind(*ends, rabbitmq.routes.arguments_in(entry))
        else:
            self._bind(*ends, rabbitmq.routes.arguments_of(headers, match, step.thing.label))

    def _delete_queue(self, name: str) -> None:
        with self._connection.channel(CONTROL, f"queue {name}") as channel:
            channel.queue_delete(name)
        rabbitmq.policies.remove(self._management, "queue", name)

    def _counts(self, present: rabbitmq.present.Present) -> Counts:
        def counts(thing: Resource) -> Facts:
            entry = present.queues.get(thing.name, {}) if thing.kind == "queue" else {}
            facts = {
                "messages": self._ready(thing.name) + (entry.get("messages_unacknowledged") or 0)
                if entry
                else None,
                "bytes": entry.get("message_bytes"),
            }
            return {name: number for name, number in facts.items() if number is not None}

        return counts
