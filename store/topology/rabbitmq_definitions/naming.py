"""Names of RabbitMQ as names of mq: any text there, a narrow alphabet here."""

from __future__ import annotations

import re

from store.model.addresses import LONGEST_NAME
from store.topology.rabbitmq_definitions.definitions import Losses

_UNUSABLE = re.compile(r"[^A-Za-z0-9._-]")


class Names:
    """Gives every thing of one name space its name, always the same one."""

    def __init__(self, kind: str, losses: Losses) -> None:
        self._kind = kind
        self._losses = losses
        self._names: dict[str, str] = {}
        # A DLQ or an alternate of that name would be none at all.
        self._taken = {"none"}

    def take(self, original: str) -> str:
        """Return the name for an existing thing; another one where it has to be."""
        name = _UNUSABLE.sub("-", original)[:LONGEST_NAME] or "unnamed"
        if name[0] in "._-":
            name = f"x{name}"[:LONGEST_NAME]
        number, plain = 2, name
        while name in self._taken:
            name = f"{plain[: LONGEST_NAME - 5]}-{number}"
            number += 1
        if name != original:
            self._losses.add(f"{self._kind} {original}", f"it is called {name} here")
        self._names[original] = name
        self._taken.add(name)
        return name

    def get(self, original: str) -> str | None:
        """Return the name of a thing that was taken over, or `None`."""
        return self._names.get(original)
