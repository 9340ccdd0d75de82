"""The store as a file: room, write-ahead log, SQLite's version, the clock, a foreign schema."""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from store.model.actions import (
    AcceptLosses,
    PurgeQueue,
    Salvage,
    SetMaxBytes,
    Trim,
    TrustClock,
    Vacuum,
    WayOut,
)
from store.model.diagnoses import (
    STORE,
    Diagnosis,
    advice,
    critical,
    warning,
)
from store.model.looks import Verify
from store.model.maintenance import CommitLoss, describe_loss
from store.model.text import describe_duration, describe_size
from store.sqlite.damage import suspicion
from store.sqlite.damage.row_places import WHOLE
from store.sqlite.damage.verification import Verification
from store.sqlite.file import (
    apart,
    files,
    log_readers,
    losses,
    reserve,
    store_time,
    timekeeping,
)
from store.sqlite.file.database import Snapshot
from store.sqlite.file.log_readers import LogReader
from store.sqlite.file.timekeeping import MOST_JUMP
from store.sqlite.operations import maintenance

_MIB = 1 << 20
LITTLE_ROOM = 256 * _MIB
NO_ROOM = 64 * _MIB
LONG_WAL = 256 * _MIB
_NO_ROOM_AT_ALL = 128 << 10
NEARLY_FULL = 0.9
_MENDED = (((3, 44, 6), (3, 45)), ((3, 50, 7), (3, 51)))
_CREATE = re.compile(r"create (?:unique )?(table|index|trigger|view) (\w+)")
_MOST_PROBLEMS = 20


@dataclass(frozen=True, slots=True)
class SchemaObject:
    """A table, index, trigger or view; `table` is the one that it belongs to."""

    kind: str
    name: str
    table: str


@dataclass(frozen=True, slots=True)
class Facts:
    """The facts about the file; sizes in bytes, clocks in milliseconds.

    `ahead` is how far the wall clock jumped, `behind` how far store time is behind the times in it.
    `reserve` is the room for calls that free room, and `largest` the topic or queue that has most.
    """

    free: int
    size: int
    wal: int
    most: int | None
    sqlite: tuple[int, ...]
    ahead: int
    objects: frozenset[SchemaObject]
    path: Path = Path("store.db")
    behind: int = 0
    reserve: int = 0
    full_reserve: int = 0
    unused: int = 0
    largest: tuple[str, str] | None = None
    lost: CommitLoss | None = None
    log_readers: tuple[LogReader, ...] = ()


def facts(tx: Snapshot) -> Facts:
    """Look at the file and the file system that it is on."""
    status = maintenance.status(tx)
    room = os.statvfs(tx.database.path.parent)
    rows = tx.rows("select type, name, tbl_name from sqlite_master where name not like 'sqlite_%'")
    return Facts(
        free=room.f_bavail * room.f_frsize,
        size=status.bytes,
        wal=status.wal_bytes,
        most=status.max_bytes,
        sqlite=sqlite3.sqlite_version_info,
        ahead=timekeeping.jump(tx),
        behind=store_time.newest(tx) - tx.now,
        reserve=reserve.reserved(tx.database.path),
        full_reserve=files.reserve_size(tx.database.path),
        unused=status.free_bytes,
        largest=_largest(tx),
        lost=losses.lost(tx),
        path=tx.database.path,
        log_readers=tuple(log_readers.far_behind(tx.database.path)),
        objects=frozenset(SchemaObject(*row) for row in rows),
    )


def _largest(tx: Snapshot) -> tuple[str, str] | None:
    row = tx.row(
        "select c.kind, c.name from mq_partitions p join mq_channels c on c.id = p.channel"
        " where c.kind in ('topic', 'queue')"
        " group by c.id having sum(p.bytes) > 0 order by sum(p.bytes) desc limit 1"
    )
    return None if row is None else (row[0], row[1])


