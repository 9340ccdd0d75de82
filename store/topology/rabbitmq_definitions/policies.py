"""Policies: the one in force for a queue or an exchange, and its effect on the arguments."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from store.model.errors import BadInput
from store.model.patterns import Pattern
from store.topology.rabbitmq_definitions.definitions import Definitions, Losses

# The smaller number holds: of a policy and an argument, and of a policy and an operator policy.
_SMALLER = frozenset(
    {"message-ttl", "max-length", "max-length-bytes", "delivery-limit", "expires",
     "max-in-memory-length", "max-in-memory-bytes"}
)  # fmt: skip
_APPLIES: dict[str, frozenset[str]] = {
    "all": frozenset({"classic", "quorum", "stream", "exchange"}),
    "queues": frozenset({"classic", "quorum", "stream"}),
    "classic_queues": frozenset({"classic"}),
    "quorum_queues": frozenset({"quorum"}),
    "streams": frozenset({"stream"}),
    "exchanges": frozenset({"exchange"}),
}


@dataclass(frozen=True, slots=True)
class _Policy:
    name: str
    pattern: Pattern
    applies_to: frozenset[str]
    priority: float
    definition: dict[str, Any]

    def matches(self, name: str, kind: str) -> bool:
        return kind in self.applies_to and self.pattern.is_in(name, f"{kind} {name}")


class Policies:
    """The policies of a virtual host. At most one of them is in force for a thing, and one
    operator's.
    """

    def __init__(self, definitions: Definitions, losses: Losses) -> None:
        self._losses = losses
        self._taken: set[str] = set()
        self._policies = self._read(definitions.of("policies"))
        operators = [
            {"name": entry.get("name"), **entry["value"]}
            for entry in definitions.of("parameters")
            if entry.get("component") == "operator_policy" and isinstance(entry.get("value"), dict)
        ]
        self._operators = self._read([*operators, *definitions.of("operator_policies")])

    def arguments(self, name: str, kind: str, given: dict[str, Any]) -> dict[str, Any]:
        """Return the arguments of a thing and its policies; an argument wins over a policy.

        Policies have no `x-` before the names of arguments, the results have. The smaller one of
        two numbers holds; where operators and users disagree otherwise, the operator wins.
        """
        user = self._effective(self._policies, name, kind)
        operator = self._effective(self._operators, name, kind)
        policy = _merged(user, operator, winner=operator)
        plain = {argument.removeprefix("x-"): value for argument, value in given.items()}
        merged = _merged(plain, policy, winner=plain)
        originals = {argument.removeprefix("x-"): argument for argument in given}
        return {originals.get(key, f"x-{key}"): value for key, value in merged.items()}

    def in_force(self, name: str, kind: str) -> str | None:
        """Return the name of the users' policy that holds for a thing."""
        return next((policy.name for policy in self._policies if policy.matches(name, kind)), None)

    def lose_rest(self) -> None:
        """Note the policies that match nothing in the file: here nothing waits for a name."""
        for policy in (*self._policies, *self._operators):
            if policy.name not in self._taken:
                self._losses.add(
                    f"policy {policy.name}",
                    "it holds for nothing in the file; here each queue has its own settings",
                )

    def _effective(self, policies: list[_Policy], name: str, kind: str) -> dict[str, Any]:
        matching = [policy for policy in policies if policy.matches(name, kind)]
        if not matching:
            return {}
        first, *rest = matching
        self._taken.add(first.name)
        if rest and rest[0].priority == first.priority:
            self._losses.add(
                f"policies {first.name} and {rest[0].name}",
                f"both have priority {first.priority:g} and match {name}; RabbitMQ leaves open"
                f" which holds, here it is {first.name}",
            )
        return first.definition

    def _read(self, entries: Iterable[dict[str, Any]]) -> list[_Policy]:
        found = [policy for entry in entries if (policy := self._policy(entry)) is not None]
        return sorted(found, key=lambda policy: (-policy.priority, policy.name))

    def _policy(self, entry: dict[str, Any]) -> _Policy | None:
        name, definition = str(entry.get("name", "")), entry.get("definition")
        applies_to = _APPLIES.get(str(entry.get("apply-to") or "all"))
        priority = entry.get("priority") or 0
        if (
            not isinstance(definition, dict)
            or applies_to is None
            or not isinstance(priority, int | float)
        ):
            self._losses.add(f"policy {name}", "it can't be read, so it holds for nothing")
            return None
        try:
            pattern = Pattern(str(entry.get("pattern", "")))
        except BadInput as error:
            self._losses.add(f"policy {name}", f"its pattern can't be read: {error.message}")
            return None
        return _Policy(name, pattern, applies_to, priority, definition)


def _merged(
    first: dict[str, Any], second: dict[str, Any], *, winner: dict[str, Any]
) -> dict[str, Any]:
    merged = {**first, **second, **winner}
    for key in _SMALLER & first.keys() & second.keys():
        numbers = [value for value in (first[key], second[key]) if _is_number(value)]
        # A negative limit is none.
        limits = [number for number in numbers if number >= 0]
        if len(numbers) == 2:
            merged[key] = min(limits or numbers)
    return merged


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
