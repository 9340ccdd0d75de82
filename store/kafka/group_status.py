"""Groups as the coordinator describes them, in the values of the house."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from confluent_kafka import ConsumerGroupState
from confluent_kafka.admin import MemberDescription

from store.model.groups import Lag, Member, TopicPartition


def state_of(state: object) -> str:
    """Return a state in the words of the house: all that are on the way are rebalancing."""
    if state == ConsumerGroupState.STABLE:
        return "stable"
    if state in {ConsumerGroupState.EMPTY, ConsumerGroupState.DEAD}:
        return "empty"
    return "rebalancing"


def _name_of(member: MemberDescription) -> str:
    return member.group_instance_id or member.member_id or member.client_id


def _owned(member: MemberDescription) -> list[TopicPartition]:
    return sorted((one.topic, one.partition) for one in member.assignment.topic_partitions)


def readers_of(members: Iterable[MemberDescription]) -> dict[TopicPartition, str]:
    """Return the member that owns each partition."""
    return {place: _name_of(member) for member in members for place in _owned(member)}


def member_of(member: MemberDescription) -> Member:
    """Return a member; its process and its signs of life only the coordinator knows."""
    return Member(
        member=_name_of(member),
        host=member.host.removeprefix("/"),
        pid=None,
        partitions=_owned(member),
        static=member.group_instance_id is not None,
        joined=None,
        last_seen=None,
        session_timeout=None,
    )


def row_of(
    group: str,
    place: TopicPartition,
    committed: int | None,
    bounds: tuple[int, int],
    readers: Mapping[TopicPartition, str],
) -> Lag:
    """Return how far a group is behind in a partition, without the age of what is unread."""
    start, end = bounds
    behind = max(0, end - max(start, committed or 0))
    is_lost = committed is not None and committed < start
    return Lag(
        group=group,
        topic=place[0],
        partition=place[1],
        committed=committed,
        start=start,
        end=end,
        lag=behind,
        lag_seconds=None if behind else 0.0,
        lag_bytes=None,
        trend=None,
        member=readers.get(place),
        state="lost" if is_lost else "behind" if behind else "current",
        exact=False,
    )
