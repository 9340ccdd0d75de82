"""Named producers: the server keeps the last publishing id of each name in each stream.

A record's number in the input is its publishing id, so that a stream drops what it has of a load
that is repeated: https://www.rabbitmq.com/blog/2021/07/28/rabbitmq-streams-message-deduplication
"""

from __future__ import annotations

import struct
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from store.engine.features import Feature, lacking
from store.model.addresses import check_name
from store.model.encoding import encode_bytes
from store.model.errors import BadRecord, Hint, OutcomeUnknown, Unavailable
from store.model.placement import partition_for_key
from store.model.topics import NewRecord, RecordId
from store.rabbitmq.stream_messages import as_amqp_1_0
from store.rabbitmq.stream_protocol import StreamConnection, text
from store.rabbitmq.super_streams import UNKNOWN, PlacedRecord, stream_name

if TYPE_CHECKING:
    from store.rabbitmq.broker import RabbitMQ

_DECLARE, _PUBLISH, _CONFIRM, _ERROR, _LAST, _DELETE = range(1, 7)
_PUBLISHER = 0
# More of them are sent only once these are confirmed, so that neither side waits for the other.
_UNCONFIRMED = 1000
_FRAME_HEADER, _ENTRY_HEADER = 9, 12

_Entry = tuple[int, bytes]


class StreamProducer:
    """A producer by its name; two of one name fence no other, and store nothing twice.

    A stream remembers the ids of the 255 names that published to it last.
    """

    def __init__(self, server: RabbitMQ, connection: StreamConnection, name: str) -> None:
        check_name(name, "producer name")
        self.name = name
        self._server = server
        self._connection = connection
        self._last: dict[str, int] = {}

    def stored(self, destination: str) -> int:
        """Return how many records at the beginning of the input are stored in a topic, or more.

        It is what every partition knows of; of the records after that some may be stored too.
        """
        if self._server.kind(destination, "topic", "queue") == "queue":
            raise lacking(self._server, Feature.DEDUP)
        partitions = range(self._server.partition_count(destination))
        return min(self._known(stream_name(destination, number)) for number in partitions)

    def published(self, exchange: str) -> int:
        """Refuse it: a queue behind an exchange stores what is published twice twice."""
        raise lacking(self._server, Feature.DEDUP)

    def produce_many(
        self, topic: str, records: Sequence[NewRecord | bytes | str], first_sequence: int
    ) -> list[RecordId]:
        """Append the records that are not stored yet, each confirmed by itself; return their ids.

        Record i has sequence number `first_sequence + i`; numbers count the input from 0. Records
        without a key take turns by it, so that a repeated load has each where it was. Raises
        `OutcomeUnknown` when the connection ends before the confirms.
        """
        given = [one if isinstance(one, NewRecord) else NewRecord(one) for one in records]
        messages = self._server.encoded_records(given)
        number = self._server.partition_count(topic)
        placed: list[RecordId] = []
        pending: dict[int, list[_Entry]] = defaultdict(list)
        for index, (record, message) in enumerate(zip(given, messages, strict=True)):
            sequence = first_sequence + index
            partition = self._partition_of(index, sequence, topic, number, record)
            # Publishing ids count from 1: 0 is the server's word for no record.
            if sequence >= self._known(stream_name(topic, partition)):
                entry = as_amqp_1_0(message)
                self._check_size(index, entry)
                pending[partition].append((sequence + 1, entry))
                placed.append(PlacedRecord(topic, partition, UNKNOWN))
        for partition, entries in pending.items():
            self._publish(stream_name(topic, partition), entries)
        return placed

    def _partition_of(
        self, index: int, sequence: int, topic: str, partitions: int, record: NewRecord
    ) -> int:
        if record.partition is not None:
            if not 0 <= record.partition < partitions:
                raise BadRecord(index, f"topic {topic} has no partition {record.partition}")
            return record.partition
        key = encode_bytes(record.key, "key")
        return sequence % partitions if key is None else partition_for_key(key, partitions)

    def _known(self, stream: str) -> int:
        """Return the publishing id of the last record that a stream has of this producer."""
        if stream not in self._last:
            code, body = self._connection.call(_LAST, text(self.name) + text(stream))
            self._connection.check(code, f"producer {self.name} of {stream}")
            (self._last[stream],) = struct.unpack_from(">Q", body)
        return self._last[stream]

    def _check_size(self, index: int, entry: bytes) -> None:
        most = self._connection.largest_frame - _FRAME_HEADER - _ENTRY_HEADER
        if len(entry) > most:
            raise BadRecord(
                index,
                f"{len(entry):,} bytes; with a producer's name a stream takes at most {most:,}",
                hint=Hint("leave {producer} out, or raise stream.frame_max of the server"),
            )

    def _publish(self, stream: str, entries: Sequence[_Entry]) -> None:
        connection = self._connection
        code, _ = connection.call(
            _DECLARE, struct.pack(">B", _PUBLISHER) + text(self.name) + text(stream)
        )
        connection.check(code, f"stream {stream}")
        try:
            for at in range(0, len(entries), _UNCONFIRMED):
                self._send(entries[at : at + _UNCONFIRMED])
                self._last[stream] = self._confirmed(stream, entries[at : at + _UNCONFIRMED])
        except Unavailable as error:
            raise OutcomeUnknown(
                f"{error.message}; the records of this batch may be stored or not",
                hint="run it again: a producer's records are not stored twice",
            ) from error
        code, _ = connection.call(_DELETE, struct.pack(">B", _PUBLISHER))
        connection.check(code, f"stream {stream}")

    def _send(self, entries: Sequence[_Entry]) -> None:
        for frame in self._frames(entries):
            packed = b"".join(
                struct.pack(">QI", number, len(entry)) + entry for number, entry in frame
            )
            self._connection.send(_PUBLISH, struct.pack(">BI", _PUBLISHER, len(frame)) + packed)

    def _frames(self, entries: Sequence[_Entry]) -> Iterator[list[_Entry]]:
        """Return the entries in parts that each fit into a frame."""
        most = self._connection.largest_frame - _FRAME_HEADER
        frame: list[_Entry] = []
        size = 0
        for number, entry in entries:
            size += len(entry) + _ENTRY_HEADER
            if frame and size > most:
                yield frame
                frame, size = [], len(entry) + _ENTRY_HEADER
            frame.append((number, entry))
        yield frame

    def _confirmed(self, stream: str, entries: Sequence[_Entry]) -> int:
        """Wait for the confirm of each entry, and return the last id."""
        waiting = {number for number, _ in entries}
        while waiting:
            key, body = self._connection.receive()
            if key == _ERROR:
                number, code = struct.unpack_from(">QH", body, 5)
                self._connection.check(code, f"record {number} of {self.name} in {stream}")
            elif key == _CONFIRM:
                (count,) = struct.unpack_from(">I", body, 1)
                waiting.difference_update(struct.unpack_from(f">{count}Q", body, 5))
        return entries[-1][0]
