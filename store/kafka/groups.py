"""Consumer groups: their members as the coordinator knows them, and the offsets they committed.

A log ends where Kafka's own tools see its end, after the records of open transactions. Between an
offset and the end may be marks of transactions and gaps of compaction: a lag is an upper bound.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Unpack

from confluent_kafka import KafkaException
from confluent_kafka.admin import ConsumerGroupDescription

from store import model
from store.engine.features import Feature, lacking
from store.kafka.ages import first_times
from store.kafka.errors import raise_ours
from store.kafka.group_status import member_of, readers_of, row_of, state_of
from store.kafka.joining import MemberRequest
from store.kafka.log import ClusterRecords
from store.kafka.members import KafkaMember
from store.kafka.offsets import Offsets, has_members
from store.kafka.records import record_of
from store.kafka.resets import plan
from store.kafka.transactions import KafkaTransaction, Producers
from store.model.addresses import Address, check_name
from store.model.errors import BadInput, Exists, Hint, NotFound, Unsupported
from store.model.groups import (
    GroupConfig,
    GroupSettings,
    GroupStatus,
    Lag,
    OffsetChange,
    TopicPartition,
)
from store.model.positions import Position, Scope, Target, parse_position
from store.model.topics import Record, RecordId, Seconds

SHARE_MARK, REDRIVE_MARK = "mq.share.", "mq.redrive."
MARKS = (SHARE_MARK, REDRIVE_MARK)
"""How the names of groups begin whose offsets are notes of mq, and no reader's."""


