"""Calls on the store as a whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

from store import model, sqlite
from store.api.base import Calls, frees_room
from store.model.addresses import Address
from store.model.clock import IDLE_AFTER, OVER, SystemClock
from store.model.topics import in_seconds
from store.sqlite.file import files, timekeeping

if TYPE_CHECKING:
    from pathlib import Path

    from store.api.store import Store
    from store.model.actions import Action, Result_co
    from store.model.addresses import Kind
    from store.model.clock import Clock
    from store.model.diagnoses import Diagnosis
    from store.model.errors import Damaged
    from store.model.maintenance import (
        CommitLoss,
        Finding,
        Progress,
        Salvaged,
        StoreContents,
        StoreStatus,
    )
    from store.model.metrics import Family
    from store.model.stalls import (
        Explanation,
        Flow,
        FlowOf,
        LetterRow,
        Overview,
        QueueDetail,
        Stall,
        StallDetail,
        TopicDetail,
    )
    from store.model.topics import Seconds


import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from store.model.errors import Hint, StalePlan

if TYPE_CHECKING:
    from pathlib import Path

    from store.model.errors import Damaged
    from store.sqlite.file.database import Snapshot
    from store.topology.model import Resource
    from store.topology.reading import TopologyFile
    from store.topology.steps import Plan

    File: TypeAlias = TopologyFile | str | os.PathLike[str]


class OperationCalls(Calls):
    """The store itself: status, settings, verification."""

    pace = 0.0
    """The least seconds between two looks: none, a look at a file is cheap."""

    def status(self) -> StoreStatus:
        """Return the contents of the store in counts, and its size."""
        with self._read() as tx:
            return sqlite.operations.maintenance.status(tx)

    def snapshot(self, over: float = OVER, idle_after: float = IDLE_AFTER) -> Overview:
        """Return the dashboard's data: the store, its stalls, and everything that holds messages.

        `over` and `idle_after` are seconds, as for `stalls`.
        """
        with self._read() as tx:
            return sqlite.operations.overview.overview(
                tx, sqlite.operations.stalls.terms.Terms(tx, over, idle_after)
            )

    def stalls(self, over: float = OVER, idle_after: float = IDLE_AFTER) -> list[Stall]:
        """Return everything stuck for `over` seconds, worst first, with the ways out.

        A partition that no member reads counts when its oldest unread record is older than
        `idle_after` seconds.
        """
        with self._read() as tx:
            return sqlite.operations.stalls.ranking.stalls(
                tx, sqlite.operations.stalls.terms.Terms(tx, over, idle_after)
            )

    def doctor(self, *, thorough: bool = False) -> list[Diagnosis]:
        """Return present and possible problems with their remedies, the worst first.

        Checks that are in order come last. `thorough` also reads the whole file for damage.
        """
        with self._read() as tx:
            return sqlite.operations.doctor.examination.examine(tx, thorough=thorough)

    def perform(self, action: Action[Result_co]) -> Result_co:
        """Perform an action that a stall, a finding or an error names; return its result."""
        from store.api import performing

        result: Result_co = performing.perform(cast("Store", self), action)
        return result

    def explain(
        self, address: Address, over: float = OVER, idle_after: float = IDLE_AFTER
    ) -> list[Explanation]:
        """Explain what a partition, record or message blocks, what blocks it, or that nothing does.

        One answer for each reader that it concerns; raises `NotFound`.
        """
        with self._read() as tx:
            return sqlite.operations.stalls.explain.explain(
                tx, sqlite.operations.stalls.terms.Terms(tx, over, idle_after), address
            )

    def metrics(self, over: float = OVER, idle_after: float = IDLE_AFTER) -> list[Family]:
        """Return depths, lags, ages, stalls and sizes; `operations.metrics` writes them as text."""
        with self._read() as tx:
            return sqlite.operations.metrics.families(
                tx, sqlite.operations.stalls.terms.Terms(tx, over, idle_after)
            )

    def topic_detail(self, name: str, group: str | None = None, limit: int = 500) -> TopicDetail:
        """Return a topic's partitions and the positions of groups in them, up to `limit` each."""
        with self._read() as tx:
            return sqlite.operations.details.topic(tx, name, group, limit)

    def queue_detail(self, name: str, limit: int = 500) -> QueueDetail:
        """Return a queue or share with up to `limit` leases and waits, the next to lapse first."""
        with self._read() as tx:
            return sqlite.operations.details.queue(tx, name, limit)

    def stall_detail(self, stall: Stall, limit: int = 60) -> StallDetail:
        """Return the last `limit` deliveries of a stall's blocker, and when it is tried again."""
        with self._read() as tx:
            return sqlite.operations.details.stall(tx, stall, limit)

    def flows(self, wanted: Sequence[FlowOf]) -> dict[FlowOf, Flow]:
        """Return what came into and left each place that exists in the last ten minutes."""
        with self._read() as tx:
            return sqlite.operations.flows.flows(tx, wanted)

    def letter_rows(self, queue: str | None = None, limit: int = 500) -> list[LetterRow]:
        """Return dead letters counted by source, reason and kind of error, most first."""
        with self._read() as tx:
            return sqlite.operations.details.letters(tx, queue, limit)

    def kind(self, name: str, *wanted: Kind) -> str | None:
        """Return the kind of a name: `topic`, `queue`, `share`, or `None` for an unknown one.

        With `wanted`, kinds any of which would do, raises `NotFound` for an unknown name.
        """
        with self._read() as tx:
            found: str | None = tx.value(
                "select kind from mq_channels where name = :name", {"name": name}
            )
            if found is None and wanted:
                raise tx.missing(name, *wanted)
            return found

    def copied_to(self, queue: str, place: str) -> int:
        """Return the sequence of the last message copied to a place; -1 before the first one."""
        with self._read() as tx:
            return sqlite.queues.copying.copied_to(tx, sqlite.queues.catalog.find(tx, queue), place)

    def note_copied(self, queue: str, place: str, sequence: int) -> None:
        """Note that the messages up to this sequence are copied to a place."""
        with self._write() as tx:
            found = sqlite.queues.catalog.find(tx, queue)
            sqlite.queues.copying.note(tx, found, place, sequence)

    def now(self) -> int:
        """Return store time in milliseconds: the time of deadlines and of a `Member`."""
        with self._read() as tx:
            return tx.now

    def clock_jump(self) -> float:
        """Return by how many seconds the wall clock is ahead (back: < 0) since it was trusted.

        While it is more than an hour ahead, nothing counts as too old.
        """
        with self._read() as tx:
            return timekeeping.jump(tx) / 1000

    @frees_room
    def trust_clock(self) -> None:
        """Trust the wall clock from now on, after any change of it.

        If store time is behind the times in the file it goes on from those, so that leases, delays
        and members that it kept waiting end; other waits keep their time.
        """
        with self._write() as tx:
            sqlite.file.store_time.trust_wall_clock(tx)

    def verify(self, *, progress: Progress | None = None) -> list[Finding]:
        """Check the file, every row, counter and record's checksum; return the problems.

        It goes on past damage, and lists all of it. `progress` is called with the number of records
        read and the total.
        """
        with self._read() as tx:
            return sqlite.operations.maintenance.verify_all(tx, progress)

    def lost_commits(self) -> CommitLoss | None:
        """Return how many confirmed commits are missing in the file, and since when.

        `None` if none is missing, or the loss has been accepted.
        """
        with self._read() as tx:
            return sqlite.file.losses.lost(tx)

    @frees_room
    def accept_losses(self) -> CommitLoss | None:
        """Accept the file as it is, and end the warnings about missing commits."""
        with self._write() as tx:
            loss = sqlite.file.losses.lost(tx)
            sqlite.file.losses.accept(tx)
            return loss

    @frees_room
    def set_durability(self, durability: str) -> None:
        """Choose `full` or `normal` for every process that opens the store from now on."""
        with self._write() as tx:
            sqlite.file.store_settings.alter(tx, {"durability": durability})

    @frees_room
    def set_max_bytes(self, most: int | None) -> None:
        """Bound the file's size in bytes for every process that opens the store from now on."""
        with self._write() as tx:
            sqlite.file.store_settings.alter(tx, {"max_bytes": most})

    def set_read_only(self, switch: bool) -> None:
        """Refuse what is new, in every process and from now on, or take it again.

        No record or message is stored, none is handed out by a receive or a share, and no thing is
        created, changed or deleted: `ReadOnly`. What is leased can be settled, and groups read on.
        """
        with self._write() as tx:
            sqlite.file.store_settings.alter(tx, {"read_only": switch})

    def begin_redrive(self, queue: str, to: str | None = None, rate: float | None = None) -> None:
        """Return `None`: callers move the letters of a file, by `redrive` or step by step."""


