"""Offsets of many partitions at once: by time, and what groups committed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from confluent_kafka import (
    ConsumerGroupTopicPartitions,
    IsolationLevel,
    KafkaError,
    TopicPartition as KafkaPartition,
)
from confluent_kafka.admin import ListOffsetsResultInfo, OffsetSpec

from store import model
from store.kafka.clients import Clients
from store.kafka.errors import ours_of
from store.model.errors import GroupActive, Hint
from store.model.groups import TopicPartition


class Offsets:
    """Offsets of one place, as Kafka's own tools see them."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def since(self, times: Mapping[TopicPartition, int]) -> dict[TopicPartition, int | None]:
        """Return the first offset at or after a time in Unix milliseconds; `None` without one."""
        found = self._listed(
            {place: OffsetSpec.for_timestamp(time) for place, time in times.items()}
        )
        return {place: one.offset if one.offset >= 0 else None for place, one in found.items()}

    def committed(self, groups: Sequence[str]) -> dict[str, dict[TopicPartition, int]]:
        """Return the next offset that each group reads, by partition; those with a commit alone.

        An offset within an open transaction is waited for: it may change at any moment.
        """
        admin = self._clients.admin
        futures = {
            group: admin.list_consumer_group_offsets(
                [ConsumerGroupTopicPartitions(group)],
                require_stable=True,
                request_timeout=self._clients.timeout,
            )[group]
            for group in groups
        }
        return {
            group: {
                (one.topic, one.partition): one.offset
                for one in answer.topic_partitions or ()
                if one.offset >= 0 and one.error is None
            }
            for group, answer in self._clients.settled(futures, "group ").items()
        }

    def commit(self, group: str, offsets: Mapping[TopicPartition, int]) -> None:
        """Commit offsets of a group without members; raises `GroupActive` where it has some.

        The call as a whole succeeds where partitions of it fail, so each is looked at.
        """
        if not offsets:
            return
        wanted = [KafkaPartition(*place, offset) for place, offset in sorted(offsets.items())]
        futures = self._clients.admin.alter_consumer_group_offsets(
            [ConsumerGroupTopicPartitions(group, wanted)], request_timeout=self._clients.timeout
        )
        answer = self._clients.settled({group: futures[group]}, "group ")[group]
        for one in answer.topic_partitions or ():
            if one.error is not None:
                raise self._refused(group, one, one.error)

    def _refused(self, group: str, place: KafkaPartition, error: KafkaError) -> Exception:
        subject = f"group {group} at {place.topic}/{place.partition}"
        if error.code() == KafkaError.UNKNOWN_MEMBER_ID:
            return has_members(group)
        return ours_of(error, self._clients.place, subject)

    def _listed(
        self, wanted: Mapping[TopicPartition, OffsetSpec]
    ) -> dict[TopicPartition, ListOffsetsResultInfo]:
        if not wanted:
            return {}
        futures = self._clients.admin.list_offsets(
            {KafkaPartition(*place): spec for place, spec in wanted.items()},
            isolation_level=IsolationLevel.READ_UNCOMMITTED,
            request_timeout=self._clients.timeout,
        )
        by_place = {(one.topic, one.partition): future for one, future in futures.items()}
        named = {f"{topic}/{number}": by_place[topic, number] for topic, number in wanted}
        answers = self._clients.settled(named, "partition ")
        return dict(zip(wanted, answers.values(), strict=True))


def has_members(group: str) -> GroupActive:
    """Return the error for a group whose offsets are in the hands of its members."""
    return GroupActive(
        f"group {group} has live members",
        Hint("end them first: {} names them", model.looks.Show("group", group)),
    )