class ClusterGroups(ClusterRecords):
    """Groups: join, look, lag, reset."""

    @cached_property
    def _commits(self) -> Offsets:
        return Offsets(self._clients)

    @cached_property
    def _producers(self) -> Producers:
        return Producers(self._clients)

    def transaction(self, timeout: Seconds = 5.0) -> KafkaTransaction:
        """Return a `with` block whose records and offsets are stored together or not at all.

        They take effect when it ends, for readers of committed records, as those of mq are.
        """
        return KafkaTransaction(self._producers)

    def _close_groups(self) -> None:
        if "_producers" in self.__dict__:
            self._producers.close()

    def consumer(
        self,
        group: str,
        topics: Iterable[str],
        *,
        member: str | None = None,
        session_timeout: Seconds = 45.0,
        max_poll_interval: Seconds = 300.0,
        start: str | Position = "earliest",
        timeout: Seconds | None = None,
    ) -> KafkaMember:
        """Join a group by Kafka's own protocol; `member` is its `group.instance.id`.

        With a timeout it waits until it owns a partition, and raises `TimedOut`.
        """
        check_name(group, "group name")
        names = [topics] if isinstance(topics, str) else list(topics)
        for name in names:
            self._partition_count(name)
        begin = parse_position(start, self.wall()) if isinstance(start, str) else start
        request = MemberRequest(
            group, tuple(names), member, session_timeout, max_poll_interval, begin
        )
        consumer = KafkaMember(self._clients, request, self._producers)
        if timeout is not None:
            consumer.wait_for_partitions(timeout)
        return consumer

    def groups(self) -> list[GroupStatus]:
        """Return every consumer group, by name; Kafka's client tells nothing of share groups."""
        self.features.need(Feature.GROUP_LIST)
        listed = self._clients.result(
            self._clients.admin.list_consumer_groups(request_timeout=self._clients.timeout),
            "the list of groups",
        )
        for error in listed.errors or ():
            if isinstance(error, KafkaException):
                raise_ours(error, self._place, "the list of groups")
        names = sorted(one.group_id for one in listed.valid or ())
        return self._statuses([name for name in names if not name.startswith(MARKS)])

    def group(self, name: str) -> GroupStatus:
        """Return a group with its members, offsets and ages; raises `NotFound` without either."""
        status = self._known(name)
        return status._replace(offsets=self._with_ages(status.offsets))

    def create_group(
        self,
        name: str,
        *,
        topics: Iterable[str] = (),
        if_not_exists: bool = False,
        **settings: Unpack[GroupSettings],
    ) -> GroupStatus:
        """Create a group by its first commit: the beginning of each partition of its topics.

        Kafka drops the offsets of a group without members after seven days.
        """
        self._check_settings(settings)
        check_name(name, "group name")
        names = [topics] if isinstance(topics, str) else list(topics)
        if not names:
            raise BadInput(
                "a group is its offsets there, and so needs a topic", Hint("name it: {topic T}")
            )
        (status,) = self._statuses([name])
        if status.offsets or status.members:
            if not if_not_exists:
                raise Exists(f"group {name} exists already")
            return status
        self._commit_starts(name, names)
        return self._known(name)

    def alter_group(
        self, name: str, *, topics: Iterable[str] = (), **settings: Unpack[GroupSettings]
    ) -> GroupStatus:
        """Add topics to a group without members, which begins at their first records."""
        self._check_settings(settings)
        status = self._known(name)
        if status.members:
            raise has_members(name)
        known = {row.topic for row in status.offsets}
        names = [topics] if isinstance(topics, str) else list(topics)
        self._commit_starts(name, [topic for topic in names if topic not in known])
        return self._known(name)

    def delete_group(self, name: str) -> None:
        """Delete a group with its offsets; raises `GroupActive` while it has members."""
        if self._known(name).members:
            raise has_members(name)
        futures = self._clients.admin.delete_consumer_groups(
            [name], request_timeout=self._clients.timeout
        )
        self._clients.settled(futures, "group ")

    def lag(self, group: str | None = None, topic: str | None = None) -> list[Lag]:
        """Return the lag of groups in records, an upper bound, and in time.

        The time is the age of the first unread record, as its timestamp says.
        """
        self.features.need(Feature.LAG)
        if topic is not None:
            self._partition_count(topic)
        statuses = self.groups() if group is None else [self._known(group)]
        rows = [row for one in statuses for row in one.offsets if topic in {None, row.topic}]
        return self._with_ages(rows)

    def plan_reset(
        self, group: str, target: Target, scope: Scope | None = None
    ) -> list[OffsetChange]:
        """Return the changes that `reset_group` would make, without making them."""
        self.features.need(Feature.GROUP_RESET)
        check_name(group, "group name")
        committed = self._commits.committed([group])[group]
        if isinstance(target, Mapping) and scope is None:
            scope = list(target)
        places = sorted(committed) if scope is None else sorted(set(self._places(scope)))
        return plan(self._commits, committed, target, self._bounds(places, committed=False))

    def reset_group(
        self,
        group: str,
        target: Target,
        scope: Scope | None = None,
        *,
        force: bool = False,
        note: Callable[[list[OffsetChange]], None] | None = None,
    ) -> list[OffsetChange]:
        """Move a group's offsets; raises `GroupActive` while it has members.

        `note` is called with the changes before they are made. `force` is refused: librdkafka can't
        take a member out of its group.
        """
        if force:
            raise Unsupported(
                "kafka has no reset of a group with live members: its offsets are theirs",
                "end them, or kafka-streams-application-reset.sh --force --application-id GROUP",
                Feature.GROUP_RESET.word,
            )
        changes = self.plan_reset(group, target, scope)
        if not changes:
            return []
        if self._described([group])[group].members:
            raise has_members(group)
        self._check_forgotten(group, changes)
        if note is not None:
            note(changes)
        moved = {(one.topic, one.partition): one.new for one in changes}
        self._commits.commit(group, {p: new for p, new in moved.items() if new is not None})
        if None in moved.values() and any(one.current is not None for one in changes):
            self.delete_group(group)
        return changes

    def skip(
        self, group: str, record: Address, to_queue: str | None = None
    ) -> Record | RecordId | None:
        """Commit the offset behind the record that a group without members reads next."""
        skipped = self.skip_preview(group, record, to_queue)
        if to_queue is not None:
            raise Unsupported(
                "kafka has no queue for the copy of a record",
                "mq work TOPIC -g GROUP --once --on-failure dead-letter -- false",
                Feature.GROUP_SKIP.word,
            )
        assert record.partition is not None
        assert record.offset is not None
        self._commits.commit(group, {(record.name, record.partition): record.offset + 1})
        return skipped

    def skip_preview(
        self, group: str, record: Address, to_queue: str | None = None
    ) -> Record | RecordId | None:
        """Return the record that `skip` would pass over, and raise its errors, without a change."""
        self.features.need(Feature.GROUP_SKIP)
        if record.partition is None or record.offset is None:
            raise BadInput(f"{record} is not a record", hint="name it like orders/2@4711")
        status = self._known(group)
        if status.members:
            raise has_members(group)
        place = record.name, record.partition
        committed = self._commits.committed([group])[group].get(place)
        if committed != record.offset:
            at = "nothing yet" if committed is None else f"{place[0]}/{place[1]}@{committed}"
            raise BadInput(
                f"group {group} does not read {record} next",
                hint=f"it has committed {at}",
            )
        found = self._reads.read(*place, committed, 1)
        first = record_of(found[0]) if found else None
        return first if first is not None and first.offset == committed else None

    def _known(self, name: str) -> GroupStatus:
        (status,) = self._statuses([name])
        if not status.offsets and not status.members:
            raise _unknown(name)
        return status

    def _statuses(self, names: Sequence[str]) -> list[GroupStatus]:
        described = self._described(names)
        committed = self._commits.committed(names)
        readers = {name: readers_of(described[name].members or ()) for name in names}
        places = {
            name: [p for p in sorted({*committed[name], *readers[name]}) if self._is_there(p)]
            for name in names
        }
        bounds = self._bounds(
            {place for each in places.values() for place in each}, committed=False
        )
        return [
            GroupStatus(
                name,
                state_of(described[name].state),
                None,
                GroupConfig(),
                sorted(map(member_of, described[name].members or ()), key=lambda one: one.member),
                [
                    row_of(name, place, committed[name].get(place), bounds[place], readers[name])
                    for place in places[name]
                ],
            )
            for name in names
        ]

    def _described(self, names: Sequence[str]) -> dict[str, ConsumerGroupDescription]:
        if not names:
            return {}
        futures = self._clients.admin.describe_consumer_groups(
            list(names), request_timeout=self._clients.timeout
        )
        found: dict[str, ConsumerGroupDescription] = {}
        for name, future in futures.items():
            found[name] = self._clients.result(future, f"group {name}")
        return found

    def _is_there(self, place: TopicPartition) -> bool:
        """Return whether a partition exists: offsets outlive their topic for a while."""
        try:
            return place[1] < self._partition_count(place[0])
        except NotFound:
            return False

    def _with_ages(self, rows: Sequence[Lag]) -> list[Lag]:
        # Groups that stand at different offsets of one partition are looked at one after the other.
        ages: dict[tuple[TopicPartition, int], float] = {}
        waiting = {_next_record(row) for row in rows if row.lag}
        while waiting:
            now = dict(waiting)
            times = first_times(self._clients, now)
            wall = self.wall()
            ages |= {(p, now[p]): max(0.0, (wall - time) / 1000) for p, time in times.items()}
            waiting -= set(now.items())
        return [
            row._replace(lag_seconds=ages.get(_next_record(row)) if row.lag else 0.0)
            for row in rows
        ]

    def _places(self, scope: Scope) -> Iterator[TopicPartition]:
        for topic, partition in scope:
            if partition is None:
                yield from ((topic, number) for number in range(self._partition_count(topic)))
            else:
                self._check_partition(topic, partition)
                yield topic, partition

    def _commit_starts(self, group: str, topics: Iterable[str]) -> None:
        bounds = self._bounds(self._places([(topic, None) for topic in topics]))
        self._commits.commit(group, {place: start for place, (start, _) in bounds.items()})

    def _check_settings(self, settings: Mapping[str, object]) -> None:
        if settings:
            raise lacking(self, Feature.GROUP_SETTINGS)

    def _check_forgotten(self, group: str, changes: Sequence[OffsetChange]) -> None:
        """Raise where single commits are to be forgotten: a group forgets all of them or none."""
        forgotten = [one for one in changes if one.new is None and one.current is not None]
        if not forgotten:
            return
        left = set(self._commits.committed([group])[group])
        if left - {(one.topic, one.partition) for one in forgotten} or len(forgotten) < len(
            changes
        ):
            one = forgotten[0]
            raise Unsupported(
                f"kafka has no way here to forget the offset of {one.topic}/{one.partition} alone",
                f"kafka-consumer-groups.sh --delete-offsets --group {group} --topic {one.topic}",
                Feature.GROUP_RESET.word,
            )


def _unknown(name: str) -> NotFound:
    return NotFound(
        f"group {name} does not exist", hint=Hint("{}", model.looks.Consume("TOPIC", name))
    )


def _next_record(row: Lag) -> tuple[TopicPartition, int]:
    return (row.topic, row.partition), max(row.start, row.committed or 0)