def examine(facts: Facts) -> Iterator[Diagnosis]:
    """Yield the problems of the file; pure."""
    yield from _lost(facts)
    yield from _room(facts)
    yield from _wal(facts)
    yield from _version(facts)
    yield from _clock(facts)
    yield from _schema(facts)


def damage(tx: Snapshot) -> Iterator[Diagnosis]:
    """Read the whole file for damage, except records: 0.2 s for 100 MB, so not for every look."""
    path = tx.database.path
    with apart.copied(path) as source, suspicion.inspecting(source) as connection:
        for finding in islice(Verification(connection).structure(), _MOST_PROBLEMS):
            yield broken(path, finding.address, finding.problem)


def broken(path: Path, address: str, problem: str) -> Diagnosis:
    """Return something in the file that no mq wrote, or that is unreadable."""
    return critical(
        "damaged", STORE if address == WHOLE else address, problem,
        "the file is damaged: data read from it may be missing or wrong",
        Verify(), Salvage(str(path), "salvaged.db"),
    )  # fmt: skip


def _lost(facts: Facts) -> Iterator[Diagnosis]:
    if facts.lost is not None:
        yield critical(
            "lost_commits", STORE, describe_loss(facts.lost),
            "the log was damaged or removed before it was in the file, or a power cut undid what"
            " durability normal had confirmed. Repeat what was sent since then, or restore a"
            " backup; then accept the store as it is",
            AcceptLosses(),
        )  # fmt: skip


def _room(facts: Facts) -> Iterator[Diagnosis]:
    evidence = f"{describe_size(facts.free)} free on its file system"
    why = "when it is full nothing new is stored; what there is can be acknowledged and removed"
    if facts.free < max(_NO_ROOM_AT_ALL, facts.full_reserve - facts.reserve):
        yield _full(facts, evidence)
    elif facts.free < NO_ROOM:
        yield critical("little_room", STORE, evidence, why, Vacuum())
    elif facts.free < LITTLE_ROOM:
        yield warning("little_room", STORE, evidence, why, Vacuum())
    if facts.most is not None and facts.size >= facts.most * NEARLY_FULL:
        yield warning(
            "nearly_full", STORE,
            f"{describe_size(facts.size)} of at most {describe_size(facts.most)}",
            "beyond its limit the store refuses what is sent",
            SetMaxBytes(facts.most * 2), Vacuum(),
        )  # fmt: skip


def _full(facts: Facts, evidence: str) -> Diagnosis:
    ways: list[WayOut] = [Vacuum()]
    if facts.largest is not None:
        kind, name = facts.largest
        trim, purge = Trim(name, None, "1d", asks=True), PurgeQueue(name, asks=True)
        # Vacuum returns removed pages, so removal comes first.
        ways.insert(1 if facts.unused else 0, trim if kind == "topic" else purge)
    return critical(
        "disk_full", STORE,
        f"{evidence}; {describe_size(facts.reserve)} of the reserve of"
        f" {describe_size(facts.full_reserve)} are left; the file has"
        f" {describe_size(facts.unused)} to give back",
        "nothing new is stored until the reserve can be whole again. Receive, ack, purge, trim,"
        " delete and vacuum go on with it",
        *ways,
    )  # fmt: skip


def _wal(facts: Facts) -> Iterator[Diagnosis]:
    size = f"the write-ahead log has {describe_size(facts.wal)}"
    for reader in facts.log_readers:
        yield _long_log(
            f"{size}: {_named(reader)} reads what it had {describe_size(reader.behind)} ago"
        )
    if facts.wal >= LONG_WAL and not facts.log_readers:
        yield _long_log(f"{size}: an unknown process reads in it, or did so")


def _named(reader: LogReader) -> str:
    if not reader.pid:
        return "a process that can't be seen from here"
    stopped = ", stopped," if reader.is_stopped else ""
    return f"pid {reader.pid} ({reader.command or 'unknown'}){stopped}"


