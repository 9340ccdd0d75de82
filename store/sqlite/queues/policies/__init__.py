"""The optional policies of a queue: a file each, with the hooks by which it acts.

Delay, order by priority, expire, answer duplicates, limit the length, retry, favour one consumer,
misbehave.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from store.lazy import on_demand
from store.sqlite import queues

if TYPE_CHECKING:
    from store.model.encoding import RecordColumns
    from store.model.messages import NewMessage
    from store.model.queues import QueueConfig
    from store.model.topics import Seconds
    from store.sqlite.leases.readers import ReaderPolicy
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


def policies_of(config: QueueConfig, retry: ReaderPolicy | None) -> Iterator[ReaderPolicy]:
    """Yield the policies that are set, in the order in which they act."""
    if config.delay and not config.fifo:
        yield queues.policies.delay.DELAY
    if config.ttl is not None:
        yield queues.policies.expiry.TIME_TO_LIVE
    if queues.catalog.deduplicates(config):
        yield queues.policies.deduplication.Deduplication()
    if (config.max_length, config.max_bytes) != (None, None):
        length = queues.policies.length
        yield length.RejectOverflow() if config.overflow == "reject" else length.ShedOverflow()
    if config.chaos is not None:
        yield queues.policies.chaos.ChaosPolicy()
    if config.single_active:
        yield queues.policies.single_active.SingleActive()
    if retry is not None:
        yield retry


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
