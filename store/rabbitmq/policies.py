"""VhostPolicies: one for each queue or exchange of ours, and the one that is in force."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from store.model.errors import NotFound
from store.rabbitmq.management import Management, named
from store.topology.rabbitmq_definitions.definitions import Definitions, Losses
from store.topology.rabbitmq_definitions.policies import Policies as Resolved

Kind = Literal["queue", "exchange", "topic"]
PRIORITY = 100
# A topic has a stream for each partition.
_PARTITIONS = "-[0-9]+"
_APPLIES = {"queue": "queues", "exchange": "exchanges", "topic": "queues"}


class VhostPolicies:
    """The policies of a vhost as of one look.

    The policy that a queue itself shows is up to ten seconds old, so the list is resolved here.
    """

    def __init__(
        self, entries: Sequence[dict[str, Any]], operators: Sequence[dict[str, Any]]
    ) -> None:
        document = {"policies": entries, "operator_policies": operators, "parameters": []}
        self._resolved = Resolved(Definitions(document, ""), Losses())
        self._entries = {entry["name"]: entry for entry in entries}

    def effective(self, name: str, type: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments of a thing and its policies as one, each with an `x-`."""
        return self._resolved.arguments(name, type, dict(arguments))

    def in_force(self, name: str, type: str) -> str | None:
        """Return the name of the policy that holds for a thing."""
        return self._resolved.in_force(name, type)

    def priority(self, policy: str) -> float:
        """Return the priority of a policy by its name."""
        return float(self._entries[policy].get("priority") or 0)

    def definition(self, policy: str) -> dict[str, Any] | None:
        """Return the definition of a policy by its name."""
        entry = self._entries.get(policy)
        return None if entry is None else dict(entry["definition"])


def read(management: Management) -> VhostPolicies:
    """Return the present policies of the vhost."""
    entries = management.get("policies/{vhost}", "policies")
    return VhostPolicies(
        _alone(entries), _alone(management.get("operator-policies/{vhost}", "policies"))
    )


def put(management: Management, kind: Kind, name: str, definition: Mapping[str, Any]) -> None:
    """Set the policy of a queue, exchange or topic; an empty definition removes it."""
    path = f"policies/{{vhost}}/{named(policy_name(kind, name))}"
    subject = f"policy {policy_name(kind, name)}"
    if not definition:
        remove(management, kind, name)
        return
    management.put(
        path,
        subject,
        {
            "pattern": f"^{re.escape(name)}{_PARTITIONS if kind == 'topic' else ''}$",
            "apply-to": _APPLIES[kind],
            "priority": PRIORITY,
            "definition": definition,
        },
    )


def remove(management: Management, kind: Kind, name: str) -> None:
    """Remove the policy of a queue or exchange, if it has one of ours."""
    path = f"policies/{{vhost}}/{named(policy_name(kind, name))}"
    try:
        management.delete(path, f"policy {policy_name(kind, name)}")
    except NotFound:
        return


def policy_name(kind: Kind, name: str) -> str:
    """Return the name of our policy for a queue, an exchange or a topic."""
    return f"mq.{name}" if kind == "queue" else f"mq.{kind}.{name}"


def _alone(entries: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the entries without their vhost, which is the same for all."""
    return [{key: value for key, value in entry.items() if key != "vhost"} for entry in entries]