def _long_log(evidence: str) -> Diagnosis:
    return warning(
        "wal_growth", STORE, evidence,
        "a reader that does not end its transaction keeps the log from being emptied: it grows, and"
        " every read has to search it. End that transaction, or let a stopped process go on; then"
        " the next commit begins the log anew",
        Vacuum(),
    )  # fmt: skip


def is_affected(version: tuple[int, ...]) -> bool:
    """Return whether this SQLite has the WAL-reset bug: 3.7.0 to 3.51.2, but for two patched
    branches.
    """
    mended = any(branch <= version < end for branch, end in _MENDED)
    return (3, 7, 0) <= version <= (3, 51, 2) and not mended


def _version(facts: Facts) -> Iterator[Diagnosis]:
    if is_affected(facts.sqlite):
        yield advice(
            "sqlite_wal_reset", STORE,
            f"SQLite {'.'.join(map(str, facts.sqlite))}, mended in 3.51.3, 3.50.7 and 3.44.6",
            "a checkpoint beside a commit may lose it. mq's lock keeps its own processes apart;"
            " don't write with another program while they run",
        )  # fmt: skip


def _clock(facts: Facts) -> Iterator[Diagnosis]:
    way_out = TrustClock()
    jumped = describe_duration(abs(facts.ahead) / 1000)
    if facts.behind > 0:
        yield critical(
            "store_time_back", STORE,
            f"store time is {describe_duration(facts.behind / 1000)} behind what was stored",
            "leases, delays and members last that much longer than they should",
            way_out,
        )  # fmt: skip
    if facts.ahead > MOST_JUMP:
        yield warning(
            "clock_ahead", STORE, f"the wall clock is {jumped} ahead of the time since boot",
            "it was set forward, or the machine was suspended unseen: retention and expiry pause,"
            " and new records bear its time. If it is right, say so",
            way_out,
        )  # fmt: skip
    elif facts.ahead < -MOST_JUMP:
        yield warning(
            "clock_behind", STORE, f"the wall clock is {jumped} behind store time",
            "it was set back, or was ahead at an earlier boot: if it is set forward by mistake,"
            " retention does not pause. If it is right, say so",
            way_out,
        )  # fmt: skip


def _expected() -> frozenset[tuple[str, str]]:
    created = (_CREATE.search(statement) for statement in files.schema_statements())
    return frozenset((found[1], found[2]) for found in created if found)


def _schema(facts: Facts) -> Iterator[Diagnosis]:
    objects, expected = facts.objects, _expected()
    present = {(one.kind, one.name) for one in objects}
    for kind, name in sorted(expected - present):
        yield critical(
            "schema_damaged", STORE, f"the {kind} {name} is missing",
            "another program changed the tables of mq: calls fail, become slow, or go wrong unseen",
            Salvage(str(facts.path), "salvaged.db"),
        )  # fmt: skip
    for one in sorted(objects, key=lambda one: (one.kind, one.name)):
        if (one.kind, one.name) not in expected:
            yield from _foreign(one)


def _foreign(one: SchemaObject) -> Iterator[Diagnosis]:
    on_ours = one.table.startswith("mq_")
    if one.kind == "trigger" and on_ours:
        yield warning(
            "foreign_trigger", STORE, f"trigger {one.name} on {one.table} is none of mq's",
            "it runs inside mq's transactions, and may change what they store",
        )  # fmt: skip
    elif on_ours:
        yield warning(
            "foreign_schema", STORE, f"{one.kind} {one.name} is none of mq's",
            "names that begin with mq_ are mq's own: an upgrade may remove it"
            if one.kind == "table"
            else "it makes every write of mq do more",
        )  # fmt: skip
    elif one.kind in {"trigger", "view"}:
        yield advice(
            "foreign_schema", STORE, f"{one.kind} {one.name} on {one.table}",
            "it is of your own tables; it runs where mq writes projections to them",
        )  # fmt: skip
