"""Transactions: records and offsets stored together, or not at all (KIP-98, KIP-447)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from threading import Thread
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from uuid import uuid4

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition as KafkaPartition

from store.crash import crash_point
from store.kafka.clients import Clients
from store.kafka.errors import raise_ours
from store.kafka.producing import RecordsUnderway
from store.kafka.records import Outgoing, encoded
from store.model.encoding import given_list
from store.model.errors import (
    Fenced,
    MqError,
    OutcomeUnknown,
    TimedOut,
    Unavailable,
    Unsupported,
)
from store.model.groups import Offsets
from store.model.topics import NewRecord, RecordId

if TYPE_CHECKING:
    from store.kafka.members import KafkaMember
    from store.model.messages import MessageId


# Seconds after which a producer that was not used is made anew.
_FRESH = 5.0
# Seconds that a call may take beyond its own limit.
_GRACE = 5.0


class TransactionalProducer:
    """A producer whose records count once their transaction is committed.

    A newer one of the same id ends the open transaction of an older one, which is fenced.
    """

    def __init__(self, clients: Clients, id: str) -> None:
        self._clients = clients
        self.id = id
        self.used = monotonic()
        self._is_stuck = False
        self._producer: Producer = clients.transactional(id)
        self.call(self._producer.init_transactions, clients.timeout)

    def begin(self) -> None:
        """Begin a transaction."""
        self.call(self._producer.begin_transaction)

    def produce(self, topic: str, records: Sequence[Outgoing]) -> list[RecordId]:
        """Append records; return their ids, which count once it is committed."""
        underway = RecordsUnderway(self._producer, self._clients.place, topic)
        placed = underway.send(records, self._clients.timeout)
        return [RecordId(topic, partition, offset) for partition, offset in placed]

    def commit_offsets(self, offsets: Sequence[KafkaPartition], consumer: Consumer) -> None:
        """Commit offsets of the consumer's group as part of the transaction."""
        metadata = consumer.consumer_group_metadata()
        self.call(
            self._producer.send_offsets_to_transaction,
            list(offsets),
            metadata,
            self._clients.timeout,
        )

    def commit(self) -> None:
        """Commit: all of it counts from here on."""
        self.call(self._producer.commit_transaction, self._clients.timeout)

    def abort(self) -> None:
        """Abort: nothing of it will ever count."""
        self.call(self._producer.abort_transaction, self._clients.timeout)

    def call(self, method: Callable[..., Any], *given: Any, **named: Any) -> Any:
        """Call librdkafka again as long as it says that this may help; raises its error as ours."""
        deadline = monotonic() + self._clients.timeout
        while True:
            try:
                return self._answered(partial(method, *given, **named))
            except KafkaException as error:
                if not error.args[0].retriable() or monotonic() > deadline:
                    raise_ours(error, self._clients.place, f"transaction {self.id}")

    def close(self) -> None:
        """Forget what was not committed."""
        if not self._is_stuck:
            self._producer.purge()
            self._producer.flush(0)

    def _answered(self, call: Callable[[], Any]) -> Any:
        """Return the answer of a call; librdkafka's own limit of it does not always hold.

        After the only server was started again a call may never return: raises `TimedOut` then.
        """
        answers: list[Any] = []
        failures: list[BaseException] = []

        def run() -> None:
            try:
                answers.append(call())
            except BaseException as error:
                failures.append(error)

        if not self._is_stuck:
            thread = Thread(target=run, name=f"mq transaction {self.id}", daemon=True)
            thread.start()
            thread.join(self._clients.timeout + _GRACE)
            self._is_stuck = not answers and not failures
        if self._is_stuck:
            name = self._clients.place.name
            raise TimedOut(f"transaction {self.id}: {name} did not answer in time")
        if failures:
            raise failures[0]
        self.used = monotonic()
        return answers[0]


