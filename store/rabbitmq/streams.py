"""Reading streams over AMQP: from an offset or a time on, and where one begins and ends."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime
from time import monotonic

import amqp

from store.rabbitmq.connection import Connection

Start = str | int | datetime
"""The first or last chunk by `first` and `last`, an offset, or a time by whole chunks."""
OFFSET_HEADER = "x-stream-offset"
_PREFETCH = 1000
# A chunk is sent whole, and only as far as the prefetch goes.
_CHUNK = 65_000
# Seconds of silence after which a stream is taken to have no more.
IDLE = 0.3
# And where it is known to have more: the server is busy.
BUSY = 5.0


class _Cursor:
    """A consumer that stays at a place in a stream, so that the next read goes on there."""

    def __init__(self, purpose: str, channel: amqp.Channel) -> None:
        self.purpose = purpose
        self.channel = channel
        self.next: int | None = None
        self.ready: deque[amqp.Message] = deque()


class Streams:
    """Readers of the streams of one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._cursors: dict[str, _Cursor] = {}

    def bounds(self, streams: Sequence[str]) -> list[tuple[int, int]]:
        """Return the first offset of each stream, and the one behind its last.

        The server tells neither: the first message is read, and the last chunk.
        """
        first: dict[str, list[int]] = {stream: [] for stream in streams}
        last: dict[str, list[int]] = {stream: [] for stream in streams}
        with self._connection.channel("stream bounds", f"stream {streams[0]}") as channel:
            for found, start, prefetch in ((first, "first", 1), (last, "last", _CHUNK)):
                channel.basic_qos(0, prefetch, False)
                for stream in streams:
                    self._consume(channel, stream, start, _noting(found[stream]))

        def is_known() -> bool:
            return all(map(all, zip(first.values(), last.values(), strict=True)))

        self._wait(is_known)
        if self._counts([stream for stream in streams if not (first[stream] and last[stream])]):
            self._wait(is_known, BUSY)
        with self._connection.channel("stream bounds", f"stream {streams[0]}") as channel:
            self._flush(channel, streams[0])
            channel.close()
        return [
            (first[stream][0], max(last[stream]) + 1) if first[stream] and last[stream] else (0, 0)
            for stream in streams
        ]

    def read(self, stream: str, offset: int, most: int, idle: float = IDLE) -> list[amqp.Message]:
        """Return up to `most` messages from an offset on; none after `idle` seconds of silence."""
        cursor = self._cursors.get(stream)
        if cursor is None or cursor.next != offset or not cursor.channel.is_open:
            cursor = self._begin(stream, offset)
        return self._take(stream, cursor, most, idle)

    def from_time(self, stream: str, moment: datetime, most: int) -> list[amqp.Message]:
        """Return up to `most` messages of the chunk that holds a time, or is the first after it."""
        return self._take(stream, self._begin(stream, moment), most)

    def forget(self, streams: Sequence[str]) -> None:
        """End the readers of streams."""
        for stream in streams:
            cursor = self._cursors.pop(stream, None)
            if cursor is not None and cursor.channel.is_open:
                with self._connection.channel(cursor.purpose, f"stream {stream}") as channel:
                    channel.close()

    def _begin(self, stream: str, start: Start) -> _Cursor:
        self.forget([stream])
        purpose = f"stream {stream}"
        with self._connection.channel(purpose, purpose) as channel:
            cursor = _Cursor(purpose, channel)
            channel.basic_qos(0, _PREFETCH, False)
            self._consume(channel, stream, start, cursor.ready.append)
        cursor.next = start if isinstance(start, int) else None
        self._cursors[stream] = cursor
        return cursor

    def _take(
        self, stream: str, cursor: _Cursor, most: int, idle: float = IDLE
    ) -> list[amqp.Message]:
        self._wait(lambda: bool(cursor.ready), idle)
        if not cursor.ready:
            return []
        with self._connection.channel(cursor.purpose, f"stream {stream}") as channel:
            if cursor.ready and len(cursor.ready) < most:
                self._flush(channel, stream)
            taken = [cursor.ready.popleft() for _ in range(min(most, len(cursor.ready)))]
            if taken:
                # Without it the server would send no more.
                channel.basic_ack(taken[-1].delivery_tag, multiple=True)
                cursor.next = offset_of(taken[-1]) + 1
        return taken

    def _consume(
        self, channel: amqp.Channel, stream: str, start: Start,
        callback: Callable[[amqp.Message], object],
    ) -> None:  # fmt: skip
        tag = f"{start} {stream}"
        # Known before the server answers: a delivery right behind the answer would be rejected, and
        # that ends the connection of a stream.
        channel.callbacks[tag] = callback
        channel.basic_consume(
            stream,
            consumer_tag=tag,
            callback=callback,
            arguments={OFFSET_HEADER: start},
        )

    def _counts(self, streams: Sequence[str]) -> bool:
        """Return whether the server counts messages in one of the streams, as of a while ago."""
        return any(self._count(stream) for stream in streams)

    def _count(self, stream: str) -> int:
        with self._connection.channel("stream counts", f"stream {stream}") as channel:
            count: int = channel.queue_declare(stream, passive=True).message_count
        return count

    def _flush(self, channel: amqp.Channel, stream: str) -> None:
        """Have all that the server has begun to send: it answers after that."""
        channel.queue_declare(stream, passive=True)

    def _wait(self, is_there: Callable[[], bool], idle: float = IDLE) -> None:
        deadline = monotonic() + idle
        while not is_there() and (left := deadline - monotonic()) > 0:
            if self._connection.read(left):
                deadline = monotonic() + idle


def offset_of(message: amqp.Message) -> int:
    """Return the offset of a message of a stream."""
    return int(message.properties["application_headers"][OFFSET_HEADER])


def _noting(offsets: list[int]) -> Callable[[amqp.Message], None]:
    return lambda message: offsets.append(offset_of(message))
