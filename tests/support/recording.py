"""What a process did to the files of a folder, and what a power cut would leave of it.

A file keeps what was synced, and of what was written since any part: each write whole, not at all,
or torn at 512 bytes. A folder keeps the names that were synced, and of what was made, renamed and
removed since either all up to a moment, or any part of it.
"""

from __future__ import annotations

import os
import random
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from struct import Struct

SECTOR = 512
Event = tuple[bytes, int, int, bytes]
_EVENT = Struct("<cqqI")


def build_recorder(folder: Path) -> Path:
    """Compile the library that records, to be preloaded."""
    library = folder / "recorder.so"
    source = Path(__file__).with_name("recorder.c")
    command = ["cc", "-O1", "-shared", "-fPIC", "-o", str(library), str(source), "-ldl"]
    subprocess.run(command, check=True, capture_output=True)
    return library


@dataclass(slots=True)
class Inode:
    """A file: what is on the disk for certain, and what was done to it since."""

    durable: bytearray = field(default_factory=bytearray)
    since: list[tuple[int, bytes | None]] = field(default_factory=list)

    def sync(self) -> None:
        for place, data in self.since:
            _apply(self.durable, place, data)
        self.since = []

    def after_cut(self, chance: random.Random, kept: float) -> bytes:
        content = bytearray(self.durable)
        for place, data in self.since:
            if chance.random() >= kept:
                continue
            if data is None or chance.random() < 0.5:
                _apply(content, place, data)
            else:
                for start, part in _sectors(place, data):
                    if chance.random() < 0.5:
                        _apply(content, start, part)
        return bytes(content)


def _apply(content: bytearray, place: int, data: bytes | None) -> None:
    """Write data at a place, or cut or grow the file to that size."""
    if data is None:
        del content[place:]
        content.extend(bytes(place - len(content)))
        return
    content.extend(bytes(max(0, place - len(content))))
    content[place : place + len(data)] = data


def _sectors(place: int, data: bytes) -> Iterator[tuple[int, bytes]]:
    start = place
    while start < place + len(data):
        end = min((start // SECTOR + 1) * SECTOR, place + len(data))
        yield start, data[start - place : end - place]
        start = end


Names = dict[str, Inode]


class Disk:
    """The folder that was recorded, event by event."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[int, Inode | None] = {}
        # By name: what is on the disk for certain, and what a process sees.
        self._durable: Names = {}
        self._seen: Names = {}
        self._since: list[tuple[str, str, Inode | None]] = []
        self._words: Inode | None = None
        for found in folder.iterdir():
            self._durable[found.name] = Inode(bytearray(found.read_bytes()))
        self._seen = dict(self._durable)

    @property
    def confirmed(self) -> int:
        """How many operations the program had confirmed."""
        if self._words is None:
            return 0
        return sum((data or b"").count(b"\n") for _, data in self._words.since)

    def apply(self, event: Event) -> None:
        """Go on by one event."""
        kind, first, second, data = event
        match kind:
            case b"o":
                self._open(first, bool(second), Path(os.fsdecode(data)))
            case b"c":
                self._files.pop(first, None)
            case b"w":
                self._file(first).since.append((second, data))
            case b"t":
                self._file(first).since.append((second, None))
            case b"s":
                self._sync(first)
            case b"u":
                self._name(Path(os.fsdecode(data)).name, "", None)
            case b"r":
                old, new = (
                    Path(os.fsdecode(data[:first])).name,
                    Path(os.fsdecode(data[first:])).name,
                )
                self._name(old, new, self._seen[old])

    def _open(self, fd: int, created: bool, path: Path) -> None:
        if path == self._folder:
            self._files[fd] = None
            return
        if created:
            self._name("", path.name, Inode())
        self._files[fd] = self._seen[path.name]
        if path.name == "confirmed":
            self._words = self._seen[path.name]

    def _file(self, fd: int) -> Inode:
        inode = self._files[fd]
        assert inode is not None
        return inode

    def _name(self, old: str, new: str, inode: Inode | None) -> None:
        _rename(self._seen, old, new, inode)
        self._since.append((old, new, inode))

    def _sync(self, fd: int) -> None:
        inode = self._files[fd]
        if inode is None:
            self._durable, self._since = dict(self._seen), []
        else:
            inode.sync()

    def after_cut(self, chance: random.Random) -> dict[str, bytes]:
        """The files that a power cut now may leave, by name."""
        names, kept = dict(self._durable), chance.choice([0.0, 0.5, 0.9, 1.0])
        since = self._since
        if chance.random() < 0.5:
            since = since[: chance.randint(0, len(since))]
        else:
            since = [each for each in since if chance.random() < 0.5]
        for old, new, inode in since:
            _rename(names, old, new, inode)
        return {name: inode.after_cut(chance, kept) for name, inode in names.items()}


def _rename(names: Names, old: str, new: str, inode: Inode | None) -> None:
    names.pop(old, None)
    if inode is not None:
        names[new] = inode


def events(recording: Path) -> list[Event]:
    """All events of a recording, in order."""
    content, place, found = recording.read_bytes(), 0, []
    while place < len(content):
        kind, first, second, length = _EVENT.unpack_from(content, place)
        place += _EVENT.size
        found.append((kind, first, second, content[place : place + length]))
        place += length
    return found
