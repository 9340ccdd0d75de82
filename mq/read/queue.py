"""Reading a queue: messages are leased, printed, and acknowledged once they are written."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from mq.cli.chaos import warn_of_chaos
from mq.cli.context import Context
from mq.cli.diagnostics import Progress
from mq.cli.interrupts import Interrupts
from mq.read.lease_length import require_lease
from mq.read.printer import RecordPrinter
from mq.text.messages import message_lines
from store.api.store import Store
from store.crash import crash_point
from store.model.errors import Damaged, MqError
from store.model.messages import Message

_LONGEST_WAIT = 60.0
# How many messages are kept from others while one batch is printed.
_BATCH = 100


class QueueReading:
    """Prints a queue's messages until none is ready, or with `follow` until interrupted.

    What it did not print goes back as if it had not been delivered; if this process is killed, its
    leases end with it.
    """

    def __init__(
        self, context: Context, store: Store, queue: str, *, limit: int | None, follow: bool,
        format: str | None, interrupts: Interrupts,
    ) -> None:  # fmt: skip
        self._store = store
        self._queue = queue
        self._limit = limit
        self._wait = _LONGEST_WAIT if follow else 0.0
        self._interrupts = interrupts
        self._diagnostics = context.diagnostics
        self._output = context.output
        config = store.queue_config(queue)
        require_lease(queue, config)
        warn_of_chaos(context, queue, config)
        self._lease = config.lease / 1000
        self._in_hand: list[str] = []
        self._printer = RecordPrinter[Message](
            context.output, interrupts, message_lines(context, format), None, limit
        )

    def run(self) -> int:
        """Print what was asked for, and return how many messages that were."""
        self._interrupts.hold()
        self._printer.while_waiting(max(self._lease / 3, 0.1), self._keep_leases)
        try:
            label, shown = f"consume {self._queue}", not self._wait and self._output.is_in_file
            with self._diagnostics.progress(label, shown=shown) as progress:
                if progress.is_shown:
                    ready = self._store.queue(self._queue).ready
                    progress.expect(lambda: self._printer.most(ready - self._printer.printed))
                self._print_all(progress)
            self._printer.finish()
        except KeyboardInterrupt:
            if not self._interrupts.is_stop:
                raise
        return self._printer.printed

    def _print_all(self, progress: Progress) -> None:
        while not self._printer.is_done:
            messages = self._receive()
            if messages:
                self._print(messages)
                progress.advance(len(messages))
            elif self._interrupts.has_come():
                raise KeyboardInterrupt
            elif not self._wait:
                return

    def _receive(self) -> list[Message]:
        try:
            return self._store.receive(
                self._queue, self._most(), self._wait, attached=True,
                until=self._interrupts.has_come,
            )  # fmt: skip
        except Damaged as damage:
            # With nothing left to print it is what this run ends with.
            if not self._wait or not damage.addresses:
                raise
            self._diagnostics.warning(damage.message)
            return []

    def _most(self) -> int:
        return _BATCH if self._limit is None else min(_BATCH, self._limit - self._printer.printed)

    def _print(self, messages: Sequence[Message]) -> None:
        self._in_hand = [message.receipt for message in messages if message.receipt is not None]
        written = 0
        try:
            written = self._printer.print(messages)
            crash_point("consume.printed")
            self._store.ack(self._in_hand[:written])
        finally:
            self._give_back(self._in_hand[written:])
        self._printer.check()

    def _give_back(self, receipts: Sequence[str]) -> None:
        # What can't be given back, or was lost meanwhile, is delivered again all the same.
        with suppress(MqError):
            if receipts:
                self._store.unreceive(receipts)

    def _keep_leases(self) -> None:
        # What is lost all the same is told by the ack.
        with suppress(MqError):
            self._store.extend(self._in_hand, self._lease)
