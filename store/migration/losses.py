"""Losses: what another place can't hold, by the name that a person allows it by."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import NamedTuple

from store.model.errors import BadInput, Hint


class Loss(NamedTuple):
    """A thing, a setting or a part of messages that the target can't hold.

    `thing` loses it, and `messages` says in how many; `None` where it is no part of messages.
    """

    name: str
    thing: str
    why: str
    messages: int | None = None


def refuse_losses(losses: Iterable[Loss], allowed: Collection[str]) -> None:
    """Raise `BadInput` for losses that are not allowed, naming all of them."""
    refused = sorted({loss.name for loss in losses} - set(allowed))
    if refused:
        names = ", ".join(refused)
        raise BadInput(
            f"the target can't hold all of it: {names}; nothing was copied",
            hint=Hint(" ".join(f"{{allow_loss {name}}}" for name in refused)),
        )
