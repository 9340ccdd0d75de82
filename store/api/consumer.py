"""A member of a consumer group, reading the partitions it owns."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Sequence
from contextlib import suppress
from itertools import count
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING, TypeVar

from store import model, sqlite
from store.api.base import frees_room
from store.crash import crash_point
from store.model.addresses import parse_address
from store.model.encoding import check_text, given_list
from store.model.errors import (
    BadInput,
    Damaged,
    Fenced,
    Hint,
    MqError,
    NotFound,
    TimedOut,
    secondary_to,
)
from store.model.groups import RecordLoss, TopicPartition
from store.model.topics import in_seconds
from store.sqlite.file import waiting
from store.sqlite.leases import holders

if TYPE_CHECKING:
    from store.model.groups import Offsets
    from store.model.positions import Position
    from store.model.topics import Record, RecordId, Seconds
    from store.sqlite.file.database import Database, Snapshot, WriteTransaction
    from store.sqlite.groups.membership import Owned
    from store.sqlite.log.topics import Partition

T = TypeVar("T")

# How often a consumer checks whether the processes of the other members still run.
LOOK_INTERVAL = 2_000
# Seconds for which a consumer waits for the lock to note damage.
_NOTING_WAIT = 0.1
# Tells the unnamed members of one process apart.
_numbers = count(1)


class Consumer:
    """Reads topics for a group and commits its position; made by `Store.consumer`.

    Its partitions are assigned anew, at its next poll, when members come and go. It loses them when
    it is closed, its process ends, it does not poll, commit or beat for its session timeout, or
    does not poll for the longest poll interval; then its calls raise `Fenced`.
    """

    def __init__(
        self, database: Database, group: str, joining: sqlite.groups.membership.JoinRequest
    ) -> None:
        self._database = database
        self.group = group
        self.member = joining.name
        self.losses: list[RecordLoss] = []
        # Polls are noted three times within the time after which the member would be dropped.
        self._beat = min(joining.session_timeout, joining.max_poll_interval) / 3
        self._owned: dict[TopicPartition, Owned] = {}
        self._position: dict[TopicPartition, int] = {}
        self._turn = 0
        self._damage: dict[tuple[str, ...], Damaged] = {}
        self._generation = 0
        self._beaten = self._looked = self._polled = database.clock.boot()
        self._membership = self._join(joining)

    @frees_room
    def _join(
        self, joining: sqlite.groups.membership.JoinRequest
    ) -> sqlite.groups.membership.Membership:
        with self._database.write() as tx:
            found = sqlite.groups.catalog.find_or_create(tx, self.group)
            sqlite.groups.catalog.forget_stale_offsets(tx, found)
            self._membership = sqlite.groups.membership.join(tx, found, joining)
            self._settle(tx)
            return self._membership

    def poll(
        self, max_records: int = 500, timeout: Seconds = 1.0, *,
        paused: Container[TopicPartition] = (),
        until: Callable[[], bool] | None = None,
    ) -> list[Record]:  # fmt: skip
        """Return up to `max_records` next records, within `timeout` seconds.

        Each partition's records come in order; those of `paused` ones are left for a later poll
        (Kafka: Consumer.pause). Partitions change hands here: records that were polled from a lost
        partition and not committed are read again by its new owner. The wait ends early when
        `until`, which is called often, returns True. Raises `Fenced` when the group has dropped
        this member, `Damaged` at a damaged record, which `seek` passes over.
        """
        deadline = monotonic() + in_seconds(timeout)
        while True:
            since = self._database.changed()
            self._follow_group()
            try:
                records = self._read(max_records, paused)
            except Damaged as damage:
                raise self._noted(damage) from damage
            if records or monotonic() >= deadline or (until is not None and until()):
                self._polled = self._database.clock.boot()
                return records
            pause = monotonic() + min(LOOK_INTERVAL, self._beat) / 1000
            waiting.wait_for_commit(self._database, since, min(deadline, pause), until)

    def wait_for_partitions(self, timeout: Seconds) -> None:
        """Wait until this member owns a partition; raises `TimedOut` after `timeout` seconds."""
        deadline = monotonic() + in_seconds(timeout)
        while not self._owned:
            since = self._database.changed()
            self._follow_group()
            if self._owned:
                return
            if monotonic() >= deadline:
                raise self._gave_up(in_seconds(timeout))
            pause = monotonic() + min(LOOK_INTERVAL, self._beat) / 1000
            waiting.wait_for_commit(self._database, since, min(deadline, pause))

    @frees_room
    def commit(self, offsets: Offsets | None = None, timeout: Seconds | None = None) -> None:
        """Store the next offsets to read, by (topic, partition); by default all polled ones.

        Waits `timeout` seconds, by default the store's, for the write lock. Raises `Fenced` when a
        partition has a newer owner or was reset; then nothing is committed.
        """
        with self._database.write(None if timeout is None else in_seconds(timeout)) as tx:
            self.commit_in(tx, self.position if offsets is None else offsets)
        crash_point("consumer.committed")

    def commit_in(self, tx: WriteTransaction, offsets: Offsets) -> None:
        """Commit as part of an open transaction."""
        sqlite.groups.commit.commit_owned(tx, self._membership, self._owned, offsets)
        sqlite.groups.membership.heartbeat(tx, self._membership, polled=False)

    @frees_room
    def heartbeat(self) -> None:
        """Keep the session alive during work that takes longer than the session timeout.

        Raises `Fenced` when the group has dropped this member.
        """
        with self._database.write() as tx:
            if not sqlite.groups.membership.heartbeat(tx, self._membership, polled=False):
                raise self._dropped()

    @property
    def position(self) -> dict[TopicPartition, int]:
        """The next offset to be polled, by (topic, partition)."""
        return dict(self._position)

    @property
    def assignment(self) -> list[TopicPartition]:
        """The partitions this member owns; it is idle while there are none."""
        return list(self._owned)

    def seek(self, topic: str, partition: int, offset: int) -> None:
        """Poll a partition from `offset` on; the committed offset stays.

        Outside the log the group's `below_start` decides (Kafka: auto.offset.reset).
        """
        self._own(topic, partition)
        if offset < 0:
            raise BadInput(f"offsets count from 0, not from {offset}")
        self._position[topic, partition] = offset

    def failures(self, record: Record | RecordId) -> int:
        """Return how many failed attempts at a record were noted."""
        owned = self._own(record.topic, record.partition)
        with self._database.read() as tx:
            return sqlite.leases.attempts.failures(tx, owned.slot, record.offset)

    @frees_room
    def fail(self, record: Record | RecordId, error: str, *, final: bool = False) -> int:
        """Note a failed attempt at a record, which is polled again; return the count so far.

        A damaged record, which no poll returns, is named by its id.

        When the group's limit of deliveries is reached, or at once when it is `final`, the record
        is copied to the group's DLQ and passed over: it and everything before it in the partition
        is committed. Without a DLQ it stays the next one. Raises `Fenced` when the partition has a
        newer owner, or the group was taken past the record.
        """
        owned = self._own(record.topic, record.partition)
        place = (record.topic, record.partition)
        held = max(0, self._database.clock.boot() - self._polled)
        with self._database.write() as tx:
            sqlite.groups.commit.check_place(tx, self._membership, owned, record.offset)
            group = sqlite.groups.catalog.find(tx, self.group)
            number, is_dead = sqlite.groups.failures.note(
                tx, group, owned.slot, record, self.member, error, held=held, final=final
            )
            if is_dead:
                self.commit_in(tx, {place: record.offset + 1})
        # An earlier record that has failed and was not polled again stays the next one.
        following = min(self._position[place], record.offset)
        self._position[place] = record.offset + 1 if is_dead else following
        return number

    @frees_room
    def close(self, timeout: Seconds | None = None) -> None:
        """Leave the group; records that were polled and not committed will be read again.

        Waits `timeout` seconds, by default the store's, for the write lock.
        """
        with self._database.write(None if timeout is None else in_seconds(timeout)) as tx:
            group = sqlite.groups.catalog.find_or_none(tx, self.group)
            if group is not None:
                sqlite.groups.membership.leave(tx, group, self._membership)
        self._owned, self._position = {}, {}

    def __enter__(self) -> Consumer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with secondary_to(error):
            self.close()

    def _own(self, topic: str, partition: int) -> Owned:
        owned = self._owned.get((topic, partition))
        if owned is None:
            raise BadInput(f"{topic}/{partition} is not assigned to {self.member}")
        return owned

    def _gave_up(self, timeout: float) -> TimedOut:
        self.close()
        with self._database.read() as tx:
            others = sqlite.groups.membership.live_members(
                tx, sqlite.groups.catalog.find(tx, self.group)
            )
        return TimedOut(
            f"group {self.group} is read by {', '.join(others)}; no partition became free"
            f" within {timeout:g} s",
            hint=Hint("see {}; wait longer with {timeout}", model.looks.Show("group", self.group)),
        )

    def _dropped(self) -> Fenced:
        return Fenced(
            f"{self.member} was dropped from group {self.group}",
            hint="its session timed out, it was replaced or the group was reset; join again",
        )

    def _follow_group(self) -> None:
        """Note the poll when it is due, and exchange partitions when the group has changed."""
        now = self._database.clock.boot()
        if now - self._beaten < self._beat and self._is_settled(now):
            return
        self._poll_group()

    @frees_room
    def _poll_group(self) -> None:
        with self._database.write() as tx:
            if not sqlite.groups.membership.heartbeat(tx, self._membership, polled=True):
                raise self._dropped()
            self._settle(tx)

    def _with_reserve(self, call: Callable[[], T]) -> T:
        return self._database.with_reserve(call)

    def _is_settled(self, now: int) -> bool:
        with self._database.read() as tx:
            if not sqlite.groups.membership.is_settled(tx, self._membership, self._generation):
                return False
            if now - self._looked < LOOK_INTERVAL:
                return True
            self._looked = now
            return not sqlite.groups.membership.has_dead_members(
                tx, sqlite.groups.catalog.find(tx, self.group)
            )

    def _settle(self, tx: WriteTransaction) -> None:
        group = sqlite.groups.catalog.find(tx, self.group)
        if sqlite.groups.membership.needs_rebalance(tx, group):
            sqlite.groups.membership.rebalance(tx, group)
        sqlite.groups.membership.hand_over(tx, self._membership)
        self._adopt(sqlite.groups.membership.owned(tx, self._membership))
        self._generation = sqlite.groups.catalog.find(tx, self.group).generation
        self._below_start = group.config.below_start
        self._beaten = self._looked = self._database.clock.boot()

    def _adopt(self, owned: Sequence[Owned]) -> None:
        before = self._owned
        self._owned = {(one.topic, one.partition): one for one in owned}
        # If the slot or epoch has changed, the partition was elsewhere, or is new: begin at its
        # cursor.
        self._position = {
            place: self._position[place]
            if place in before
            and (before[place].slot, before[place].epoch) == (one.slot, one.epoch)
            else one.cursor
            for place, one in self._owned.items()
        }

    def _read(self, most: int, paused: Container[TopicPartition]) -> list[Record]:
        places = [place for place in self._owned if place not in paused]
        turn = self._turn
        # Begin with another partition each time, also after a record that ended a poll: a busy one
        # must not starve the others.
        self._turn += 1
        records: list[Record] = []
        with self._database.read() as tx:
            for step in range(len(places)):
                if len(records) >= most:
                    break
                place = places[(turn + step) % len(places)]
                try:
                    records += self._read_partition(tx, place, most - len(records))
                except (Damaged, NotFound):
                    # The good records of other partitions go out first; a later poll raises.
                    if records:
                        break
                    raise
        return records

    def _noted(self, damage: Damaged) -> Damaged:
        """Return the error for a damaged record, after noting it for stalls and the doctor."""
        if not damage.addresses or damage.addresses in self._damage:
            return self._damage.get(damage.addresses, damage)
        (address,) = damage.addresses
        skip = model.actions.SkipRecord(self.group, parse_address(address))
        told = Damaged(damage.message, Hint("{}", skip), (address,))
        self._damage[damage.addresses] = told
        with suppress(MqError), self._database.write(_NOTING_WAIT) as tx:
            sqlite.log.damage.note(tx, sqlite.log.topics.record_id(tx, parse_address(address)))
        return told

    def _read_partition(self, tx: Snapshot, place: TopicPartition, most: int) -> list[Record]:
        topic = sqlite.log.topics.find(tx, place[0])
        partition = topic.partition(place[1])
        position = self._position[place]
        if not partition.start <= position <= partition.next:
            position = self._from_outside(place, position, partition)
        found = sqlite.log.read.read(
            tx, topic, partition, position, most, sqlite.log.read.MOST_BYTES
        )
        # When nothing is found, compaction may have removed the last records.
        self._position[place] = found[-1].offset + 1 if found else partition.next
        return found

    def _from_outside(self, place: TopicPartition, position: int, partition: Partition) -> int:
        """Return the next offset for a position outside the log (Kafka: auto.offset.reset)."""
        is_lost = position < partition.start
        if self._below_start == "error":
            why = "was removed unread" if is_lost else "does not exist yet"
            edge = f"begins at {partition.start}" if is_lost else f"ends at {partition.next}"
            raise NotFound(
                f"{place[0]}/{place[1]}@{position} {why}; the partition {edge}",
                hint=Hint(
                    "choose a place: {}",
                    model.actions.ResetGroup(self.group, place[0], None, model.actions.Blank("…")),
                ),
            )
        found = partition.next if self._below_start == "latest" else partition.start
        if is_lost:
            self.losses.append(RecordLoss(place[0], place[1], position, found))
        return found


def joining(
    topic_names: Iterable[str],
    member: str | None,
    session_timeout: int,
    max_poll_interval: int,
    start: Position,
) -> sqlite.groups.membership.JoinRequest:
    """Return how a consumer joins; the default name is host and pid.

    Raises `BadInput` for times too short for a sign of life.
    """
    check_text(member, "a member")
    if min(session_timeout, max_poll_interval) < 1:
        raise BadInput("session_timeout and max_poll_interval must be more than 0")
    return sqlite.groups.membership.JoinRequest(
        name=member or f"{holders.default_name()}-{next(_numbers)}",
        static=member is not None,
        topic_names=tuple(given_list(topic_names, "topics")),
        session_timeout=session_timeout,
        max_poll_interval=max_poll_interval,
        start=start,
    )