class Producers:
    """The transactional producers of one open place, by id: each is made once."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients
        self._made: dict[str, TransactionalProducer] = {}
        self._own = f"mq.{uuid4().hex}"

    def named(self, id: str | None = None) -> TransactionalProducer:
        """Return the producer of an id, which ends what another process left open under it."""
        id = id or self._own
        if id in self._made and monotonic() - self._made[id].used > _FRESH:
            # Its connections may have ended meanwhile, which it does not always notice.
            self._made.pop(id).close()
        if id not in self._made:
            self._made[id] = TransactionalProducer(self._clients, id)
        return self._made[id]

    def forget(self, producer: TransactionalProducer) -> None:
        """Make another one in its place, as one that is fenced is of no use any more."""
        self._made.pop(producer.id, None)

    def close(self) -> None:
        """Forget what was not committed."""
        for producer in self._made.values():
            producer.close()
        self._made.clear()


class KafkaTransaction:
    """Records and offsets that are stored when its block ends, or never.

    Its producer has the given id, or that of the member whose offsets it commits first: so the next
    process with that member's name ends at once what this one left open.
    """

    def __init__(self, producers: Producers, id: str | None = None) -> None:
        self._producers = producers
        self._id = id
        self._is_open = False
        self._begun: TransactionalProducer | None = None
        self._committed: list[tuple[KafkaMember, list[KafkaPartition]]] = []

    def __enter__(self) -> Self:
        self._is_open = True
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._is_open = False
        if self._begun is None:
            return
        if error is not None:
            self._abort(self._begun)
            return
        crash_point("kafka.commit")
        self._commit(self._begun)
        crash_point("kafka.committed")
        for member, offsets in self._committed:
            member.have_committed(offsets)

    def produce_many(
        self, topic: str, records: Iterable[NewRecord | bytes | str]
    ) -> list[RecordId]:
        """Append records to a topic; they can be read once the transaction has ended."""
        given = given_list(records, "records")
        ready = [one if isinstance(one, NewRecord) else NewRecord(one) for one in given]
        return self._producer().produce(topic, [encoded(*one) for one in enumerate(ready)])

    def produce_outgoing(self, topic: str, records: Sequence[Outgoing]) -> list[RecordId]:
        """Append records as Kafka has them."""
        return self._producer().produce(topic, records)

    def commit(self, group: str, offsets: Offsets, consumer: KafkaMember) -> None:
        """Commit the next offsets of a member; raises `Fenced` for a partition of another one."""
        with consumer.held() as client:
            wanted = consumer.committable(offsets)
            self._producer(consumer.transactional_id).commit_offsets(wanted, client)
        self._committed.append((consumer, wanted))

    def mark(self, consumer: Consumer, offsets: Sequence[KafkaPartition]) -> None:
        """Commit offsets for the group of a consumer that never joins it."""
        self._producer().commit_offsets(offsets, consumer)

    def send_many(self, queue: str, messages: object) -> list[MessageId]:
        """Raise `Unsupported`: there are no queues."""
        raise _no_queues()

    def ack(self, receipts: object) -> None:
        """Raise `Unsupported`: there are no queues."""
        raise _no_queues()

    def _producer(self, id: str | None = None) -> TransactionalProducer:
        if not self._is_open:
            raise Fenced("the transaction has ended")
        if self._begun is None:
            producer = self._producers.named(self._id or id)
            producer.begin()
            self._begun = producer
        return self._begun

    def _commit(self, producer: TransactionalProducer) -> None:
        try:
            producer.commit()
        except Unavailable as late:
            self._producers.forget(producer)
            raise OutcomeUnknown(late.message, late.hint) from late
        except MqError:
            self._abort(producer)
            raise

    def _abort(self, producer: TransactionalProducer) -> None:
        try:
            producer.abort()
        except MqError:
            self._producers.forget(producer)


def _no_queues() -> Unsupported:
    return Unsupported("kafka has no queues: it has topics alone", "a topic with -g", "queues")