class FileCalls:
    """Calls on a file that holds a store, or will hold one, without opening it."""

    @classmethod
    def restore(
        cls,
        backup: str | os.PathLike[str],
        path: str | os.PathLike[str],
        *,
        timeout: Seconds = 30.0,
        clock: Clock | None = None,
        allow_network_fs: bool = False,
        progress: Progress | None = None,
    ) -> StoreContents:
        """Put a copy of a backup, or of any store, in the place of the store at `path`.

        It happens whole or not at all. Processes that have the store open get `StoreUnusable` from
        their next call, and write nothing any more. Raises `NotFound` without a backup,
        `ForeignFile` where one of the two is no store, `Damaged` where the backup has problems.
        `progress` is called with the bytes copied and the total.
        """
        source, target = files.resolve(backup), files.resolve(path)
        if not allow_network_fs:
            files.refuse_network_file_system(target.parent)
        return sqlite.operations.copies.restore(
            source, target, clock or SystemClock(), in_seconds(timeout), progress
        )

    @classmethod
    def contents(
        cls,
        path: str | os.PathLike[str],
        *,
        timeout: Seconds = 30.0,
        clock: Clock | None = None,
    ) -> StoreContents:
        """Return counts and size of a store's file, of any schema; the file is left as it is."""
        return sqlite.operations.copies.contents(
            files.resolve(path), clock or SystemClock(), in_seconds(timeout)
        )

    @staticmethod
    def damage_behind(error: BaseException, path: Path) -> Damaged | None:
        """Return damage in the file that may be the cause of an error of any kind, or `None`."""
        return sqlite.damage.suspicion.damage_behind(error, path)

    @classmethod
    def verify_file(cls, path: str | os.PathLike[str]) -> list[Finding]:
        """Verify the file of a store as `verify` does, even one too damaged to be opened."""
        return list(sqlite.operations.maintenance.verify(files.resolve(path)))

    @classmethod
    def salvage(
        cls,
        old: str | os.PathLike[str],
        new: str | os.PathLike[str],
        *,
        timeout: Seconds = 30.0,
        clock: Clock | None = None,
        progress: Progress | None = None,
    ) -> Salvaged:
        """Copy everything intact in a damaged store to a new file, and list the rest.

        Ids and offsets stay the same, so receipts and the offsets of groups go on. The damaged file
        stays as it is. Raises `Exists` when the new file exists already.
        """
        paths = files.resolve(old), files.resolve(new)
        return sqlite.damage.salvage.salvage(
            *paths, clock or SystemClock(), in_seconds(timeout), progress
        )


