"""The optional policies of a queue: a file each, with the hooks by which it acts.

Expire, limit, answer duplicates, favour one consumer, misbehave.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from store.lazy import on_demand

if TYPE_CHECKING:
    from store.model.encoding import RecordColumns
    from store.model.messages import NewMessage
    from store.sqlite.queues.policies import (
        chaos as chaos,
        deduplication as deduplication,
        expiry as expiry,
        length as length,
        single_active as single_active,
    )
else:
    __getattr__ = on_demand(__name__)


class Sending:
    """One send: what it stores, which policies may change, and what they keep until its end."""

    __slots__ = ("batch", "known", "messages")

    def __init__(self, messages: Sequence[NewMessage | bytes | str], batch: RecordColumns) -> None:
        self.messages = messages
        self.batch = batch
        self.known: deduplication.KnownSends | None = None


class Receiving:
    """One receive: to which holder, and how many messages it may get, which policies may lower."""

    __slots__ = ("disturbance", "holder", "room")

    def __init__(self, holder: int, room: int) -> None:
        self.holder = holder
        self.room = room
        self.disturbance: chaos.Disturbance | None = None
