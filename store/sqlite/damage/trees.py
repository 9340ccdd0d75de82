"""The tree of each page of a damaged file: by the pointer map and the pages above."""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct
from typing import NamedTuple

from store.sqlite.damage.cells import (
    INDEX_INTERIOR,
    INDEX_LEAF,
    TABLE_INTERIOR,
    Accepts,
    Cell,
    Page,
)
from store.sqlite.damage.pages import FREE, ROOT, TREE, PageFile, is_map_page
from store.sqlite.file.files import PAGE_SIZE

_LONG = Struct(">I")
_DEEPEST = 24


class RowRange(NamedTuple):
    """Rowids of an unreadable page: after the first, up to the last, if known."""

    after: int | None
    last: int | None


class Trees:
    """The trees of a file, by the numbers of their first pages."""

    def __init__(self, pages: PageFile) -> None:
        self._pages = pages
        self._roots = {1}
        self._links: dict[int, tuple[int, RowRange]] = {}
        self._free = self._free_list()
        self.parents: set[int] = set()
        for number in range(1, pages.count + 1):
            if not is_map_page(number):
                self._note(number)
        # No other page leads to the first one of a tree.
        self._roots = {root for root in self._roots if root not in self._links} | {1}

    def _note(self, number: int) -> None:
        owner = self._pages.owner(number)
        if owner.kind == TREE:
            self.parents.add(owner.parent)
        elif owner == (ROOT, 0):
            self._roots.add(number)
        page = Page(self._pages, number)
        if page.kind not in (TABLE_INTERIOR, INDEX_INTERIOR) or number in self._free:
            return
        before = None
        for child, key in page.children():
            if 1 < child <= self._pages.count and not is_map_page(child):
                self._links.setdefault(child, (number, RowRange(before, key)))
            before = key if key is not None else before

    def _free_list(self) -> set[int]:
        free: set[int] = set()
        (trunk,) = _LONG.unpack_from(self._pages.get(1), 32)
        while 1 < trunk <= self._pages.count and trunk not in free:
            free.add(trunk)
            page = self._pages.get(trunk)
            (count,) = _LONG.unpack_from(page, 4)
            if count > PAGE_SIZE // 4 - 2:
                break
            free.update(_LONG.unpack_from(page, 8 + 4 * index)[0] for index in range(count))
            (trunk,) = _LONG.unpack_from(page)
        return free

    def roots(self) -> set[int]:
        """Return the first pages of trees, by the pointer map."""
        return set(self._roots)

    def add_roots(self, roots: set[int]) -> None:
        """Add first pages of trees from the schema, independent of the map."""
        self._roots |= roots

    def by_root(self) -> dict[int | None, list[int]]:
        """Return the pages of each tree; under None those that belong to none, and are not free."""
        found: dict[int | None, list[int]] = {}
        for number in range(1, self._pages.count + 1):
            if is_map_page(number):
                continue
            root = self._root_of(number)
            if root is not None:
                found.setdefault(root, []).append(number)
            elif self._pages.owner(number).kind in (0, TREE) and number not in self._free:
                found.setdefault(None, []).append(number)
        return found

    def _root_of(self, number: int) -> int | None:
        seen: set[int] = set()
        while number not in self._roots:
            seen.add(number)
            above = self._above(number)
            if above is None or above in seen or len(seen) > _DEEPEST:
                return None
            number = above
        return number

    def _above(self, number: int) -> int | None:
        owner = self._pages.owner(number)
        link, _ = self._links.get(number, (None, None))
        if owner.kind == TREE and 0 < owner.parent <= self._pages.count:
            is_certain = link in (None, owner.parent)
            if is_certain or Page(self._pages, owner.parent).kind not in _INTERIOR:
                return owner.parent
            # The page above that the map names has others below it.
            return link
        if owner.kind == FREE and number in self._free:
            return None
        return link

    def cells(self, number: int, kind: int, accepts: Accepts) -> Iterator[Cell | RowRange]:
        """Yield the rows on a page of a tree; a span for an unreadable leaf.

        `kind` is that of the tree's leaves. `accepts` says whether values can be a row of it.
        """
        page = Page(self._pages, number)
        interior = INDEX_INTERIOR if kind == INDEX_LEAF else TABLE_INTERIOR
        has_pages_below = number in self.parents
        if page.kind == interior and (has_pages_below or kind == INDEX_LEAF):
            if kind == INDEX_LEAF:
                yield from page.cells(accepts)
            return
        if page.kind == kind:
            yield from page.cells(accepts)
            if not page.is_counted:
                yield self._span(number)
            return
        if has_pages_below:
            if kind == INDEX_LEAF:
                # The pages above in a table of this kind hold rows, too.
                yield RowRange(None, None)
            return
        # Its first byte is damaged, or all of it.
        found = [
            cell
            for cell in Page(self._pages, number, kind).cells(accepts)
            if cell.values is not None and accepts(cell.rowid, cell.values)
        ]
        yield from found
        yield self._span(number)

    def _span(self, number: int) -> RowRange:
        return self._links.get(number, (None, RowRange(None, None)))[1]


_INTERIOR = (TABLE_INTERIOR, INDEX_INTERIOR)
