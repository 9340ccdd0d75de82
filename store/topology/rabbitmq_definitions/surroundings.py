"""The rest of a definitions file beside queues, exchanges and bindings: none of it carries over."""

from __future__ import annotations

from store.topology.rabbitmq_definitions.definitions import Definitions, Losses

_PEOPLE = "who may open the store's file may do everything in it; see the file's permissions"
_PARAMETERS = {
    "shovel": "nothing moves messages by itself; run mq pipe, or mq work with mq produce",
    "federation-upstream": "there is no federation; run mq pipe, or mq work with mq produce",
    "federation-upstream-set": "there is no federation; run mq pipe, or mq work with mq produce",
    "vhost-limits": "limits are set on each queue: --max-length, --max-bytes",
}


def note_surroundings(definitions: Definitions, losses: Losses) -> None:
    """Note users, permissions, parameters and the like."""
    for section in ("users", "permissions", "topic_permissions"):
        if number := definitions.count(section):
            losses.add(f"{section.replace('_', ' ')} ({number})", _PEOPLE)
    for entry in definitions.of("parameters"):
        component = str(entry.get("component"))
        if component != "operator_policy":
            reason = _PARAMETERS.get(component, "there is nothing like it here")
            losses.add(f"{component} {entry.get('name')}", reason)
    if number := definitions.count("global_parameters"):
        losses.add(f"global parameters ({number})", "they belong to the cluster")
    for section in definitions.unknown():
        losses.add(section, "there is nothing like it here")
