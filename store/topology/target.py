"""The protocol of an engine that plans and applies topologies."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol, TypeAlias

from store.topology.model import Resource
from store.topology.steps import Step

Facts: TypeAlias = Mapping[str, int]
Counts: TypeAlias = Callable[[Resource], Facts]
"""Counts what is in a thing, and its users, at the moment; an unknown number is absent."""
Refusal: TypeAlias = Callable[[Resource, str | None], str | None]
"""Says why an engine can't have a thing (`None`), or a setting of it as a file gives it."""


def refuses_nothing(thing: Resource, setting: str | None) -> str | None:
    """Refuse no thing and no setting, as the engine does that has all of them."""
    return None


class Target(Protocol):
    """An engine that carries out a plan, one step after the other.

    A step that is done already is no mistake, so that a plan that failed can be made and carried
    out anew. `refers_ahead` says whether a thing may name another one that is not there yet.
    """

    @property
    def refers_ahead(self) -> bool:
        """Whether a queue may name a DLQ, and an exchange an alternate, that is not there."""

    def carry_out(self, step: Step) -> None:
        """Create, change or delete one thing; a new one gets its label."""

    def adopt(self, thing: Resource) -> None:
        """Note that a thing belongs to the topology of its label."""
