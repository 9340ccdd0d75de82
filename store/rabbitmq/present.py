"""The things of a vhost as topology files know them, and which of the wanted ones can't be had."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from store.model.addresses import check_name
from store.model.errors import BadInput
from store.model.settings import write_settings
from store.rabbitmq import policies, routes
from store.rabbitmq.features import QUEUE_SETTINGS
from store.rabbitmq.queues import COLUMNS, is_ours, type_of
from store.rabbitmq.settings import LABEL, config_of
from store.rabbitmq.super_streams import is_super_stream, stream_name, topic_config_of
from store.topology.kinds import KINDS, binding_name, headers_text, queue_config
from store.topology.model import Resource, Topology
from store.topology.problems import Problems

if TYPE_CHECKING:
    from store.rabbitmq.topology import ServerTopologies
    from store.topology.steps import Plan


class Present:
    """The things of a vhost, as of one look."""

    def __init__(self, server: ServerTopologies) -> None:
        self.policies = policies.read(server._management)
        listed = server._listed("queues", COLUMNS)
        names = [entry["name"] for entry in listed if type_of(entry) == "stream"]
        self.queues = {
            entry["name"]: entry
            for entry in listed
            if is_ours(entry) and entry.get("durable", True) and _is_name(entry["name"])
        }
        exchanges = server._listed("exchanges", "name,type,durable,arguments")
        self.exchanges = {
            entry["name"]: entry
            for entry in exchanges
            if routes.is_of_type(entry) and _is_name(entry["name"])
        }
        self.bindings = server._binding_entries()
        self.topics = {
            entry["name"]: len(streams)
            for entry in exchanges
            if is_super_stream(entry)
            and (streams := [q for q in names if _is_partition(q, entry["name"])])
        }
        self._labels = {
            entry["name"]: (entry.get("arguments") or {}).get(LABEL) for entry in exchanges
        }
        lacking = {
            name for name, feature in QUEUE_SETTINGS.items() if server.features.lacks(feature)
        }
        self._not_there = {name: KINDS["queue"].defaults[name] for name in lacking}

    def topology(self) -> Topology:
        """Return it as topology files know it; what they can't name is left out."""
        things = [*self._topics(), *self._queues(), *self._exchanges(), *self._bindings()]
        return Topology(things)

    def _topics(self) -> Iterator[Resource]:
        for name, partitions in self.topics.items():
            config = topic_config_of(self.policies.effective(stream_name(name, 0), "stream", {}))
            settings = {"partitions": str(partitions), **write_settings(config)}
            yield Resource("topic", name, settings, self._labels[name])

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
            settings = {"type": entry["type"], "alternate": alternate or "none", "labels": "none"}
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


def check(wanted: Topology, present: Present, problems: Problems) -> None:
    """Refuse what an existing queue can't become, and name policies of other people."""
    for thing in wanted.of("queue"):
        entry = present.queues.get(thing.name)
        if entry is not None:
            _check_arguments(thing, entry, problems)
            _check_policies(thing, type_of(entry), present.policies, problems)
    for thing in wanted.of("topic"):
        count = present.topics.get(thing.name)
        if count is not None and str(count) != thing.settings["partitions"]:
            problems.error(
                thing.place_of("partitions"),
                f"topic {thing.name} has {count} partitions for ever: declare another topic",
            )
    for thing in wanted.of("exchange"):
        if thing.name in present.exchanges:
            _check_policies(thing, "exchange", present.policies, problems)


def keeping_owners(plan: Plan, present: Topology) -> Plan:
    """Return a plan that takes nothing over, and warns of each thing of another topology."""
    kept = Problems()
    for thing in plan.taken_over:
        before = present.get(thing.kind, thing.name)
        assert before is not None
        kept.warning(
            thing.place,
            f"{thing.kind} {thing.name} stays with topology {before.label}, whose --prune may"
            " delete it: its owner is an argument, which can't change",
        )
    return replace(plan, taken_over=(), warnings=(*plan.warnings, *kept.found))


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


def _is_partition(queue: str, topic: str) -> bool:
    name, _, number = queue.rpartition("-")
    return name == topic and number.isdecimal()


def _is_name(name: str) -> bool:
    try:
        check_name(name)
    except BadInput:
        return False
    return True
