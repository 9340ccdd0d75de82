"""What a member of a group on Kafka holds of a partition: records that wait, or are read again."""

from __future__ import annotations

from typing import cast

import pytest
from confluent_kafka import Message

from store.kafka.buffers import PartitionBuffer


class At:
    """A message of which only the offset counts."""

    def __init__(self, offset: int) -> None:
        self._offset = offset

    def offset(self) -> int:
        return self._offset


def message(offset: int) -> Message:
    return cast("Message", At(offset))


@pytest.fixture
def buffer() -> PartitionBuffer:
    """Messages 5, 6 and 8, the next ones to hand out."""
    buffer = PartitionBuffer(5)
    for offset in (5, 6, 8):
        buffer.put(message(offset))
    return buffer


def rest(buffer: PartitionBuffer) -> list[int | None]:
    return [buffer.take().offset() for _ in range(len(buffer))]


def test_messages_come_in_order_and_move_the_position(buffer: PartitionBuffer) -> None:
    assert (buffer.take().offset(), buffer.position) == (5, 6)
    assert (rest(buffer), buffer.position) == ([6, 8], 9)


def test_a_message_that_came_already_is_dropped(buffer: PartitionBuffer) -> None:
    for offset in (4, 6, 8):
        buffer.put(message(offset))
    assert rest(buffer) == [5, 6, 8]
    buffer.put(message(8))
    assert rest(buffer) == []


def test_the_last_message_is_handed_out_again(buffer: PartitionBuffer) -> None:
    buffer.take()
    for _ in range(2):
        assert not buffer.move(5)
    assert (buffer.position, rest(buffer)) == (5, [5, 6, 8])


def test_an_earlier_one_is_read_from_the_partition(buffer: PartitionBuffer) -> None:
    buffer.take(), buffer.take()
    assert buffer.move(5)
    assert (buffer.position, len(buffer)) == (5, 0)


def test_it_moves_forward_among_what_has_come(buffer: PartitionBuffer) -> None:
    assert not buffer.move(7)
    assert (buffer.position, rest(buffer)) == (7, [8])


def test_behind_what_has_come_the_partition_is_read(buffer: PartitionBuffer) -> None:
    assert buffer.move(9)
    assert not buffer.move(9)


def test_the_end_counts_once_all_before_it_is_handed_out(buffer: PartitionBuffer) -> None:
    buffer.end(11)
    assert (buffer.is_at_end, buffer.position) == (False, 5)
    rest(buffer)
    assert (buffer.is_at_end, buffer.position) == (True, 11)
    buffer.put(message(11))
    assert not buffer.is_at_end
