"""Damages a store's file in one of many ways, and compares a salvage with what must be in it."""

from __future__ import annotations

import random
import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from store import Store
from store.model.clock import Clock
from store.model.maintenance import Lost, Salvaged

PAGE = 4096
Bytes = frozenset[int]


class Record(NamedTuple):
    """A record as it was, and the places of its bytes in the file."""

    address: str
    row: tuple[object, ...]
    bytes: Bytes


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for index in range(8):
        value = value << 7 | data[at + index] & 0x7F
        if data[at + index] < 0x80:
            return value, at + index + 1
    return value << 8 | data[at + 8], at + 9


def _cells(data: bytes, page: int) -> dict[int, Bytes]:
    """The places of the bytes of each row on a sound leaf, by rowid, chains included."""
    base = (page - 1) * PAGE
    rows = {}
    for index in range(int.from_bytes(data[base + 3 : base + 5], "big")):
        pointer = base + 8 + 2 * index
        begin = base + int.from_bytes(data[pointer : pointer + 2], "big")
        size, at = _varint(data, begin)
        rowid, at = _varint(data, at)
        least = (PAGE - 12) * 32 // 255 - 23
        local = size
        if size > PAGE - 35:
            local = least + (size - least) % (PAGE - 4)
            local = local if local <= PAGE - 35 else least
        places = set(range(begin, at + local))
        if local < size:
            places.update(range(at + local, at + local + 4))
            following, left = int.from_bytes(data[at + local : at + local + 4], "big"), size - local
            while left > 0:
                begin = (following - 1) * PAGE
                places.update(range(begin, begin + 4 + min(left, PAGE - 4)))
                left -= PAGE - 4
                following = int.from_bytes(data[begin : begin + 4], "big")
        rows[rowid] = frozenset(places)
    return rows


_ROWS = "select id, timestamp, message_group, key, headers, value, expires, arrived from mq_records"


def records(path: Path) -> dict[int, Record]:
    """All records of a sound store that is closed, by id."""
    data = path.read_bytes()
    with closing(sqlite3.connect(path)) as connection:
        pages = connection.execute(
            "select pageno from dbstat where name = 'mq_records' and pagetype = 'leaf'"
        ).fetchall()
        rows = {row[0]: row for row in connection.execute(_ROWS)}
        names = {
            id: name if kind == "queue" else f"{name}/{number}"
            for id, name, kind, number in connection.execute(
                "select p.id, c.name, c.kind, p.number from mq_partitions p"
                " join mq_channels c on c.id = p.channel"
            )
        }
    places: dict[int, Bytes] = {}
    for (page,) in pages:
        places |= _cells(data, page)
    return {
        id: Record(f"{names[id >> 40]}@{id & (1 << 40) - 1}", row, places[id])
        for id, row in rows.items()
    }


def _flips(data: bytearray, chance: random.Random) -> None:
    for _ in range(chance.choice([1, 1, 2, 5, 20])):
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)


def _burst(data: bytearray, chance: random.Random) -> None:
    size = chance.choice([16, 64, 512])
    begin = chance.randrange(len(data) - size)
    data[begin : begin + size] = chance.choice([bytes(size), chance.randbytes(size)])


def _page(data: bytearray, chance: random.Random) -> None:
    for _ in range(chance.choice([1, 1, 2, 4])):
        begin = chance.randrange(len(data) // PAGE) * PAGE
        content = chance.choice([bytes(PAGE), chance.randbytes(PAGE), b"\xff" * PAGE])
        data[begin : begin + PAGE] = content


def _swap(data: bytearray, chance: random.Random) -> None:
    first, second = (chance.randrange(len(data) // PAGE) * PAGE for _ in range(2))
    page = data[first : first + PAGE]
    data[first : first + PAGE] = data[second : second + PAGE]
    data[second : second + PAGE] = page


def _truncate(data: bytearray, chance: random.Random) -> None:
    del data[chance.randrange(PAGE, len(data)) :]


def _head(data: bytearray, chance: random.Random) -> None:
    size = chance.choice([16, 100, 512, PAGE])
    data[:size] = chance.choice([bytes(size), chance.randbytes(size)])


def _map(data: bytearray, chance: random.Random) -> None:
    size = chance.choice([5, 50, PAGE])
    begin = PAGE + chance.randrange(0, PAGE - size + 1)
    data[begin : begin + size] = chance.choice([bytes(size), chance.randbytes(size)])


WAYS: dict[str, Callable[[bytearray, random.Random], None]] = {
    "flipped bits": _flips,
    "a burst": _burst,
    "whole pages": _page,
    "two pages exchanged": _swap,
    "the end cut off": _truncate,
    "the head": _head,
    "the map of pages": _map,
}


class Damage(NamedTuple):
    """A damaged copy of a file, and which of its bytes differ from it."""

    path: Path
    bytes: Bytes


def damage(sound: Path, target: Path, way: str, seed: int) -> Damage:
    """Write a copy that is damaged in one of `WAYS`, the same for each seed."""
    before = sound.read_bytes()
    data = bytearray(before)
    WAYS[way](data, random.Random(f"{way} {seed}"))
    target.write_bytes(data)
    length = min(len(data), len(before))
    differing = {at for at in range(length) if data[at] != before[at]}
    return Damage(target, frozenset(differing | set(range(length, len(before)))))


def problems(
    before: dict[int, Record], hurt: Damage, new: Path, salvaged: Salvaged, clock: Clock
) -> list[str]:
    """What is wrong with a salvage: intact records that are missing, lost ones not named, and
    any that is not as it was.
    """
    with closing(sqlite3.connect(new)) as connection:
        copied = {row[0]: row for row in connection.execute(_ROWS)}
    wrong = []
    for id, record in before.items():
        is_intact = not record.bytes & hurt.bytes
        # When it expires and came no checksum tells: that is the last of what is compared.
        end = None if is_intact else -2
        if id in copied and copied[id][:end] != record.row[:end]:
            wrong.append(f"{record.address} is another one")
        if id not in copied and is_intact:
            wrong.append(f"{record.address} is intact and missing")
        if id not in copied and not is_named(record.address, salvaged.lost):
            wrong.append(f"{record.address} is lost and not named")
    wrong += [f"{id} was not there" for id in copied.keys() - before.keys()]
    with Store.open(new, clock=clock) as store:
        wrong += [f"{found.address}: {found.problem}" for found in store.verify()]
    return wrong


def is_named(address: str, lost: list[Lost]) -> bool:
    """Whether a record is named: by itself, in a range such as `jobs@3-9`, or with all beside it.

    Of a partition of which nothing is known any more only that can be told.
    """
    place, _, offset = address.partition("@")
    name = place.partition("/")[0]
    for one in lost:
        if one.address == address:
            return True
        whole = re.fullmatch(re.escape(place) + r"@(\d+)-(\d+)", one.address)
        if whole and int(whole[1]) <= int(offset) <= int(whole[2]):
            return True
        if one.kind == "partition" and one.address in (place, name, "file"):
            return True
    return False
