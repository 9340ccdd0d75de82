"""Writing a source's items to stdout, and counting how far that got."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from math import isinf
from typing import Generic

from mq.cli.interrupts import Interrupts
from mq.cli.output import Output
from mq.read.source import Item, Source
from mq.text.envelopes import Lines
from store.crash import crash_point


class RecordPrinter(Generic[Item]):
    """Writes the records for which `condition` holds, up to `limit` of them."""

    def __init__(
        self,
        output: Output,
        interrupts: Interrupts,
        lines: Lines[Item],
        condition: Callable[[Item], bool] | None,
        limit: int | None,
    ) -> None:
        self.printed = 0
        self._line: Callable[[Item], bytes] = lines.line
        self._header = lines.header
        self._condition: Callable[[Item], bool] | None = condition
        self._limit = limit
        self._output = output
        self._interrupts = interrupts
        self._cut_short = False

    def pass_on(self, source: Source[Item], items: Sequence[Item]) -> int:
        """Write a batch, settle its finished items, give back the rest; return their number.

        Raises the interruption of the batch: KeyboardInterrupt, ReaderGone or an OSError.
        """
        dealt_with = 0
        try:
            dealt_with = self._print(source, items)
            crash_point("consume.printed")
            source.done(items[:dealt_with])
        finally:
            source.give_back(items[dealt_with:])
        if self._cut_short:
            if self._interrupts.received is not None:
                raise KeyboardInterrupt
            raise self._output.failure()
        return dealt_with

    def finish(self) -> None:
        """Write the header if nothing came under it."""
        if self._header and not self._output.records([self._header]):
            raise self._output.failure()

    @property
    def is_done(self) -> bool:
        """Whether the limit is reached."""
        return self._limit is not None and self.printed >= self._limit

    def most(self, records: int) -> int:
        """Return how many of so many records the limit still lets through."""
        return records if self._limit is None else min(records, self._limit - self.printed)

    def _print(self, source: Source[Item], items: Sequence[Item]) -> int:
        """Write the wanted items of a batch; return how many of its items that deals with.

        Dealt with are those written whole and those passed over on the way to them.
        """
        wanted, looked_at = self._choose(items)
        lines = [self._line(items[index]) for index in wanted]
        if lines:
            # An unreadable source ends without a header.
            lines[0], self._header = self._header + lines[0], b""
        wait = partial(self._wait, source, items)
        go_on = partial(self._interrupts.wait_to_write, wait)
        written = self._write(source, items, lines, go_on)
        self.printed += written
        self._cut_short = written < len(wanted)
        return wanted[written] if self._cut_short else looked_at

    def _write(
        self, source: Source[Item], items: Sequence[Item], lines: Sequence[bytes],
        go_on: Callable[[bool], bool],
    ) -> int:  # fmt: skip
        """Write lines; return how many went out whole."""
        return self._output.records(lines, go_on)

    def _wait(self, source: Source[Item], items: Sequence[Item], seconds: float | None) -> bool:
        if seconds is not None or isinf(source.keepalive_interval):
            return self._output.wait_until_writable(seconds)
        while not self._output.wait_until_writable(source.keepalive_interval):
            source.keepalive(items)
        return True

    def _choose(self, records: Sequence[Item]) -> tuple[Sequence[int], int]:
        """Return the indexes of the records to write, and how many were looked at for them."""
        most = len(records) if self._limit is None else self._limit - self.printed
        if self._condition is None:
            looked_at = min(most, len(records))
            return range(looked_at), looked_at
        wanted: list[int] = []
        for index, record in enumerate(records):
            if self._condition(record):
                wanted.append(index)
                if len(wanted) == most:
                    return wanted, index + 1
        return wanted, len(records)
