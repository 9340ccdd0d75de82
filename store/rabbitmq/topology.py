"""Topology files on a server: planned against what is there, applied step by step, exported."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from store.engine.features import Feature
from store.model.addresses import check_name
from store.model.errors import BadInput, NotFound, StalePlan
from store.model.maintenance import Progress
from store.model.settings import write_settings
from store.rabbitmq import policies, routes
from store.rabbitmq.base import CONTROL
from store.rabbitmq.dead_letters import ServerDeadLetters
from store.rabbitmq.exchanges import ServerExchanges
from store.rabbitmq.features import QUEUE_SETTINGS
from store.rabbitmq.queues import COLUMNS, is_ours, type_of
from store.rabbitmq.settings import LABEL, check_given, config_of
from store.topology.applying import carry_out
from store.topology.kinds import KINDS, binding_name, headers_text, queue_config
from store.topology.model import Resource, Topology
from store.topology.planning import plan
from store.topology.problems import Problems
from store.topology.reading import TopologyFile, read
from store.topology.steps import Plan, Step
from store.topology.target import Facts
from store.topology.writing import document, yaml

File = TopologyFile | str | os.PathLike[str]
_KINDS = {"topic": Feature.TOPICS, "group": Feature.GROUPS, "share": Feature.SHARES}


class _Present:
    """The things of a vhost, as of one look."""

    def __init__(self, server: ServerTopologies) -> None:
        self.policies = policies.read(server._management)
        self.queues = {
            entry["name"]: entry
            for entry in server._listed("queues", COLUMNS)
            if is_ours(entry) and entry.get("durable", True) and _is_name(entry["name"])
        }
        exchanges = server._listed("exchanges", "name,type,durable,arguments")
        self.exchanges = {
            entry["name"]: entry
            for entry in exchanges
            if routes.is_of_type(entry) and _is_name(entry["name"])
        }
        self.bindings = server._binding_entries()
        lacking = {
            name for name, feature in QUEUE_SETTINGS.items() if server.features.lacks(feature)
        }
        self._not_there = {name: KINDS["queue"].defaults[name] for name in lacking}

    def topology(self) -> Topology:
        """Return it as topology files know it; what they can't name is left out."""
        things = [*self._queues(), *self._exchanges(), *self._bindings()]
        return Topology(things)

    def _queues(self) -> Iterator[Resource]:
        for name, entry in self.queues.items():
            arguments = entry.get("arguments") or {}
            effective = self.policies.effective(name, type_of(entry), arguments)
            settings = write_settings(config_of(entry, effective)) | self._not_there
            yield Resource("queue", name, settings, arguments.get(LABEL))

    def _exchanges(self) -> Iterator[Resource]:
        for name, entry in self.exchanges.items():
            arguments = entry.get("arguments") or {}
            effective = self.policies.effective(name, "exchange", arguments)
            alternate = effective.get("alternate-exchange") or effective.get("x-alternate-exchange")
            settings = {"type": entry["type"], "alternate": alternate or "none"}
            yield Resource("exchange", name, settings, arguments.get(LABEL))

    def _bindings(self) -> Iterator[Resource]:
        for entry in self.bindings:
            binding = routes.binding_of(entry)
            known = self.exchanges if binding.kind == "exchange" else self.queues
            if binding.exchange not in self.exchanges or binding.name not in known:
                continue
            settings = {
                "from": binding.exchange,
                "to": binding.destination,
                "key": binding.key,
                "headers": headers_text(binding.headers),
                "match": binding.match,
            }
            label = (entry.get("arguments") or {}).get(LABEL)
            yield Resource("binding", binding_name(settings), settings, label)


