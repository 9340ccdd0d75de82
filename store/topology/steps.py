"""What a plan consists of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from store.topology.model import Thing
from store.topology.problems import Problem

Action = Literal["create", "change", "delete"]


@dataclass(frozen=True, slots=True)
class Change:
    """A setting before and after, as text; `None` before its thing is there."""

    setting: str
    old: str | None
    new: str


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to create, change or delete.

    `risks` say why it can't be undone or breaks an order that was promised; `facts` count what
    depends on it at the moment.
    """

    action: Action
    thing: Thing
    changes: tuple[Change, ...] = ()
    risks: tuple[str, ...] = ()
    facts: Mapping[str, int] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """`topic`, `queue`, `exchange`, `binding`, `group` or `share`."""
        return self.thing.kind

    @property
    def name(self) -> str:
        """The thing's name; a binding's is all that it consists of."""
        return self.thing.name

    @property
    def what(self) -> tuple[object, ...]:
        """What tells two steps apart, whatever the numbers of the moment are."""
        risky = bool(self.risks)
        return self.action, self.kind, self.name, self.changes, self.thing.settings, risky


@dataclass(frozen=True, slots=True)
class Plan:
    """The steps in the order in which they are done, and what may turn out to be a mistake.

    `taken_over` are things of another topology, which from then on belong to the one that declares
    them now; nothing else about them changes for that.
    """

    steps: tuple[Step, ...]
    taken_over: tuple[Thing, ...] = ()
    warnings: tuple[Problem, ...] = ()

    @property
    def risky(self) -> bool:
        """Whether a step needs somebody's agreement."""
        return any(step.risks for step in self.steps)

    def is_same_as(self, other: Plan) -> bool:
        """Return whether it has the same steps."""
        return [step.what for step in self.steps] == [step.what for step in other.steps]
