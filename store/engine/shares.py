"""The protocol of shares."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, Unpack

from store.engine.features import Feature, Featured, lacking

if TYPE_CHECKING:
    from collections.abc import Callable

    from store.model.addresses import Address
    from store.model.groups import OffsetChange
    from store.model.positions import Position
    from store.model.shares import InFlight, ShareConfig, SharedRecord, ShareSettings, ShareStatus
    from store.model.topics import Seconds


class Shares(Featured, Protocol):
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
        raise lacking(self, Feature.SHARES)

    def shares(self) -> list[ShareStatus]:
        """Return every share, by name."""
        raise lacking(self, Feature.SHARES)

    def share(self, name: str) -> ShareStatus:
        """Return one share; raises `NotFound`."""
        raise lacking(self, Feature.SHARES)

    def in_flight(self, share: str) -> list[InFlight]:
        """Return the unfinished records that a share has handed out, in order."""
        raise lacking(self, Feature.SHARES)

    def alter_share(self, name: str, **settings: Unpack[ShareSettings]) -> ShareStatus:
        """Change the given settings and keep the rest; leased records stay leased."""
        raise lacking(self, Feature.SHARES)

    def plan_share_alter(self, name: str, **settings: Unpack[ShareSettings]) -> ShareConfig:
        """Return the settings that `alter_share` would leave; raise its errors."""
        raise lacking(self, Feature.SHARES)

    def delete_share(self, name: str, *, force: bool = False) -> ShareStatus:
        """Delete a share and return it as it was; its topic stays."""
        raise lacking(self, Feature.SHARES)

    def release_record(self, record: Address, share: str | None = None) -> None:
        """Make a record of a share ready that is leased or waits."""
        raise lacking(self, Feature.SHARES)

    def skip_record(self, share: str, record: Address, to_queue: str | None = None) -> None:
        """Finish a record that a share has in flight, copying it to a queue if one is named."""
        raise lacking(self, Feature.SHARES)

    def skip_record_preview(self, share: str, record: Address, to_queue: str | None = None) -> None:
        """Raise the errors of `skip_record`, without a change."""
        raise lacking(self, Feature.SHARES)

    def plan_share_reset(self, name: str, target: Position) -> list[OffsetChange]:
        """Return the changes that `reset_share` would make, without making them."""
        raise lacking(self, Feature.SHARES)

    def reset_share(
        self, name: str, target: Position, *, force: bool = False
    ) -> list[OffsetChange]:
        """Begin a share anew at a position in each partition, and forget its finished records."""
        raise lacking(self, Feature.SHARES)

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
        raise lacking(self, Feature.SHARES)
