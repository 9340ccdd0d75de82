"""Calls on shares: consumers that work on the records of a topic one by one (KIP-932)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack

from store import model, sqlite
from store.api.base import Calls, check_agreement, encoded, frees_room
from store.api.queues import MOST_AT_ONCE
from store.model.encoding import check_text, check_whole, milliseconds
from store.model.errors import BadInput, Exists, Hint

if TYPE_CHECKING:
    from collections.abc import Callable

    from store.model.addresses import Address
    from store.model.groups import OffsetChange
    from store.model.positions import Position
    from store.model.shares import InFlight, ShareConfig, SharedRecord, ShareSettings, ShareStatus
    from store.model.topics import Seconds


class ShareCalls(Calls):
    """Shares: create, change, acquire, reset, and look."""

    def create_share(
        self, name: str, topic: str, *, start: str | Position = "earliest",
        if_not_exists: bool = False, **settings: Unpack[ShareSettings],
    ) -> ShareStatus:  # fmt: skip
        """Create a share of a topic; settings are the fields of `ShareConfig`, times in seconds.

        It begins at `start` in each partition. Raises `Exists`, with `if_not_exists` only when
        topic or given settings differ.
        """
        given = _encoded(settings)
        config = model.shares.ShareConfig(**given)
        with self._write() as tx:
            place = (
                model.positions.parse_position(start, tx.wall) if isinstance(start, str) else start
            )
            present = sqlite.shares.catalog.find_or_none(tx, name) if if_not_exists else None
            if present is not None:
                _check_agreement(present, topic, given)
                return sqlite.shares.view.status(tx, present)
            return sqlite.shares.view.status(
                tx, sqlite.shares.catalog.create(tx, name, topic, config, place)
            )

    def shares(self) -> list[ShareStatus]:
        """Return every share, by name."""
        with self._read() as tx:
            return [
                sqlite.shares.view.status(tx, share)
                for share in sqlite.shares.catalog.all_shares(tx)
            ]

    def share(self, name: str) -> ShareStatus:
        """Return one share; raises `NotFound`."""
        with self._read() as tx:
            return sqlite.shares.view.status(tx, sqlite.shares.catalog.find(tx, name))

    def in_flight(self, share: str) -> list[InFlight]:
        """Return the unfinished records that a share has handed out, in order."""
        with self._read() as tx:
            return sqlite.shares.view.in_flight(tx, sqlite.shares.catalog.find(tx, share))

    def alter_share(self, name: str, **settings: Unpack[ShareSettings]) -> ShareStatus:
        """Change the given settings and keep the rest; leased records stay leased.

        Any other record that has used up the new limit of deliveries is finished at once, and
        copied to the DLQ if there is one: more than a hundred in steps, each its own transaction.
        """
        changes = _encoded(settings)
        settling = self._step(lambda tx: sqlite.queues.altering.alter_share(tx, name, changes))
        if settling.has_more:
            self._in_steps(settling.step)
        return self.share(name)

    def plan_share_alter(self, name: str, **settings: Unpack[ShareSettings]) -> ShareConfig:
        """Return the settings that `alter_share` would leave; raise its errors."""
        changes = _encoded(settings)
        with self._read() as tx:
            return sqlite.shares.catalog.altered(tx, name, changes)

    @frees_room
    def delete_share(self, name: str, *, force: bool = False) -> ShareStatus:
        """Delete a share and return it as it was; its topic stays.

        Raises `GroupActive` while a record of it is leased, unless `force` takes the lease away.
        """
        with self._write() as tx:
            before = sqlite.shares.view.status(tx, sqlite.shares.catalog.find(tx, name))
            sqlite.shares.catalog.delete(tx, name, force=force)
            return before

    @frees_room
    def release_record(self, record: Address, share: str | None = None) -> None:
        """Make a record of a share ready that is leased or waits.

        Raises `NotFound` without one, `BadInput` when several shares have it in flight and none of
        them is named.
        """
        with self._write() as tx:
            sqlite.shares.release.release(tx, record, share)

    @frees_room
    def skip_record(self, share: str, record: Address, to_queue: str | None = None) -> None:
        """Finish a record that a share has in flight, copying it to a queue if one is named.

        Its holder's receipt is refused from then on. Raises `NotFound` when it is not in flight.
        """
        with self._write() as tx:
            sqlite.shares.skip.skip(tx, share, record, to_queue)

    def skip_record_preview(self, share: str, record: Address, to_queue: str | None = None) -> None:
        """Raise the errors of `skip_record`, without a change."""
        with self._read() as tx:
            sqlite.shares.skip.preview(tx, share, record, to_queue)

    def plan_share_reset(self, name: str, target: Position) -> list[OffsetChange]:
        """Return the changes that `reset_share` would make, without making them."""
        with self._read() as tx:
            return sqlite.shares.catalog.plan_reset(tx, name, target)

    @frees_room
    def reset_share(
        self, name: str, target: Position, *, force: bool = False
    ) -> list[OffsetChange]:
        """Begin a share anew at a position in each partition, and forget its finished records.

        Raises `GroupActive` while a record of it is leased, unless `force` takes the lease away.
        """
        with self._write() as tx:
            return sqlite.shares.catalog.reset(tx, name, target, force=force)

    def _acquire(
        self, share: str, most: int, lease: Seconds | None, holder: str | None, attached: bool,
        until: Callable[[], bool] | None = None,
    ) -> sqlite.leases.receive.Received[SharedRecord]:  # fmt: skip
        """Lease the records that are due."""
        check_whole(most, "a number of records")
        if not 1 <= most <= MOST_AT_ONCE:
            raise BadInput(f"one call acquires 1 to {MOST_AT_ONCE} records, not {most}")
        if holder is not None:
            check_text(holder, "a holder")
        if self._busy:
            return self._committer.acquire(share, most, lease, holder, attached, until)
        request = sqlite.leases.receive.Request(
            most,
            None if lease is None else milliseconds(lease, "lease"),
            holder,
            attached,
        )
        with self._write(until=until) as tx:
            return sqlite.shares.receive.receive(tx, share, request)


def _check_agreement(
    present: sqlite.shares.catalog.Share, topic: str, given: dict[str, Any]
) -> None:
    if present.topic != topic:
        raise Exists(
            f"share {present.name} exists, and is of {present.topic}, not {topic}",
            hint=Hint("{}", model.looks.Show("share", present.name)),
        )
    check_agreement("share", present.name, present.config, given)


def _encoded(settings: ShareSettings) -> dict[str, Any]:
    return encoded(model.shares.ShareConfig, settings)
