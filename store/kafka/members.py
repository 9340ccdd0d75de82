"""A member of a group by Kafka's own protocol: the coordinator gives it partitions, and takes them.

A thread serves the group while the caller does other things, so that no rebalance waits for them;
nothing is handed out then. It ends with the longest time between two polls, and the member with it.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import contextmanager, suppress
from threading import Event, RLock, Thread
from time import monotonic, time
from types import TracebackType
from typing import cast

from confluent_kafka import (
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition as KafkaPartition,
)

from store import model
from store.kafka.buffers import PartitionBuffer
from store.kafka.clients import Clients
from store.kafka.errors import ours_of, translated
from store.kafka.headers import Pairs
from store.kafka.joining import Beginnings, MemberRequest, config_of
from store.kafka.letters import buried, default_name
from store.kafka.partition_reads import PartitionReads
from store.kafka.records import record_of
from store.kafka.transactions import KafkaTransaction, Producers
from store.model.errors import BadInput, Fenced, Hint, MqError, TimedOut, secondary_to
from store.model.groups import Offsets, RecordLoss, TopicPartition
from store.model.topics import Record, RecordId, Seconds, in_seconds

# Seconds between two looks at whether a wait shall end, and at what the group wants of a member.
_LOOK = 0.05
_SERVE = 0.5
# The most messages that are held of a partition that waits.
_MOST_HELD = 100


class KafkaMember:
    """One member of a group: it has partitions of its own and commits its position."""

    def __init__(self, clients: Clients, request: MemberRequest, producers: Producers) -> None:
        self.group = request.group
        self.transactional_id = request.transactional_id
        self._static = request.member
        self._producers = producers
        self._beginnings = Beginnings(clients, request, self._end_open)
        self._clients = clients
        self._owned: dict[TopicPartition, PartitionBuffer] = {}
        self._kept: dict[TopicPartition, int] = {}
        self._is_between = True
        self._turn = 0
        self._failures: dict[tuple[str, int, int], int] = {}
        self._error: MqError | None = None
        self._longest = in_seconds(request.max_poll_interval)
        self._polled = self._served = monotonic()
        self._lock = RLock()
        self._closed = Event()
        self._consumer = clients.consumer(config_of(request))
        self._consumer.subscribe(
            list(request.topics), on_assign=self._take, on_revoke=self._give, on_lost=self._lose
        )
        Thread(target=self._serve, name=f"mq group {self.group}", daemon=True).start()

    @property
    def member(self) -> str:
        """The name of this member: its own, or that which the coordinator gave it."""
        return self._static or self._consumer.memberid() or self.group

    @property
    def losses(self) -> list[RecordLoss]:
        """The records that retention or compaction took before they were read."""
        return self._beginnings.losses

    @property
    def position(self) -> dict[TopicPartition, int]:
        """The next offset to be polled, by (topic, partition)."""
        with self._lock:
            return {place: buffer.position for place, buffer in self._owned.items()}

    @property
    def assignment(self) -> list[TopicPartition]:
        """The partitions this member owns; it is idle while there are none."""
        return sorted(self.position)

    def wait_for_partitions(self, timeout: Seconds) -> None:
        """Wait until this member owns a partition; raises `TimedOut` after `timeout` seconds."""
        seconds = in_seconds(timeout)
        deadline = monotonic() + seconds
        with self._lock:
            while not self._owned:
                self._raise_error()
                if monotonic() >= deadline:
                    self.close()
                    raise TimedOut(
                        f"group {self.group}: no partition became free within {seconds:g} s",
                        hint=Hint(
                            "see {}; wait longer with {timeout}",
                            model.looks.Show("group", self.group),
                        ),
                    )
                self._polled = monotonic()
                self._fill(1, _LOOK)

    def poll(
        self,
        max_records: int = 500,
        timeout: Seconds = 1.0,
        *,
        paused: Container[TopicPartition] = (),
        until: Callable[[], bool] | None = None,
    ) -> list[Record]:
        """Return up to `max_records` next records, within `timeout` seconds.

        Fetches take their time, so that it waits longer while a partition may have records.
        """
        begun = monotonic()
        deadline, latest = begun + in_seconds(timeout), begun + self._clients.timeout
        while True:
            with self._lock:
                self._raise_error()
                self._polled = monotonic()
                open = [place for place in self._owned if place not in paused]
                is_waiting = not any(self._owned[place] for place in open)
                left = min(max(0.001, deadline - monotonic()), _LOOK)
                self._fill(max_records, left if is_waiting else 0.0)
                self._raise_error()
                records = self._hand_out(max_records, paused)
                self._hold_back()
                is_late = monotonic() >= (deadline if self._is_drained(paused) else latest)
            if records or is_late or (until is not None and until()):
                return records

    def commit(self, offsets: Offsets | None = None, timeout: Seconds | None = None) -> None:
        """Store the next offsets to read, by (topic, partition); by default all polled ones.

        Raises `Fenced` for a partition that this member does not own any more.
        """
        with self._lock:
            self._raise_error()
            self._commit(self.position if offsets is None else dict(offsets))

    def committable(self, offsets: Offsets) -> list[KafkaPartition]:
        """Return offsets as Kafka takes them; raises `Fenced` for a partition of another member."""
        with self._lock:
            for place in offsets:
                if place not in self._owned:
                    raise Fenced(f"{place[0]}/{place[1]} is not assigned to {self.member} now")
            return [KafkaPartition(*place, offset) for place, offset in sorted(offsets.items())]

    def have_committed(self, offsets: Sequence[KafkaPartition]) -> None:
        """Read on behind what was committed, where a rebalance had taken this member back."""
        with self._lock:
            for one in offsets:
                buffer = self._owned.get((one.topic, one.partition))
                if buffer is not None and buffer.position < one.offset:
                    self.seek(one.topic, one.partition, one.offset)

    @contextmanager
    def held(self) -> Iterator[Consumer]:
        """Return a block in which the caller alone uses the consumer."""
        with self._lock:
            self._raise_error()
            yield self._consumer

    def heartbeat(self) -> None:
        """Stay in the group during work that takes long; raises `Fenced` where it was left."""
        with self._lock:
            self._polled = monotonic()
            self._fill(1, 0.0)
            self._hold_back()
            self._raise_error()

    def seek(self, topic: str, partition: int, offset: int) -> None:
        """Poll a partition from `offset` on; the committed offset stays."""
        place = topic, partition
        with self._lock, translated(self._clients.place, f"{topic}/{partition}"):
            if self._own(place).move(offset):
                self._seek(KafkaPartition(*place, offset))

    def failures(self, record: Record | RecordId) -> int:
        """Return how many attempts at a record this member noted; others are not told."""
        return self._failures.get((record.topic, record.partition, record.offset), 0)

    def fail(self, record: Record | RecordId, error: str, *, final: bool = False) -> int:
        """Note a failed attempt at a record, which is polled again; return the count so far.

        A `final` one is copied to the topic's dead letters, and committed, in one transaction.
        """
        id = record.topic, record.partition, record.offset
        number = self._failures[id] = self.failures(record) + 1
        with self._lock:
            self._own(id[:2])
            if final and isinstance(record, Record):
                self._bury(record, error, number)
            else:
                self.seek(*id)
        return number

    def close(self, timeout: Seconds | None = None) -> None:
        """Leave the group; records that were polled and not committed will be read again."""
        with self._lock:
            if self._closed.is_set():
                return
            self._closed.set()
            self._owned.clear()
            self._consumer.close()

    def __enter__(self) -> KafkaMember:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with secondary_to(error):
            self.close()

    def _commit(self, offsets: Offsets) -> None:
        deadline = monotonic() + self._clients.timeout
        while wanted := self.committable(offsets):
            error = self._refusal(wanted)
            if error is None:
                self.have_committed(wanted)
                return
            # The group is between two assignments; the next one tells whose the partitions are.
            if error.code() != KafkaError.REBALANCE_IN_PROGRESS or monotonic() > deadline:
                raise ours_of(error, self._clients.place, f"group {self.group}")
            self._fill(1, _LOOK)

    def _refusal(self, wanted: list[KafkaPartition]) -> KafkaError | None:
        try:
            answers = self._consumer.commit(offsets=wanted, asynchronous=False)
        except KafkaException as error:
            cause: KafkaError = error.args[0]
            return cause
        return next((one.error for one in answers or () if one.error is not None), None)

    def _bury(self, record: Record, error: str, number: int) -> None:
        """Write a record's dead letter and commit the offset behind it, together."""
        place = record.topic, record.partition
        found = PartitionReads(self._clients).read(*place, record.offset, 1)
        is_there = found and found[0].offset() == record.offset
        headers = cast("Pairs", found[0].headers() or []) if is_there else []
        letter = buried(record, headers, error, number, round(time() * 1000))
        with KafkaTransaction(self._producers) as transaction:
            transaction.produce_outgoing(default_name(record.topic), [letter])
            transaction.commit(self.group, {place: record.offset + 1}, self)
        self._failures.pop((*place, record.offset))

    def _end_open(self) -> None:
        """End a transaction that another process of this name left open."""
        if self.transactional_id is not None:
            self._producers.named(self.transactional_id)

    def _own(self, place: TopicPartition) -> PartitionBuffer:
        if place not in self._owned:
            raise BadInput(f"{place[0]}/{place[1]} is not assigned to {self.member}")
        return self._owned[place]

    def _raise_error(self) -> None:
        if self._error is not None:
            raise self._error
        if self._closed.is_set():
            raise Fenced(f"{self.member} has left group {self.group}")

    def _serve(self) -> None:
        """Serve the group until it is closed, or the caller has not polled for too long."""
        while not self._closed.wait(_SERVE):
            if monotonic() - self._polled > self._longest:
                return
            with self._lock, suppress(MqError):
                if not self._closed.is_set() and monotonic() - self._served > _SERVE:
                    self._fill(1, 0.0)
                    self._hold_back()

    def _fill(self, most: int, wait: float) -> None:
        """Do what the group wants of this member, and keep what has come."""
        first = self._consumer.poll(wait)
        self._served = monotonic()
        if first is None:
            return
        for message in [first, *(self._consumer.consume(most - 1, timeout=0) if most > 1 else ())]:
            buffer = self._owned.get(_place(message))
            if message.error() is not None:
                self._note(message)
            elif buffer is not None:
                buffer.put(message)

    def _hold_back(self) -> None:
        """Fetch no more of partitions of which much is held."""
        for place, buffer in self._owned.items():
            if len(buffer) > _MOST_HELD and not buffer.is_paused:
                self._consumer.pause([KafkaPartition(*place)])
                buffer.is_paused = True

    def _hand_out(self, most: int, paused: Container[TopicPartition]) -> list[Record]:
        """Hand out records of partitions, beginning with another one each time."""
        places = [place for place in self._owned if place not in paused]
        self._turn += 1
        records: list[Record] = []
        for step in range(len(places)):
            place = places[(self._turn + step) % len(places)]
            buffer = self._owned[place]
            while buffer and len(records) < most:
                records.append(record_of(buffer.take()))
            if buffer.is_paused and not buffer:
                self._consumer.resume([KafkaPartition(*place)])
                buffer.is_paused = False
        return records

    def _is_drained(self, paused: Container[TopicPartition]) -> bool:
        """Return whether each partition that is not paused was read to its end."""
        open = [buffer for place, buffer in self._owned.items() if place not in paused]
        return not self._is_between and all(buffer.is_at_end for buffer in open)

    def _note(self, message: Message) -> None:
        """Note the end of a partition, or an error: it is raised by the next call."""
        error, place = message.error(), _place(message)
        assert error is not None
        if error.code() == KafkaError._PARTITION_EOF:
            if place in self._owned:
                self._owned[place].end(message.offset() or 0)
        elif error.code() == KafkaError._AUTO_OFFSET_RESET:
            self._begin_anew(place)
        elif error.code() == KafkaError._MAX_POLL_EXCEEDED:
            self._error = self._dropped("it did not poll in time")
        elif error.fatal() or error.code() == KafkaError.FENCED_INSTANCE_ID:
            self._error = self._dropped("another has its name")
        elif not error.retriable():
            self._error = ours_of(error, self._clients.place, f"group {self.group}")

    def _dropped(self, why: str) -> Fenced:
        return Fenced(f"{self.member} was dropped from group {self.group}: {why}")

    def _begin_anew(self, place: TopicPartition) -> None:
        """Go on at the first record where retention took the next one."""
        if place not in self._owned:
            return
        start, _ = self._beginnings.bounds(self._consumer, place)
        position = self._owned[place].position
        if position < start:
            self.losses.append(RecordLoss(*place, position, start))
        self.seek(*place, start)

    def _seek(self, place: KafkaPartition) -> None:
        deadline = monotonic() + self._clients.timeout
        while True:
            try:
                self._consumer.seek(place)
                return
            except KafkaException as error:
                # Its first offset is being looked up: there is nothing to seek in yet.
                if error.args[0].code() != KafkaError._STATE or monotonic() > deadline:
                    raise
                self._closed.wait(_LOOK)

    def _take(self, consumer: Consumer, partitions: Sequence[KafkaPartition]) -> None:
        """Begin with partitions that the group assigns: where it stands in each of them."""
        try:
            begins = self._beginnings.of(consumer, partitions, self._kept)
        except MqError as error:
            self._error, begins = error, []
        consumer.assign(begins)
        # A pause outlives the assignment that it was made in.
        consumer.resume(begins)
        self._kept.clear()
        self._is_between = False
        self._owned = {(one.topic, one.partition): PartitionBuffer(one.offset) for one in begins}

    def _give(self, consumer: Consumer, partitions: Sequence[KafkaPartition]) -> None:
        """Give partitions back; one that returns with the next assignment goes on where it was."""
        self._kept = self.position
        self._is_between = True
        self._owned.clear()
        consumer.unassign()

    def _lose(self, consumer: Consumer, partitions: Sequence[KafkaPartition]) -> None:
        """Give up partitions that other members may read by now."""
        self._kept.clear()
        self._owned.clear()
        consumer.unassign()


def _place(message: Message) -> TopicPartition:
    partition = message.partition()
    return str(message.topic()), -1 if partition is None else partition