class TopologyCalls(Calls):
    """Topologies: plan, apply, export."""

    def plan(self, sources: Sequence[File], *, prune: bool = False) -> Plan:
        """Return the plan of topology files; raises `InvalidTopology` with all problems.

        A source is a path, or a `TopologyFile` with a name and bytes.
        """
        with self._read() as tx:
            return _plan(tx, sources, prune)

    def apply(
        self, sources: Sequence[File], *, prune: bool = False, expected: Plan | None = None,
        progress: Progress | None = None,
    ) -> Plan:  # fmt: skip
        """Make the store match the files, in one transaction; return the steps that were done.

        Messages over changed limits then move in steps, as in `alter_queue`.

        With `prune`, things that the files' topologies created and the files have no more are
        deleted. Raises `InvalidTopology`, and `StalePlan` when the steps are no longer the
        `expected` ones. `progress` is called with the number of steps done and the total.
        """
        from store import topology

        with self._write() as tx:
            plan = _plan(tx, sources, prune)
            if expected is not None and not plan.is_same_as(expected):
                raise StalePlan(
                    "the store has changed since the plan was made; nothing was applied",
                    hint=Hint("look at the new plan: {}", model.looks.PlanTopology()),
                )
            target = sqlite.topology.target.FileTarget(tx)
            topology.applying.carry_out(target, plan, progress)
        for settling in target.settlings:
            self._in_steps(settling.step)
        self._in_steps(sqlite.log.retention.drain)
        return plan

    def refusal(self, thing: Resource, setting: str | None) -> str | None:
        """Return nothing: a file has every thing and every setting."""
        return None

    def topologies(self) -> set[str]:
        """Return the names of the topologies that own something in the store."""
        with self._read() as tx:
            things = sqlite.topology.current.read(tx)
        return {thing.label for thing in things if thing.label is not None}

    def export(self) -> str:
        """Return the whole store as a topology file in YAML, the same for the same store."""
        from store import topology

        with self._read() as tx:
            return topology.writing.yaml(sqlite.topology.current.read(tx))

    def export_document(self) -> dict[str, Any]:
        """Return the same as plain values."""
        from store import topology

        with self._read() as tx:
            return topology.writing.document(sqlite.topology.current.read(tx))


def _plan(tx: Snapshot, sources: Sequence[File], prune: bool) -> Plan:
    from store import topology

    problems = topology.problems.Problems()
    wanted = topology.reading.read(
        [topology.reading.TopologyFile.of(source) for source in sources], problems
    )
    current = sqlite.topology.current.read(tx)
    counts = sqlite.topology.counts.Counts(tx)
    return topology.planning.plan(current, counts.of, wanted, problems, prune=prune)