class ServerTopologies(ServerDeadLetters, ServerExchanges):
    """Plans, and their steps carried out: a step that is done already is no mistake."""

    refers_ahead = True

    def plan(self, sources: Sequence[File], *, prune: bool = False) -> Plan:
        """Return the plan of topology files; raises `InvalidTopology` with all problems."""
        problems = Problems()
        wanted = read([TopologyFile.of(source) for source in sources], problems)
        present = _Present(self)
        self._check_present(wanted, present, problems)
        return plan(
            present.topology(), self._counts(present), wanted, problems, prune=prune,
            refusal=self._refusal,
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
                "the server has changed since the plan was made; nothing was applied",
                hint="look at the new plan: mq plan FILE",
            )
        carry_out(self, planned, progress)
        return planned

    def topologies(self) -> set[str]:
        """Return the names of the topologies that own something in the vhost."""
        return {thing.label for thing in _Present(self).topology() if thing.label is not None}

    def export(self) -> str:
        """Return the queues, exchanges and bindings of the vhost as a topology file in YAML."""
        return yaml(_Present(self).topology())

    def export_document(self) -> dict[str, Any]:
        """Return the same as plain values."""
        return document(_Present(self).topology())

    def carry_out(self, step: Step) -> None:
        """Create, change or delete one thing; a new one gets its label."""
        match step.kind, step.action:
            case "queue", "delete":
                self._delete_queue(step.name)
            case "queue", "create":
                self._create(step.name, queue_config(step.thing.settings), step.thing.label)
            case "queue", _:
                self._alter(step.name, queue_config(step.thing.settings))
            case "exchange", _:
                self._carry_out_exchange(step)
            case _:
                self._carry_out_binding(step)

    def adopt(self, thing: Resource) -> None:
        """Leave a thing with its first owner: the label of a thing is an argument, for ever."""

    def _carry_out_exchange(self, step: Step) -> None:
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
                self._unbind(*ends, routes.arguments_in(entry))
        else:
            self._bind(*ends, routes.arguments_of(headers, match, step.thing.label))

    def _delete_queue(self, name: str) -> None:
        with self._connection.channel(CONTROL, f"queue {name}") as channel:
            channel.queue_delete(name)
        policies.remove(self._management, "queue", name)

    def _counts(self, present: _Present) -> Any:
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

    def _refusal(self, thing: Resource, setting: str | None) -> str | None:
        """Say why a thing, or a setting as a file gives it, can't be had here."""
        feature = _KINDS.get(thing.kind)
        if setting is None:
            return None if feature is None else self.features.refusal(feature).message
        if thing.kind != "queue":
            return None
        value = KINDS["queue"].values({setting: thing.settings[setting]})[setting]
        try:
            check_given(self.features, {setting: value})
        except BadInput as error:
            return f"{error.message}: {error.hint}" if error.hint else error.message
        return None

    def _check_present(self, wanted: Topology, present: _Present, problems: Problems) -> None:
        """Refuse what an existing queue can't become, and name policies of other people."""
        for thing in wanted.of("queue"):
            entry = present.queues.get(thing.name)
            if entry is not None:
                _check_arguments(thing, entry, problems)
                _check_policies(thing, type_of(entry), present.policies, problems)
        for thing in wanted.of("exchange"):
            if thing.name in present.exchanges:
                _check_policies(thing, "exchange", present.policies, problems)


def _check_arguments(thing: Resource, entry: Mapping[str, Any], problems: Problems) -> None:
    arguments = entry.get("arguments") or {}
    config = queue_config(thing.settings)
    if bool(arguments.get("x-single-active-consumer")) != config.single_active:
        problems.error(
            thing.place_of("single_active"),
            f"single_active of queue {thing.name} can't change: declare another queue and move the"
            " messages",
        )
    if type_of(entry) == "classic" and config.max_deliveries is not None:
        problems.error(
            thing.place_of("max_deliveries"),
            f"queue {thing.name} is a classic queue, which counts no deliveries: declare another"
            " queue and move the messages",
        )


def _check_policies(
    thing: Resource, type: str, known: policies.VhostPolicies, problems: Problems
) -> None:
    """Note a policy of other people that holds for a thing: only one policy does."""
    winner = known.in_force(thing.name, type)
    kind: policies.Kind = "exchange" if type == "exchange" else "queue"
    if winner is None or winner == policies.policy_name(kind, thing.name):
        return
    if known.priority(winner) >= policies.PRIORITY:
        problems.error(
            thing.place,
            f"policy {winner} holds for {kind} {thing.name}, and its priority"
            f" {known.priority(winner):g} is not below {policies.PRIORITY}, that of mq's: lower it",
        )
    else:
        problems.warning(
            thing.place,
            f"policy {winner} holds for {kind} {thing.name}; one of mq's, where it sets one, takes"
            " its place with all of its keys",
        )


def _is_name(name: str) -> bool:
    try:
        check_name(name)
    except BadInput:
        return False
    return True
