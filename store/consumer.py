"""A member of a consumer group, reading the partitions it owns."""

from __future__ import annotations

from collections.abc import Mapping
from time import monotonic
from types import TracebackType

from store import holders, waiting
from store.crash import crash_point
from store.db import Database, Snapshot, Write
from store.errors import BadInput, Fenced, TimedOut
from store.groups import attempts, groups, membership
from store.groups.commit import Offsets, commit_owned
from store.groups.groups import Group
from store.groups.membership import Membership, Owned
from store.log import read, topics
from store.models import GroupConfig, Record
from store.positions import Position

# How long to wait for a partition's owner before looking again whether its process is still there.
_JOIN_PAUSE = 0.25


class Consumer:
    """Reads topics for a group and commits how far it got; made by `Store.consumer`.

    It owns its partitions until it is closed, its process ends, or its session times out because
    it did not poll; then its commits raise `Fenced`.
    """

    def __init__(
        self,
        database: Database,
        group: str,
        topic_names: list[str],
        member: str | None,
        session_timeout: int,
        start: Position,
        timeout: float,
    ) -> None:
        self._database = database
        self.group = group
        self.member = member or holders.default_name()
        self._topics = topic_names
        self._session_timeout = session_timeout
        self._start = start
        self._membership = self._join(timeout)
        self._adopt()

    def poll(self, max_records: int = 500, timeout: float = 1.0) -> list[Record]:
        """Up to `max_records` records that follow the last poll's, within `timeout` seconds.

        Each partition's records come in order. Raises `Fenced` when the group has dropped this
        member.
        """
        deadline = monotonic() + timeout
        while True:
            self._beat()
            since = self._database.changed()
            records = self._read(max_records)
            if records or monotonic() >= deadline:
                return records
            next_beat = monotonic() + self._session_timeout / 3000
            waiting.wait_for_commit(self._database, since, min(deadline, next_beat))

    def commit(self, offsets: Offsets | None = None) -> None:
        """Store the next offsets to read, by (topic, partition); by default all that was polled.

        Raises `Fenced` when a partition has a newer owner or was reset; then nothing is committed.
        """
        with self._database.write() as tx:
            self.commit_in(tx, self.position if offsets is None else offsets)
        crash_point("consumer.committed")

    def commit_in(self, tx: Write, offsets: Offsets) -> None:
        """Commit as part of an open transaction."""
        commit_owned(tx, self._membership, self._owned, offsets)

    @property
    def position(self) -> dict[tuple[str, int], int]:
        """The next offset to be polled, by (topic, partition)."""
        return dict(self._position)

    @property
    def assignment(self) -> list[tuple[str, int]]:
        """The partitions this member owns."""
        return list(self._owned)

    def seek(self, topic: str, partition: int, offset: int) -> None:
        """Poll a partition from `offset` on; what is committed stays."""
        if (topic, partition) not in self._owned:
            raise BadInput(f"{topic}/{partition} is not assigned to {self.member}")
        self._position[topic, partition] = offset

    def fail(self, record: Record, error: str) -> int:
        """Note a failed attempt at a record for its history; how many there were."""
        owned = self._owned.get((record.topic, record.partition))
        if owned is None:
            raise BadInput(f"{record.topic}/{record.partition} is not assigned to {self.member}")
        with self._database.write() as tx:
            return attempts.note_failure(tx, owned.slot, record.offset, self.member, error)

    def close(self) -> None:
        """Leave the group; what was polled and not committed will be read again."""
        with self._database.write() as tx:
            group = groups.find_or_none(tx, self.group)
            if group is not None:
                membership.leave(tx, group, self._membership)

    def __enter__(self) -> Consumer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _join(self, timeout: float) -> Membership:
        deadline = monotonic() + timeout
        while True:
            since = self._database.changed()
            with self._database.write() as tx:
                group = self._group(tx)
                found = [topics.find(tx, name) for name in self._topics]
                joined = membership.join(
                    tx, group, found, self.member, self._session_timeout, self._start
                )
                owners = [] if joined else membership.live_members(tx, group)
            if joined is not None:
                return joined
            if monotonic() >= deadline:
                raise TimedOut(
                    f"group {self.group} is read by {', '.join(owners)}; no partition became free"
                    f" within {timeout:g} s",
                    hint=f"see mq group show {self.group}; wait longer with --timeout",
                )
            pause = min(deadline, monotonic() + _JOIN_PAUSE)
            waiting.wait_for_commit(self._database, since, pause)

    def _group(self, tx: Write) -> Group:
        found = groups.find_or_none(tx, self.group)
        return found or groups.create(tx, self.group, GroupConfig(), [])

    def _adopt(self) -> None:
        with self._database.read() as tx:
            owned = membership.owned(tx, self._membership)
        self._owned: Mapping[tuple[str, int], Owned] = {(o.topic, o.partition): o for o in owned}
        self._position = {place: o.cursor for place, o in self._owned.items()}
        self._beaten = monotonic()
        self._turn = 0

    def _beat(self) -> None:
        if monotonic() - self._beaten < self._session_timeout / 3000:
            return
        with self._database.write() as tx:
            alive = membership.heartbeat(tx, self._membership)
        if not alive:
            raise Fenced(
                f"{self.member} was dropped from group {self.group}",
                hint="its session timed out or the group was reset; join again",
            )
        self._beaten = monotonic()

    def _read(self, most: int) -> list[Record]:
        places = list(self._owned)
        records: list[Record] = []
        with self._database.read() as tx:
            # Beginning with another partition each time keeps a busy one from starving the rest.
            for step in range(len(places)):
                if len(records) >= most:
                    break
                place = places[(self._turn + step) % len(places)]
                records += self._read_partition(tx, place, most - len(records))
        self._turn += 1
        return records

    def _read_partition(self, tx: Snapshot, place: tuple[str, int], most: int) -> list[Record]:
        topic = topics.find(tx, place[0])
        partition = topic.partition(place[1])
        position = max(self._position[place], partition.start)
        found = read.read(tx, topic, partition, position, most, read.MOST_BYTES)
        self._position[place] = found[-1].offset + 1 if found else position
        return found
