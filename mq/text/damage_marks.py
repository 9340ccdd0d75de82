"""Damaged records and messages among those that are looked at: marked, and told of at the end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

from store.model.errors import Damaged
from store.model.messages import Message
from store.model.topics import Record

MARK = "(damaged)"
_MOST_NAMED = 3
Thing = TypeVar("Thing", Record, Message)


def damage_fields(thing: Record | Message) -> dict[str, Any]:
    """What the envelope of a damaged one has besides: a mark, and what was found in its place.

    In Base64, so that nothing takes it for what was stored.
    """
    if thing.damaged is None:
        return {}
    from base64 import b64encode

    key, headers, value = thing.damaged
    parts = {"key": key, "headers": None if headers is None else headers.encode(), "value": value}
    found = {f"{name}_base64": part and b64encode(part).decode() for name, part in parts.items()}
    return {"damaged": True, "found": found}


class Watch:
    """Notes the damaged ones of what passes."""

    def __init__(self) -> None:
        self._addresses: list[str] = []

    def over(self, things: Iterable[Thing]) -> Iterator[Thing]:
        """The same things."""
        for thing in things:
            if thing.damaged is not None:
                self._addresses.append(thing.address)
            yield thing

    def check(self) -> None:
        """Raise `Damaged` if there were any."""
        if not self._addresses:
            return
        named = ", ".join(self._addresses[:_MOST_NAMED])
        more = " …" * (len(self._addresses) > _MOST_NAMED)
        verb = "is" if len(self._addresses) == 1 else "are"
        raise Damaged(
            f"{named}{more} {verb} damaged: not what was stored",
            hint="find all damage: mq verify",
            addresses=tuple(self._addresses),
        )
