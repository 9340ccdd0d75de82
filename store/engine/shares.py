"""What an engine offers of shares."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, Unpack

from store.model.addresses import Address
from store.model.groups import OffsetChange
from store.model.positions import Position
from store.model.shares import InFlight, ShareConfig, SharedRecord, ShareSettings, ShareStatus
from store.model.topics import Seconds


class Shares(Protocol):
    """Shares: leases over a topic (Kafka: share groups, KIP-932)."""

    def create_share(
        self,
        name: str,
        topic: str,
        *,
        start: str | Position = "earliest",
        if_not_exists: bool = False,
        **settings: Unpack[ShareSettings],
    ) -> ShareStatus:
        """Create a share of a topic; settings are the fields of `ShareConfig`, times in seconds."""

    def shares(self) -> list[ShareStatus]:
        """Every share, by name."""

    def share(self, name: str) -> ShareStatus:
        """One share; raises `NotFound`."""

    def in_flight(self, share: str) -> list[InFlight]:
        """The records that a share handed out and that are not finished, in order."""

    def alter_share(self, name: str, **settings: Unpack[ShareSettings]) -> ShareStatus:
        """Change what is given and keep the rest; what somebody holds stays so."""

    def plan_share_alter(self, name: str, **settings: Unpack[ShareSettings]) -> ShareConfig:
        """The settings that `alter_share` would leave; nothing is changed. Raises what it would."""

    def delete_share(self, name: str, *, force: bool = False) -> ShareStatus:
        """Delete a share; its topic stays. The share as it was."""

    def release_record(self, record: Address, share: str | None = None) -> None:
        """Make a record ready that somebody holds through a share, or that waits."""

    def skip_record(self, share: str, record: Address, to_queue: str | None = None) -> None:
        """Let a share be done with a record it has in flight, copied to a queue if one is named."""

    def skip_record_preview(self, share: str, record: Address, to_queue: str | None = None) -> None:
        """Raise what `skip_record` would raise; nothing is changed."""

    def plan_share_reset(self, name: str, target: Position) -> list[OffsetChange]:
        """What `reset_share` would do; nothing is changed."""

    def reset_share(
        self, name: str, target: Position, *, force: bool = False
    ) -> list[OffsetChange]:
        """Let a share begin anew at a place in each partition, whatever it had finished."""

    def acquire(
        self,
        share: str,
        max_records: int = 1,
        wait: Seconds = 0.0,
        lease: Seconds | None = None,
        *,
        holder: str | None = None,
        attached: bool = False,
        until: Callable[[], bool] | None = None,
    ) -> list[SharedRecord]:
        """Lease up to `max_records` records through a share, as `receive` does through a queue."""
