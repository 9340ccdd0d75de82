"""The ages of unread records: one bounded fetch of all partitions in which a group is behind."""

from __future__ import annotations

from collections.abc import Mapping
from time import monotonic

from confluent_kafka import TIMESTAMP_NOT_AVAILABLE, Consumer, TopicPartition as KafkaPartition

from store.kafka.clients import Clients
from store.kafka.errors import translated
from store.model.groups import TopicPartition

# Seconds for which the records are waited for, at most; the others have no age then.
_LONGEST = 5.0
_LOOK = 0.1
# A fetch brings at least one batch of each partition, however small the limit.
_BYTES = 1024


def first_times(
    clients: Clients, offsets: Mapping[TopicPartition, int]
) -> dict[TopicPartition, int]:
    """Return the time (Unix ms) of the first committed record at or after an offset of each.

    Those that do not come within five seconds, or have no time, are left out.
    """
    if not offsets:
        return {}
    # A new one each time: one that is assigned anew may wait a second for its first record.
    consumer = clients.consumer(
        {
            "group.id": "mq",
            "enable.partition.eof": True,
            "fetch.message.max.bytes": _BYTES,
            "queued.min.messages": 1,
        }
    )
    try:
        with translated(clients.place, "the ages of unread records"):
            consumer.assign([KafkaPartition(*place, offset) for place, offset in offsets.items()])
            return _times(consumer, set(offsets), min(_LONGEST, clients.timeout))
    finally:
        consumer.close()


def _times(
    consumer: Consumer, waiting: set[TopicPartition], seconds: float
) -> dict[TopicPartition, int]:
    times: dict[TopicPartition, int] = {}
    deadline = monotonic() + seconds
    while waiting and monotonic() < deadline:
        message = consumer.poll(_LOOK)
        if message is None:
            continue
        place = str(message.topic()), message.partition() or 0
        if place not in waiting:
            continue
        # An error is the end of the partition, or a partition that is gone.
        waiting.discard(place)
        kind, time = message.timestamp()
        if message.error() is None and kind != TIMESTAMP_NOT_AVAILABLE:
            times[place] = time
        consumer.pause([KafkaPartition(*place)])
    return times
