"""The pages of a store's file with its log on top, by SQLite's file format.

SQLite drops a log from the first damaged frame on, and a file with a damaged first page whole. Here
each frame is judged by itself, and each page is returned as it is. The file is only ever read.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from struct import Struct
from typing import NamedTuple

from store.model.errors import from_system
from store.sqlite.file.files import PAGE_SIZE

MAGIC = b"SQLite format 3\0"
_WAL_HEADER = Struct(">8I")
_FRAME_HEADER = Struct(">6I")
_WAL_MAGIC = 0x377F0683
_POINTER_MAP_ENTRY = Struct(">BI")
_ENTRIES_A_MAP = PAGE_SIZE // 5
_LARGEST_SUM = 0xFFFFFFFF
_BLOCK, _MOST_BLOCKS = 1 << 20, 64


class PageOwner(NamedTuple):
    """A page's entry in the pointer map: its kind, and the page that points to it."""

    kind: int
    parent: int


ROOT, FREE, FIRST_OVERFLOW, OVERFLOW, TREE = 1, 2, 3, 4, 5
"""The kinds of pages in the pointer map."""


class PageFile:
    """The pages of a file, from 1 on, each in its newest available version."""

    def __init__(self, path: Path) -> None:
        self._file = _Bytes(path)
        self._newer: dict[int, bytes] = {}
        self._doubtful: set[int] = set()
        count = -(-self._file.size // PAGE_SIZE)
        log = _Bytes(path.with_name(path.name + "-wal"))
        for number, page in self._committed(log.read(0, log.size), count):
            self._newer[number] = page
        self.count = max([count, *self._newer])

    def get(self, number: int) -> bytes:
        """Return a page; zeros where it is beyond the end of the file, or cut off."""
        newer = self._newer.get(number)
        if newer is not None:
            return newer
        return self._file.read((number - 1) * PAGE_SIZE, PAGE_SIZE)

    @property
    def lost_frames(self) -> int:
        """The number of damaged pages of the log that have no newer version."""
        return len(self._doubtful)

    def owner(self, number: int) -> PageOwner:
        """Return a page's entry in the pointer map; zeros for a page of the map itself."""
        map_page = _map_page_of(number)
        if number < 2 or number == map_page:
            return PageOwner(ROOT if number == 1 else 0, 0)
        kind, parent = _POINTER_MAP_ENTRY.unpack_from(
            self.get(map_page), (number - map_page - 1) * 5
        )
        return PageOwner(kind, parent)

    def _committed(self, log: bytes, count: int) -> Iterator[tuple[int, bytes]]:
        """Yield the pages in the frames up to the last commit, damaged frames only where they
        fit.
        """
        frames = list(_frames(log))
        commits = [index for index, frame in enumerate(frames) if frame.size]
        frames = frames[: commits[-1] + 1 if commits else 0]
        most = max([count, *(frame.size for frame in frames if frame.is_whole)])
        for frame in frames:
            if frame.is_whole:
                self._doubtful.discard(frame.page)
                yield frame.page, frame.content
                continue
            # Its number may be the damaged part: then it belongs to another page.
            is_known = 0 < frame.page <= most and frame.has_salt
            self._doubtful.add(frame.page if is_known else -1)
            if is_known and frame.content[:1] == self.get(frame.page)[:1]:
                yield frame.page, frame.content


def _map_page_of(number: int) -> int:
    return 2 + (number - 2) // (_ENTRIES_A_MAP + 1) * (_ENTRIES_A_MAP + 1)


def is_map_page(number: int) -> bool:
    """Return whether a page is one of the pointer map."""
    return number >= 2 and _map_page_of(number) == number


class _Bytes:
    """The bytes of a file, zeros where it ends or its disk gives none."""

    def __init__(self, path: Path) -> None:
        self._descriptor = -1
        self.size = 0
        self._blocks: dict[int, bytes] = {}
        with suppress(FileNotFoundError):
            try:
                self._descriptor = os.open(path, os.O_RDONLY)
            except PermissionError as error:
                raise from_system(error, f"{path} can't be read") from error
            self.size = os.fstat(self._descriptor).st_size
            # Closing a descriptor would drop the locks of this process on the file.

    def read(self, begin: int, size: int) -> bytes:
        """Return this many bytes from an offset."""
        parts = []
        for block in range(begin // _BLOCK, (begin + size - 1) // _BLOCK + 1):
            parts.append(self._block(block))
        first = begin % _BLOCK
        return b"".join(parts)[first : first + size].ljust(size, b"\0")

    def _block(self, number: int) -> bytes:
        block = self._blocks.get(number)
        if block is None:
            if len(self._blocks) >= _MOST_BLOCKS:
                self._blocks.clear()
            block = self._blocks[number] = self._read(number * _BLOCK, _BLOCK)
        return block

    def _read(self, begin: int, size: int) -> bytes:
        try:
            return os.pread(self._descriptor, size, begin) if begin < self.size else b""
        except OSError as error:
            if error.errno != errno.EIO:
                raise from_system(error, "the damaged file can't be read") from error
            if size <= PAGE_SIZE:
                return bytes(size)
            pages = range(begin, begin + size, PAGE_SIZE)
            return b"".join(self._read(page, PAGE_SIZE).ljust(PAGE_SIZE, b"\0") for page in pages)


class _Frame(NamedTuple):
    page: int
    size: int
    has_salt: bool
    is_whole: bool
    content: bytes


def _frames(log: bytes) -> Iterator[_Frame]:
    """Yield the frames of the log that are of its present round, each with whether it is whole."""
    if len(log) < _WAL_HEADER.size:
        return
    magic, _, _, _, *rest = _WAL_HEADER.unpack_from(log)
    salt, sums = tuple(rest[:2]), tuple(rest[2:])
    step = _FRAME_HEADER.size + PAGE_SIZE
    starts = range(_WAL_HEADER.size, len(log) - step + 1, step)
    is_sound = magic | 1 == _WAL_MAGIC and _checksum(log[:24], (0, 0), magic & 1) == sums
    if starts and not is_sound:
        # The header is damaged. Every round begins with the first frame.
        salt = _FRAME_HEADER.unpack_from(log, starts[0])[2:4]
    order = magic & 1 if magic | 1 == _WAL_MAGIC else 0
    behind = 0
    for start in starts:
        page, size, *rest = _FRAME_HEADER.unpack_from(log, start)
        content = log[start + _FRAME_HEADER.size : start + step]
        has_salt = tuple(rest[:2]) == salt
        found = _checksum(content, _checksum(log[start : start + 8], sums, order), order)
        sums = tuple(rest[2:])
        is_whole = has_salt and found == sums
        # Frames of an older round behind the present one have another salt, from there on.
        behind = 0 if has_salt else behind + 1
        if behind > 2:
            return
        yield _Frame(page, size if has_salt else 0, has_salt, is_whole, content)


def _checksum(data: bytes, begin: tuple[int, ...], order: int) -> tuple[int, int]:
    """Return SQLite's own sum of a log; `order` is 1 where its numbers begin with the highest
    byte.
    """
    first, second = begin
    words = Struct(f"{'>' if order else '<'}{len(data) // 4}I").unpack(data)
    for index in range(0, len(data) // 4, 2):
        first = (first + words[index] + second) & _LARGEST_SUM
        second = (second + words[index + 1] + first) & _LARGEST_SUM
    return first, second
