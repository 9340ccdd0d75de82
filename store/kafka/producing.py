"""Producing: each record is confirmed by itself, by all replicas in sync, and stored once."""

from __future__ import annotations

from collections.abc import Sequence
from time import monotonic
from typing import TYPE_CHECKING, cast

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from store.engine.places import Place
from store.kafka.errors import ours_of
from store.kafka.records import Outgoing
from store.model.errors import BadInput, BadRecord, MqError, OutcomeUnknown
from store.model.text import counted

if TYPE_CHECKING:
    from confluent_kafka._types import HeadersType

# Records are waited for in between, so that memory has a bound.
_UNREAD = 10_000
_SPAN = 0.1
_NOT_SENT = {
    KafkaError._INVALID_ARG,
    KafkaError.MSG_SIZE_TOO_LARGE,
    KafkaError.INVALID_RECORD,
    KafkaError.INVALID_TIMESTAMP,
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError._UNKNOWN_PARTITION,
    KafkaError._UNKNOWN_TOPIC,
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError.TOPIC_EXCEPTION,
    KafkaError.POLICY_VIOLATION,
    KafkaError._PURGE_QUEUE,
}
"""Errors after which a record is certainly not stored; after any other one it may be."""


class RecordsUnderway:
    """Records of one call on their way: what is confirmed, refused, or unknown, by its number."""

    def __init__(self, producer: Producer, place: Place, topic: str) -> None:
        self._producer = producer
        self._place = place
        self._topic = topic
        self._placed: dict[int, tuple[int, int]] = {}
        self._failed: dict[int, KafkaError] = {}

    def send(self, records: Sequence[Outgoing], timeout: float) -> list[tuple[int, int]]:
        """Send records and return the partition and offset of each.

        Raises `BadRecord` for the first that is refused, and `OutcomeUnknown` where a record may be
        stored or not; each says how many are stored all the same.
        """
        for number, record in enumerate(records):
            self._put(number, record)
            while number + 1 - self._settled >= _UNREAD:
                self._producer.poll(_SPAN)
        self._wait(len(records), timeout)
        if len(self._placed) < len(records):
            raise self._error(len(records))
        return [self._placed[number] for number in range(len(records))]

    @property
    def _settled(self) -> int:
        return len(self._placed) + len(self._failed)

    def _put(self, number: int, record: Outgoing) -> None:
        def settle(error: KafkaError | None, message: Message) -> None:
            if error is None:
                self._placed[number] = message.partition() or 0, message.offset() or 0
            else:
                self._failed[number] = error

        try:
            self._producer.produce(
                self._topic,
                record.value,
                record.key,
                -1 if record.partition is None else record.partition,
                settle,
                timestamp=record.timestamp,
                headers=cast("HeadersType", record.headers) or None,
            )
        except KafkaException as error:
            self._failed[number] = error.args[0]

    def _wait(self, total: int, timeout: float) -> None:
        deadline = monotonic() + timeout
        while self._settled < total and monotonic() < deadline:
            before = self._settled
            self._producer.flush(_SPAN)
            if self._settled > before:
                deadline = monotonic() + timeout

    def _error(self, total: int) -> MqError:
        unknown = [
            number
            for number in range(total)
            if number not in self._placed
            and (number not in self._failed or self._failed[number].code() not in _NOT_SENT)
        ]
        if not unknown:
            first = min(self._failed)
            cause = ours_of(self._failed[first], self._place, f"topic {self._topic}")
            if not isinstance(cause, BadInput):
                return cause
            stored = f"; {len(self._placed):,} of {counted(total, 'record')} are stored"
            return BadRecord(first, cause.message + (stored if total > 1 else ""), cause.hint)
        return self._unknown(unknown, total)

    def _unknown(self, unknown: Sequence[int], total: int) -> OutcomeUnknown:
        self._producer.purge()
        error = self._failed.get(unknown[0])
        why = "no confirm in time" if error is None else error.str()
        numbers = ", ".join(str(number + 1) for number in unknown[:5])
        more = f" and {len(unknown) - 5:,} more" if len(unknown) > 5 else ""
        which = "" if total == 1 else f" (number {numbers}{more} of {total:,})"
        return OutcomeUnknown(
            f"topic {self._topic}: {why}; {len(self._placed):,} of {counted(total, 'record')}"
            f" confirmed, {counted(len(unknown), 'record')} may be stored or not{which}",
            hint="send those again, if storing them twice does no harm",
        )
