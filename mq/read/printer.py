"""Writing batches of records to stdout, and knowing how far that got."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Generic

from mq.cli.interrupts import Interrupts
from mq.cli.output import Output, Row
from mq.text.lines import Lines


class RecordPrinter(Generic[Row]):
    """Writes the records for which `condition` holds, up to `limit` of them."""

    def __init__(
        self,
        output: Output,
        interrupts: Interrupts,
        lines: Lines[Row],
        condition: Callable[[Row], bool] | None,
        limit: int | None,
    ) -> None:
        self.printed = 0
        self._line = lines.line
        self._header = lines.header
        self._condition = condition
        self._limit = limit
        self._output = output
        self._interrupts = interrupts
        self._cut_short = False
        self._every: float | None = None
        self._sign_of_life: Callable[[], None] | None = None

    def while_waiting(self, every: float, sign_of_life: Callable[[], None]) -> None:
        """Call this every so many seconds while whoever reads our output takes nothing."""
        self._every = every
        self._sign_of_life = sign_of_life

    def print(self, records: Sequence[Row]) -> int:
        """Write what is wanted of a batch; how many of its records that deals with.

        Dealt with are those written whole and those passed over on the way to them.
        """
        wanted, looked_at = self._choose(records)
        lines = [self._line(records[index]) for index in wanted]
        if lines:
            # What can't be read at all ends without a header.
            lines[0], self._header = self._header + lines[0], b""
        go_on = partial(self._interrupts.wait_to_write, self._wait)
        written = self._output.records(lines, go_on)
        self.printed += written
        self._cut_short = written < len(wanted)
        return wanted[written] if self._cut_short else looked_at

    def finish(self) -> None:
        """Write the header if nothing came under it."""
        if self._header and not self._output.records([self._header]):
            raise self._output.failure()

    @property
    def is_done(self) -> bool:
        """Whether the limit is reached."""
        return self._limit is not None and self.printed >= self._limit

    def most(self, records: int) -> int:
        """How many of so many records the limit still lets through."""
        return records if self._limit is None else min(records, self._limit - self.printed)

    def check(self) -> None:
        """Raise what cut the last batch short: KeyboardInterrupt, ReaderGone or an OSError.

        To be called once what was written is settled.
        """
        if self._cut_short:
            if self._interrupts.received is not None:
                raise KeyboardInterrupt
            raise self._output.failure()

    def _wait(self, seconds: float | None) -> bool:
        if seconds is not None or self._sign_of_life is None:
            return self._output.wait_until_writable(seconds)
        while not self._output.wait_until_writable(self._every):
            self._sign_of_life()
        return True

    def _choose(self, records: Sequence[Row]) -> tuple[Sequence[int], int]:
        """The indexes of the records to write, and how many were looked at to find them."""
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
