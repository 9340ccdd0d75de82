"""Messages of a partition that have come and are not handed out yet.

To pause a partition of librdkafka, or to seek in it, drops what came and costs half a second. So
records of a partition that waits are held here, and one that is read again is taken from here.
"""

from __future__ import annotations

from collections import deque

from confluent_kafka import Message


class PartitionBuffer:
    """The messages of one partition from its position on; `position` is the next to hand out."""

    def __init__(self, position: int) -> None:
        self.position = position
        self.is_paused = False
        self._messages: deque[Message] = deque()
        self._last: Message | None = None
        self._end: int | None = None

    def __len__(self) -> int:
        return len(self._messages)

    @property
    def is_at_end(self) -> bool:
        """Whether all was handed out up to an end that the partition had since."""
        return self._end is not None and not self._messages

    def put(self, message: Message) -> None:
        """Add the next message; one that is here already, or was handed out, is dropped."""
        offset = message.offset() or 0
        known = (self._messages[-1].offset() or 0) if self._messages else self.position - 1
        if offset > known:
            self._end = None
            self._messages.append(message)

    def end(self, offset: int) -> None:
        """Note that the partition ended here; marks of transactions before it are never polled."""
        self._end = offset
        self._pass_marks()

    def take(self) -> Message:
        """Hand out the next message."""
        message = self._last = self._messages.popleft()
        self.position = (message.offset() or 0) + 1
        self._pass_marks()
        return message

    def move(self, offset: int) -> bool:
        """Move to an offset; return whether the partition itself must be read from there."""
        last = self._last
        if offset == self.position:
            return False
        if last is not None and last.offset() == offset and self.position > offset:
            self._messages.appendleft(last)
        elif offset < self.position or not (self._messages and self._reaches(offset)):
            self._messages.clear()
            self._last = self._end = None
            self.position = offset
            return True
        while self._messages and (self._messages[0].offset() or 0) < offset:
            self._messages.popleft()
        self.position = offset
        return False

    def _reaches(self, offset: int) -> bool:
        return (self._messages[-1].offset() or 0) >= offset

    def _pass_marks(self) -> None:
        if not self._messages and self._end is not None:
            self.position = max(self.position, self._end)
