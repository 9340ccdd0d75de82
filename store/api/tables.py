"""Calls that read a log as a table: the newest value per key, compaction, projections."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

from store.api.base import Calls
from store.model.errors import BadInput
from store.sqlite import log
from store.sqlite.log.encoding import encode_bytes

if TYPE_CHECKING:
    from store.model.addresses import Address
    from store.model.maintenance import CompactionResult
    from store.model.topics import Record
    from store.sqlite.log.projections import Projection

PROJECTED_AT_ONCE = 1_000


class TableCalls(Calls):
    """Logs as tables."""

    def latest(self, topic: str, key: bytes | str | None = None) -> list[Record]:
        """The newest record of every key, or of one, by key; deleted keys are left out."""
        wanted = encode_bytes(key, "key")
        with self._read() as tx:
            found = log.topics.find(tx, topic)
            if wanted is None:
                return log.latest.latest(tx, found)
            newest = log.latest.latest_of(tx, found, wanted)
            return [] if newest is None else [newest]

    def compact_topic(self, topic: str) -> list[CompactionResult]:
        """Remove what newer records of the same key replace, in bounded steps; what was removed.

        Raises `BadInput` for a topic whose cleanup does not include compact.
        """
        with self._read() as tx:
            found, database = log.topics.find(tx, topic), tx.database
            partitions = list(found.partitions)
        if "compact" not in found.config.cleanup:
            raise BadInput(
                f"topic {topic} is not compacted",
                hint=f"mq topic alter {topic} --cleanup compact",
            )
        return [log.compaction.compact(database, found, p) for p in partitions]

    def project(
        self, topic: str, table: str, primary_key: str, *, rebuild: bool = False,
        passing: Iterable[Address] = (),
    ) -> int:  # fmt: skip
        """Bring a plain table up to the end of a topic of JSON objects; how many records it took.

        Each step stores rows and offsets together, so every record counts exactly once. A rebuild
        fills a new table from the start, and swaps it in when it is complete. Records in `passing`
        that can't be taken in, as damaged ones can't, are passed over.
        """
        passed = frozenset(passing)
        with self._write() as tx:
            target = log.projections.declare(tx, topic, table, primary_key)
            again = log.projections.begin_rebuild(tx, target) if rebuild else target
        taken = 0
        while step := self._advance(again, passed):
            taken += step
        if rebuild:
            with self._write() as tx:
                log.projections.finish_rebuild(tx, target)
        return taken

    def _advance(self, projection: Projection, passing: Collection[Address]) -> int:
        with self._write() as tx:
            return log.projections.advance(tx, projection, PROJECTED_AT_ONCE, passing)
