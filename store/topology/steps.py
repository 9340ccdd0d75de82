"""The parts of a plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from store.topology.model import Resource
from store.topology.problems import Problem

Action = Literal["create", "change", "delete"]


@dataclass(frozen=True, slots=True)
class Change:
    """A setting before and after, as text; `None` before its thing exists."""

    setting: str
    old: str | None
    new: str


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to create, change or delete.

    `risks` say why it can't be undone or breaks a promised order; `facts` count the things that
    depend on it at the moment.
    """

    action: Action
    thing: Resource
    changes: tuple[Change, ...] = ()
    risks: tuple[str, ...] = ()
    facts: Mapping[str, int] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """`topic`, `queue`, `exchange`, `binding`, `group` or `share`."""
        return self.thing.kind

    @property
    def name(self) -> str:
        """The thing's name; a binding's is all its parts."""
        return self.thing.name

    @property
    def what(self) -> tuple[object, ...]:
        """The identity of the step, independent of present counts."""
        risky = bool(self.risks)
        return self.action, self.kind, self.name, self.changes, self.thing.settings, risky


@dataclass(frozen=True, slots=True)
class Plan:
    """The steps in order, and the possible mistakes.

    `taken_over` are things of another topology, which from then on belong to the one that declares
    them now; nothing else about them changes for that.
    """

    steps: tuple[Step, ...]
    taken_over: tuple[Resource, ...] = ()
    warnings: tuple[Problem, ...] = ()

    @property
    def risky(self) -> bool:
        """Whether a step needs a person's agreement."""
        return any(step.risks for step in self.steps)

    def is_same_as(self, other: Plan) -> bool:
        """Return whether it has the same steps."""
        return [step.what for step in self.steps] == [step.what for step in other.steps]
