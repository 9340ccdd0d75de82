"""Calls on consumer groups."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Unpack

from store import model, sqlite
from store.api.base import Calls, check_agreement, encoded, frees_room
from store.model.encoding import given_list
from store.model.errors import BadInput, Exists, Hint

if TYPE_CHECKING:
    from store.model.addresses import Address
    from store.model.groups import GroupSettings, GroupStatus, Lag, OffsetChange
    from store.model.positions import Scope, Target
    from store.model.topics import Record, RecordId


class GroupCalls(Calls):
    """Consumer groups: create, change, reset, lag."""

    def create_group(
        self, name: str, *, topics: Iterable[str] = (), if_not_exists: bool = False,
        **settings: Unpack[GroupSettings],
    ) -> GroupStatus:  # fmt: skip
        """Create a group before its first reader; settings are the fields of `GroupConfig`.

        Durations are seconds or timedeltas. Raises `Exists`, with `if_not_exists` only when given
        settings differ or it has no slot in one of the topics.
        """
        given = _encoded(settings)
        config = model.groups.GroupConfig(**given)
        wanted = given_list(topics, "topics")
        with self._write() as tx:
            config = sqlite.groups.catalog.complete(tx, config)
            found = sqlite.groups.catalog.find_or_none(tx, name) if if_not_exists else None
            if found is None:
                found = sqlite.groups.catalog.create(tx, name, config, wanted)
            else:
                check_agreement("group", name, found.config, given)
                if missing := sorted(
                    set(wanted) - set(sqlite.groups.catalog.topic_names(tx, found))
                ):
                    raise Exists(
                        f"group {name} exists, and is not for {missing[0]}",
                        hint=Hint("{}", model.actions.alter("group", name, topics=(missing[0],))),
                    )
            return sqlite.operations.lag.status(tx, found)

    @frees_room
    def alter_group(
        self, name: str, *, topics: Iterable[str] = (), **settings: Unpack[GroupSettings]
    ) -> GroupStatus:
        """Change the given settings and keep the rest; topics are added.

        If the group's next record has used up the new limit of deliveries, it is copied to the DLQ
        and passed over.
        """
        with self._write() as tx:
            config = sqlite.groups.catalog.find(tx, name).config
            changed = config._replace(**_encoded(settings))
            added = given_list(topics, "topics")
            return sqlite.operations.lag.status(
                tx, sqlite.groups.membership.alter(tx, name, changed, added)
            )

    def groups(self) -> list[GroupStatus]:
        """Return every group, by name."""
        with self._read() as tx:
            return sqlite.operations.lag.statuses(tx)

    def group(self, name: str) -> GroupStatus:
        """Return one group; raises `NotFound`."""
        with self._read() as tx:
            return sqlite.operations.lag.status(tx, sqlite.groups.catalog.find(tx, name))

    def require_dead_letters(self, group: str, topic: str) -> None:
        """Raise `BadInput` where a group has no DLQ for records that fail for good."""
        with self._read() as tx:
            known = sqlite.groups.catalog.find_or_none(tx, group)
        if known is None or known.config.dlq is None:
            blanks = {
                "max_deliveries": model.actions.Blank("N"),
                "dlq": model.actions.Blank("QUEUE"),
            }
            change = model.actions.create if known is None else model.actions.alter
            raise BadInput(
                f"group {group} has no DLQ", Hint("{}", change("group", group, **blanks))
            )

    @frees_room
    def delete_group(self, name: str) -> None:
        """Delete a group with its offsets; raises `GroupActive` while it has members."""
        with self._write() as tx:
            group = sqlite.groups.catalog.find(tx, name)
            sqlite.groups.catalog.delete(
                tx, group, sqlite.groups.membership.live_members(tx, group)
            )

    def plan_reset(
        self, group: str, target: Target, scope: Scope | None = None
    ) -> list[OffsetChange]:
        """Return the changes that `reset_group` would make, without making them."""
        with self._read() as tx:
            return sqlite.groups.reset.plan(tx, group, target, scope)

    @frees_room
    def reset_group(
        self, group: str, target: Target, scope: Scope | None = None, *, force: bool = False,
        note: Callable[[list[OffsetChange]], None] | None = None,
    ) -> list[OffsetChange]:  # fmt: skip
        """Move a group's offsets; a scope of `None` is all its topics.

        Raises `GroupActive` while it has live members, unless `force` fences them. `note` is called
        with the changes before they are stored; an error that it raises cancels them.
        """
        with self._write() as tx:
            changes = sqlite.groups.reset.apply(tx, group, target, scope, force)
            if note is not None and changes:
                note(changes)
            return changes

    @frees_room
    def skip(
        self, group: str, record: Address, to_queue: str | None = None
    ) -> Record | RecordId | None:
        """Pass over the record that a group reads next, copying it to a queue if one is named.

        Returns the record, its id alone where it is damaged, `None` where it has left the log.
        Works while the group is read; raises `BadInput` for any other record.
        """
        with self._write() as tx:
            return sqlite.groups.skip.skip(tx, group, record, to_queue)

    def skip_preview(
        self, group: str, record: Address, to_queue: str | None = None
    ) -> Record | RecordId | None:
        """Return the record that `skip` would pass over, and raise its errors, without a change."""
        with self._read() as tx:
            return sqlite.groups.skip.preview(tx, group, record, to_queue)

    def lag(self, group: str | None = None, topic: str | None = None) -> list[Lag]:
        """Return the lag of groups, one row per group and partition."""
        with self._read() as tx:
            return sqlite.operations.lag.lag(tx, group, topic)


def _encoded(settings: GroupSettings) -> dict[str, Any]:
    return encoded(model.groups.GroupConfig, settings, "topics")
