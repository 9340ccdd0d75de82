"""Members of a group: each partition is read by the holder of its lock, an exclusive queue."""

from __future__ import annotations

from collections.abc import Callable, Container
from contextlib import suppress
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING

from store.model.errors import Conflict, Fenced, MqError, TimedOut, secondary_to
from store.model.groups import Offsets, RecordLoss, TopicPartition
from store.model.positions import Position, parse_position
from store.model.topics import Record, RecordId, Seconds, in_seconds
from store.rabbitmq.connection import connection_name
from store.rabbitmq.streams import IDLE
from store.rabbitmq.super_streams import stream_name

if TYPE_CHECKING:
    from collections.abc import Iterable

    from store.rabbitmq.groups import ServerGroups

_LOCKS = "locks"
# Seconds between two tries to get partitions whose holder may be gone.
_RETRY = 2.0
_LOOK = 0.05


def lock_name(group: str, stream: str) -> str:
    """Return the name of the queue that the reader of a partition holds."""
    return f"mq.member.{group}.{stream}"


class StreamConsumer:
    """One member of a group: it reads the partitions whose locks it holds.

    A lock ends with the connection, so another member takes over at once; a commit that is late
    then is not fenced by the server.
    """

    def __init__(
        self, server: ServerGroups, group: str, topics: Iterable[str], member: str | None,
        start: str | Position,
    ) -> None:  # fmt: skip
        self.group = group
        self.member = member or connection_name()
        # A gap may as well be offsets that commits took, so no loss is told.
        self.losses: list[RecordLoss] = []
        self._server = server
        self._start = parse_position(start, server.wall()) if isinstance(start, str) else start
        self._wanted = [
            (topic, partition)
            for topic in topics
            for partition in range(server.partition_count(topic))
        ]
        self._position: dict[TopicPartition, int] = {}
        self._failures: dict[tuple[str, int, int], int] = {}
        self._tried = 0.0
        self._take_free()

    @property
    def position(self) -> dict[TopicPartition, int]:
        """The next offset to be polled, by (topic, partition)."""
        return dict(self._position)

    @property
    def assignment(self) -> list[TopicPartition]:
        """The partitions this member holds; it is idle while there are none."""
        return sorted(self._position)

    def wait_for_partitions(self, timeout: Seconds) -> None:
        """Wait until this member holds a partition; raises `TimedOut`."""
        deadline = monotonic() + in_seconds(timeout)
        while not self._position:
            if monotonic() >= deadline:
                raise TimedOut(f"every partition of group {self.group} is held by other members")
            self._server.idle(_LOOK)
            self._take_free()

    def poll(
        self,
        max_records: int = 500,
        timeout: Seconds = 1.0,
        *,
        paused: Container[TopicPartition] = (),
        until: Callable[[], bool] | None = None,
    ) -> list[Record]:
        """Return up to `max_records` next records, within `timeout` seconds."""
        # A stream does not say that it is at its end: silence does.
        deadline = monotonic() + max(in_seconds(timeout), IDLE)
        while True:
            if monotonic() - self._tried > _RETRY:
                self._take_free()
            records = self._read(max_records, paused)
            if records or monotonic() >= deadline or (until is not None and until()):
                return records
            self._server.idle(_LOOK)

    def commit(self, offsets: Offsets | None = None, timeout: Seconds | None = None) -> None:
        """Store the next offsets to read; raises `Fenced` for a partition that is not held."""
        for (topic, partition), offset in (self._position if offsets is None else offsets).items():
            if (topic, partition) not in self._position:
                raise Fenced(f"{topic}/{partition} is not held by {self.member}")
            self._server.store_offset(self.group, topic, partition, offset)

    def heartbeat(self) -> None:
        """Keep the connection alive, and with it the locks."""
        try:
            self._server.idle(0.0)
        except MqError as error:
            raise Fenced(f"group {self.group}: {error.message}") from error

    def seek(self, topic: str, partition: int, offset: int) -> None:
        """Poll a partition from `offset` on; the committed offset stays."""
        self._position[topic, partition] = offset

    def failures(self, record: Record | RecordId) -> int:
        """Return how many attempts at a record this member noted; others are not told."""
        return self._failures.get((record.topic, record.partition, record.offset), 0)

    def fail(self, record: Record | RecordId, error: str, *, final: bool = False) -> int:
        """Note a failed attempt at a record, which is polled again; return the count so far."""
        place = record.topic, record.partition, record.offset
        self._failures[place] = self._failures.get(place, 0) + 1
        self.seek(*place)
        return self._failures[place]

    def close(self, timeout: Seconds | None = None) -> None:
        """Leave the group: the partitions are free for others."""
        held, self._position = self._position, {}
        for topic, partition in held:
            name = lock_name(self.group, stream_name(topic, partition))
            with suppress(MqError), self._server._connection.channel(_LOCKS, name) as channel:
                channel.queue_delete(name)

    def __enter__(self) -> StreamConsumer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with secondary_to(error):
            self.close()

    def _take_free(self) -> None:
        """Take the partitions that no other member holds, from where the group stands."""
        self._tried = monotonic()
        for topic, partition in self._wanted:
            if (topic, partition) not in self._position and self._lock(topic, partition):
                committed = self._server.committed(self.group, topic, partition)
                if committed is None:
                    committed = self._server.resolve(topic, self._start, partition)
                self._position[topic, partition] = committed

    def _lock(self, topic: str, partition: int) -> bool:
        name = lock_name(self.group, stream_name(topic, partition))
        try:
            with self._server._connection.channel(_LOCKS, f"lock {name}") as channel:
                channel.queue_declare(name, exclusive=True, auto_delete=False)
        except Conflict:
            return False
        return True

    def _read(self, most: int, paused: Container[TopicPartition]) -> list[Record]:
        records: list[Record] = []
        for (topic, partition), offset in self._position.items():
            if (topic, partition) in paused or len(records) >= most:
                continue
            found = self._server.read_now(topic, partition, offset, most - len(records))
            if found:
                self._position[topic, partition] = found[-1].offset + 1
            records += found
        return records
