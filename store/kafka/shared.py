"""Members of share groups: records that are held by a session, by librdkafka's preview of KIP-932.

Records come in the batches in which they were produced, and the next batch comes once all of one
are settled. What is not handed out stays acquired meanwhile, as long as the share's lease lasts.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from time import monotonic, time
from typing import NamedTuple
from uuid import uuid4

from confluent_kafka import AcknowledgeType, KafkaError, Message, ShareConsumer

from store.kafka.clients import Clients
from store.kafka.errors import ours_of, translated
from store.kafka.records import record_of
from store.model.errors import LeaseLost, MqError
from store.model.shares import SharedRecord

_LOOK = 0.1
_LONGEST_INTERVAL = 86_400_000


class _Held(NamedTuple):
    topic: str
    partition: int
    offset: int


class ShareMember:
    """A member of a share group, which settles what it holds; others can't do it for it."""

    def __init__(self, clients: Clients, share: str, topic: str, lease: int) -> None:
        self._clients = clients
        self._share = share
        self._lease = lease
        self._prefix = uuid4().hex[:12]
        self._number = 0
        self._waiting: deque[Message] = deque()
        self._held: dict[str, _Held] = {}
        self._settled: set[str] = set()
        self._lapses = 0.0
        self._consumer: ShareConsumer = clients.sharing(
            {
                "group.id": share,
                "share.acknowledgement.mode": "explicit",
                "max.poll.interval.ms": _LONGEST_INTERVAL,
            }
        )
        with translated(clients.place, f"share {share}"):
            self._consumer.subscribe([topic])

    def knows(self, receipt: str) -> bool:
        """Return whether this member gave out a receipt."""
        return receipt.startswith(self._prefix)

    def acquire(self, most: int, wait: float, until: Callable[[], bool]) -> list[SharedRecord]:
        """Return up to `most` records; the first of a batch are waited for."""
        deadline = monotonic() + wait
        while not self._waiting and not self._held and not until():
            left = max(0.0, deadline - monotonic())
            with translated(self._clients.place, f"share {self._share}"):
                self._take(self._consumer.poll(min(left, _LOOK)))
            if monotonic() >= deadline:
                break
        if self._waiting and monotonic() >= self._lapses:
            self._give_up()
        return [self._hand_out() for _ in range(min(most, len(self._waiting)))]

    def settle(self, receipts: Sequence[str], kind: AcknowledgeType) -> None:
        """Accept, release or reject records; a repeated acceptance is no error.

        Raises `LeaseLost`, with the receipts in `failures`, for those whose lease has ended.
        """
        lost: dict[str, MqError] = {}
        wanted = [one for one in receipts if one in self._held]
        for receipt in receipts:
            if receipt not in self._held and receipt not in self._settled:
                lost[receipt] = LeaseLost(f"receipt {receipt} is not held any more")
        for receipt in wanted:
            held = self._held.pop(receipt)
            if error := self._answer(held, kind):
                lost[receipt] = error
            elif kind is AcknowledgeType.ACCEPT:
                self._settled.add(receipt)
        if lost:
            first = next(iter(lost.values()))
            first.failures = lost
            raise first

    def close(self) -> None:
        """Release what is held, and leave."""
        for held in self._held.values():
            self._answer(held, AcknowledgeType.RELEASE)
        self._held.clear()
        self._give_up()
        with translated(self._clients.place, f"share {self._share}"):
            self._consumer.close()

    def _take(self, messages: Iterable[Message]) -> None:
        for message in messages:
            if (error := message.error()) is not None:
                if not error.retriable():
                    raise ours_of(error, self._clients.place, f"share {self._share}")
            else:
                self._waiting.append(message)
                self._lapses = monotonic() + self._lease / 1000

    def _hand_out(self) -> SharedRecord:
        message = self._waiting.popleft()
        self._number += 1
        receipt = f"{self._prefix}-{self._number}"
        record = record_of(message)
        self._held[receipt] = _Held(record.topic, record.partition, record.offset)
        return SharedRecord(
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            timestamp=record.timestamp,
            key=record.key,
            headers=record.headers,
            value=record.value,
            deliveries=message.delivery_count() or 1,
            state="leased",
            receipt=receipt,
            lease_expires=round((time() + self._lapses - monotonic()) * 1000),
            holder=self._prefix,
        )

    def _give_up(self) -> None:
        """Release records that were not handed out: their lease is over, or this member leaves."""
        for message in self._waiting:
            record = record_of(message)
            held = _Held(record.topic, record.partition, record.offset)
            self._answer(held, AcknowledgeType.RELEASE)
        self._waiting.clear()

    def _answer(self, held: _Held, kind: AcknowledgeType) -> MqError | None:
        """Settle one record at the server; return why it can't be."""
        address = f"{held.topic}/{held.partition}@{held.offset}"
        with translated(self._clients.place, f"share {self._share}"):
            self._consumer.acknowledge_offset(*held, kind)
            answers = self._consumer.commit_sync(self._clients.timeout)
        for error in answers.values():
            if error is None:
                continue
            cause: KafkaError = error.args[0]
            if cause.code() == KafkaError.INVALID_RECORD_STATE:
                return LeaseLost(f"the lease of {address} has ended")
            return ours_of(cause, self._clients.place, f"share {self._share}")
        return None
