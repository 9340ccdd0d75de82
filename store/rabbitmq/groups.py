"""Consumer groups of topics: offsets that the server keeps by a name, one holder per partition.

Other clients store the last offset that is done, so a committed offset is that and 1. Each stored
offset takes one of the stream itself, so a lag counts those too: it is an upper bound.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from time import monotonic
from typing import TYPE_CHECKING

from store import model, rabbitmq
from store.model.addresses import check_name
from store.model.errors import Conflict, GroupActive, Hint, NotFound, OutcomeUnknown
from store.model.topics import Record, Seconds
from store.rabbitmq.base import CONTROL
from store.rabbitmq.super_streams import stream_name
from store.rabbitmq.topics import ServerTopics

if TYPE_CHECKING:
    from store.model.groups import GroupStatus, Lag, OffsetChange
    from store.model.positions import Position, Scope, Target

_Place = tuple[str, int]


class ServerGroups(ServerTopics):
    """Groups: join, look, lag, reset."""

    @cached_property
    def _stream_port(self) -> rabbitmq.stream_protocol.StreamConnection:
        return rabbitmq.stream_protocol.StreamConnection(self._place, *self._login)

    @cached_property
    def _offsets(self) -> rabbitmq.stream_offsets.OffsetStore:
        return rabbitmq.stream_offsets.OffsetStore(self._stream_port)

    def _close_stream_port(self) -> None:
        if "_stream_port" in self.__dict__:
            self._stream_port.close()

    def consumer(
        self,
        group: str,
        topics: Iterable[str],
        *,
        member: str | None = None,
        session_timeout: Seconds = 45.0,
        max_poll_interval: Seconds = 300.0,
        start: str | Position = "earliest",
        timeout: Seconds | None = None,
    ) -> rabbitmq.members.StreamConsumer:
        """Join a group; a member lives as long as its connection, so the sessions have no time."""
        check_name(group, "group name")
        topics = list(topics)
        consumer = rabbitmq.members.StreamConsumer(self, group, topics, member, start)
        rabbitmq.noted_groups.note(self._connection, group, topics)
        if timeout is not None:
            consumer.wait_for_partitions(timeout)
        return consumer

    def groups(self) -> list[GroupStatus]:
        """Return the groups that mq has read, by name; those of other programs are not known."""
        known = rabbitmq.noted_groups.noted(self._management)
        return [
            _status(name, [row for topic in topics for row in self._rows(name, topic)])
            for name, topics in known.items()
        ]

    def group(self, name: str) -> GroupStatus:
        """Return a group by the offsets that it stored; raises `NotFound` without any."""
        rows = [row for topic in sorted(self._super_streams()) for row in self._rows(name, topic)]
        rows = [row for row in rows if row.committed is not None]
        if not rows:
            raise NotFound(
                f"group {name} does not exist", hint=Hint("{}", model.looks.Consume("TOPIC", name))
            )
        return _status(name, rows)

    def lag(self, group: str | None = None, topic: str | None = None) -> list[Lag]:
        """Return the lag of one group or of those that mq has read, an upper bound."""
        groups = self.groups() if group is None else [self.group(group)]
        rows = [row for one in groups for row in one.offsets]
        return [row for row in rows if topic in {None, row.topic}]

    def plan_reset(
        self, group: str, target: Target, scope: Scope | None = None
    ) -> list[OffsetChange]:
        """Return the changes that `reset_group` would make, without making them."""
        check_name(group, "group name")
        return [self._change(group, place, target) for place in self._places(group, target, scope)]

    def reset_group(
        self,
        group: str,
        target: Target,
        scope: Scope | None = None,
        *,
        force: bool = False,
        note: Callable[[list[OffsetChange]], None] | None = None,
    ) -> list[OffsetChange]:
        """Move a group's offsets; raises `GroupActive` while a member reads one of the partitions.

        `note` is called with the changes before they are made. No member can be fenced there.
        """
        changes = self.plan_reset(group, target, scope)
        for change in changes:
            if self._is_held(group, stream_name(change.topic, change.partition)):
                raise GroupActive(
                    f"{change.topic}/{change.partition} is read by a member of group {group}",
                    hint="end it first: nothing fences it there" if force else "end it first",
                )
        if note is not None:
            note(changes)
        for change in changes:
            self.store_offset(group, change.topic, change.partition, change.new or 0)
        topics = dict.fromkeys(change.topic for change in changes)
        rabbitmq.noted_groups.note(self._connection, group, topics)
        return changes

    def partition_count(self, topic: str) -> int:
        """Return how many partitions a topic has."""
        return len(self._partitions(topic))

    def committed(self, group: str, topic: str, partition: int) -> int | None:
        """Return the next offset that a group reads, or `None` before its first commit."""
        stored = self._offsets.query(group, stream_name(topic, partition))
        if stored is None:
            return None
        return 0 if stored == rabbitmq.stream_offsets.NOTHING_READ else stored + 1

    def store_offset(self, group: str, topic: str, partition: int, offset: int) -> None:
        """Store the next offset that a group reads, and wait until the server tells it so.

        Raises `OutcomeUnknown` where it does not within the timeout: an order has no answer.
        """
        stored = offset - 1 if offset else rabbitmq.stream_offsets.NOTHING_READ
        self._offsets.store(group, stream_name(topic, partition), stored)
        deadline = monotonic() + self._connection.timeout
        while self.committed(group, topic, partition) != offset:
            if monotonic() > deadline:
                raise OutcomeUnknown(f"{topic}/{partition}: the offset of {group} is not confirmed")

    def read_now(self, topic: str, partition: int, offset: int, most: int) -> list[Record]:
        """Return the next records that have come already, up to `most`."""
        return self._records(topic, partition, offset, most, idle=0.0)

    def idle(self, seconds: float) -> None:
        """Handle what the server sends within so many seconds, and keep the connection alive."""
        if not self._connection.read(seconds):
            self._connection.beat()

    def _rows(self, group: str, topic: str) -> Iterator[Lag]:
        for status in self.topic(topic).partitions:
            committed = self.committed(group, topic, status.partition)
            at = status.start if committed is None else committed
            is_held = self._is_held(group, stream_name(topic, status.partition))
            yield model.groups.Lag(
                group, topic, status.partition, committed, status.start, status.end,
                max(0, status.end - max(at, status.start)), None, None, None, None,
                "active" if is_held else "unassigned", exact=False,
            )  # fmt: skip

    def _is_held(self, group: str, stream: str) -> bool:
        name = rabbitmq.members.lock_name(group, stream)
        try:
            with self._connection.channel(CONTROL, f"lock {name}") as channel:
                channel.queue_declare(name, passive=True)
        except Conflict:
            return True
        except NotFound:
            return False
        # It is this object's own.
        return True

    def _places(self, group: str, target: Target, scope: Scope | None) -> list[_Place]:
        if isinstance(target, Mapping):
            return sorted(target)
        if scope is None:
            return [(row.topic, row.partition) for row in self.group(group).offsets]
        return [
            (topic, number)
            for topic, partition in scope
            for number in (range(self.partition_count(topic)) if partition is None else [partition])
        ]

    def _change(self, group: str, place: _Place, target: Target) -> OffsetChange:
        topic, partition = place
        ((start, end),) = self._streams.bounds([self._partition(topic, partition)])
        current = self.committed(group, topic, partition)
        wanted: int | None
        if isinstance(target, model.positions.Shift):
            wanted = (start if current is None else current) + target.by
        elif isinstance(target, Mapping):
            wanted = target[place]
        elif isinstance(target, model.positions.Position) and target.kind == "committed":
            wanted = current
        else:
            wanted = self._resolved(topic, partition, target, (start, end))
        new = None if wanted is None else min(max(wanted, start), end)
        return model.groups.OffsetChange(
            topic, partition, current, new, start, end, clamped=new != wanted
        )


def _status(name: str, rows: list[Lag]) -> GroupStatus:
    state = "stable" if any(row.state == "active" for row in rows) else "empty"
    return model.groups.GroupStatus(name, state, 0, model.groups.GroupConfig(), [], rows)
