"""The protocol of consumer groups."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, Self, Unpack

from store.engine.features import Feature, Featured, lacking

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable
    from types import TracebackType

    from store.model.addresses import Address
    from store.model.groups import (
        GroupSettings,
        GroupStatus,
        Lag,
        OffsetChange,
        Offsets,
        RecordLoss,
        TopicPartition,
    )
    from store.model.positions import Position, Scope, Target
    from store.model.topics import Record, RecordId, Seconds


class GroupConsumer(Protocol):
    """One member of a group: it has partitions of its own and commits its position."""

    @property
    def group(self) -> str:
        """The name of the group."""

    @property
    def member(self) -> str:
        """The name of this member."""

    @property
    def losses(self) -> list[RecordLoss]:
        """The records that retention or compaction took before they were read."""

    def poll(
        self,
        max_records: int = 500,
        timeout: Seconds = 1.0,
        *,
        paused: Container[TopicPartition] = (),
        until: Callable[[], bool] | None = None,
    ) -> list[Record]:
        """Return up to `max_records` next records, within `timeout` seconds."""

    def wait_for_partitions(self, timeout: Seconds) -> None:
        """Wait until this member owns a partition; raises `TimedOut` after `timeout` seconds."""

    def commit(self, offsets: Offsets | None = None, timeout: Seconds | None = None) -> None:
        """Store the next offsets to read, by (topic, partition); by default all polled ones."""

    def heartbeat(self) -> None:
        """Keep the session alive during work that takes longer than the session timeout."""

    @property
    def position(self) -> dict[TopicPartition, int]:
        """The next offset to be polled, by (topic, partition)."""

    @property
    def assignment(self) -> list[TopicPartition]:
        """The partitions this member owns; it is idle while there are none."""

    def seek(self, topic: str, partition: int, offset: int) -> None:
        """Poll a partition from `offset` on; the committed offset stays."""

    def failures(self, record: Record | RecordId) -> int:
        """Return how many failed attempts at a record were noted."""

    def fail(self, record: Record | RecordId, error: str, *, final: bool = False) -> int:
        """Note a failed attempt at a record, which is polled again; return the count so far."""

    def close(self, timeout: Seconds | None = None) -> None:
        """Leave the group; records that were polled and not committed will be read again."""

    def __enter__(self) -> Self:
        """Enter a `with` block."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Leave the group."""


class Groups(Featured, Protocol):
    """Consumer groups: one bookmark per partition."""

    def create_group(
        self,
        name: str,
        *,
        topics: Iterable[str] = (),
        if_not_exists: bool = False,
        **settings: Unpack[GroupSettings],
    ) -> GroupStatus:
        """Create a group before its first reader; settings are the fields of `GroupConfig`."""
        raise lacking(self, Feature.GROUP_SETTINGS)

    def alter_group(
        self, name: str, *, topics: Iterable[str] = (), **settings: Unpack[GroupSettings]
    ) -> GroupStatus:
        """Change the given settings and keep the rest; topics are added."""
        raise lacking(self, Feature.GROUP_SETTINGS)

    def groups(self) -> list[GroupStatus]:
        """Return every group, by name."""
        raise lacking(self, Feature.GROUP_LIST)

    def group(self, name: str) -> GroupStatus:
        """Return one group; raises `NotFound`."""
        raise lacking(self, Feature.GROUPS)

    def delete_group(self, name: str) -> None:
        """Delete a group with its offsets; raises `GroupActive` while it has members."""
        raise lacking(self, Feature.GROUP_SETTINGS)

    def plan_reset(
        self, group: str, target: Target, scope: Scope | None = None
    ) -> list[OffsetChange]:
        """Return the changes that `reset_group` would make, without making them."""
        raise lacking(self, Feature.GROUP_RESET)

    def reset_group(
        self,
        group: str,
        target: Target,
        scope: Scope | None = None,
        *,
        force: bool = False,
        note: Callable[[list[OffsetChange]], None] | None = None,
    ) -> list[OffsetChange]:
        """Move a group's offsets; a scope of `None` is all its topics."""
        raise lacking(self, Feature.GROUP_RESET)

    def skip(
        self, group: str, record: Address, to_queue: str | None = None
    ) -> Record | RecordId | None:
        """Pass over the record that a group reads next, copying it to a queue if one is named."""
        raise lacking(self, Feature.GROUP_SKIP)

    def skip_preview(
        self, group: str, record: Address, to_queue: str | None = None
    ) -> Record | RecordId | None:
        """Return the record that `skip` would pass over, and raise its errors, without a change."""
        raise lacking(self, Feature.GROUP_SKIP)

    def require_dead_letters(self, group: str, topic: str) -> None:
        """Raise where a record of a topic that fails for good has no DLQ of the group to go to."""
        raise lacking(self, Feature.GROUP_SETTINGS)

    def lag(self, group: str | None = None, topic: str | None = None) -> list[Lag]:
        """Return the lag of groups, one row per group and partition."""
        raise lacking(self, Feature.LAG)

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
    ) -> GroupConsumer:
        """Join a group and read topics from its committed offsets, or from `start` without any."""
        raise lacking(self, Feature.GROUPS)
