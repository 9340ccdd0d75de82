"""The optional policies of a queue: a file each, with the hooks by which it acts.

Delay, order by priority, expire, answer duplicates, limit the length, retry, favour one consumer,
misbehave.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from store.lazy import on_demand

if TYPE_CHECKING:
    from store.model.encoding import RecordColumns
    from store.model.messages import NewMessage
    from store.model.topics import Seconds
    from store.sqlite.queues.policies import (
        chaos as chaos,
        deduplication as deduplication,
        delay as delay,
        expiry as expiry,
        length as length,
        priorities as priorities,
        retry as retry,
        single_active as single_active,
    )
else:
    __getattr__ = on_demand(__name__)


class Options(NamedTuple):
    """The options of messages that are sent, by column; `None` where none of them has one."""

    delays: Sequence[Seconds | None] | None = None
    message_groups: Sequence[str | None] | None = None
    deduplication_ids: Sequence[str | None] | None = None
    priorities: Sequence[int] | None = None
    lifetimes: Sequence[Seconds | None] | None = None


class Sending:
    """One send: what it stores, which policies may change, and what they keep until its end."""

    __slots__ = ("base", "batch", "known", "messages", "options")

    def __init__(
        self, messages: Sequence[NewMessage | bytes | str], batch: RecordColumns, options: Options
    ) -> None:
        self.messages = messages
        self.batch = batch
        self.options = options
        # The record id of sequence 0, once they are stored.
        self.base = 0
        self.known: deduplication.KnownSends | None = None


class Receiving:
    """One receive: to which holder, and how many messages it may get, which policies may lower."""

    __slots__ = ("disturbance", "holder", "room")

    def __init__(self, holder: int, room: int) -> None:
        self.holder = holder
        self.room = room
        self.disturbance: chaos.Disturbance | None = None
