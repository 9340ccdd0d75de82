"""Passing records or messages through a command: its outputs and our place commit together."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from itertools import takewhile
from typing import TYPE_CHECKING

from mq.read.source import Item, Source
from mq.work.filter import Filter, FilterFailed
from store.crash import crash_point
from store.model.errors import BadInput, MqError
from store.model.messages import NewMessage

if TYPE_CHECKING:
    from store.engine.broker import Broker
    from store.engine.transactions import Outputs


class NoLine(BadInput):
    """A value that has a newline in it, which a command that reads lines can't be given."""


class Sink:
    """The topic or queue that the output lines go to; they have no key."""

    def __init__(self, store: Broker, name: str) -> None:
        self._name = name
        self._is_queue = store.kind(name, "topic", "queue") == "queue"
        problem = _problem_of_queue(store, name) if self._is_queue else _problem(store, name)
        if problem is not None:
            raise BadInput(
                f"{name} {problem}, and a line of output has none",
                hint="choose another destination",
            )

    def write(self, tx: Outputs, lines: Sequence[bytes]) -> None:
        """Store output lines."""
        if self._is_queue:
            tx.send_many(self._name, [NewMessage(line) for line in lines])
        else:
            tx.produce_many(self._name, lines)


class Pipe:
    """Passes batches from a source through a filter to a sink; counts what it took and stored."""

    def __init__(self, store: Broker, filter: Filter, sink: Sink) -> None:
        self.taken = 0
        self.stored = 0
        self._store = store
        self._filter = filter
        self._sink = sink

    def run(self, source: Source[Item], batches: Iterable[Sequence[Item]]) -> None:
        """Pass on each batch that the source gives.

        Raises `FilterFailed` and `NoLine`; that batch is then not stored.
        """
        for batch in batches:
            lines = list(takewhile(_is_a_line, batch))
            rest = batch[len(lines) :]
            if lines:
                with _begun(source, lines, rest):
                    self._pass_on(source, lines, batch)
            if rest:
                with _begun(source, rest[:1], rest[1:]):
                    raise NoLine(
                        f"the value of {rest[0].address} has a newline in it, and the command reads"
                        " lines",
                        hint="store such values as JSON, where a newline is \\n; to pass over this"
                        f" one: {source.skip_command(rest[0])}",
                    )

    def _pass_on(self, source: Source[Item], items: Sequence[Item], batch: Sequence[Item]) -> None:
        crash_point("pipe.polled")
        values = [item.value or b"" for item in items]
        keepalive = partial(source.keepalive, batch)
        outputs = self._filter.run(values, source.keepalive_interval, keepalive)
        crash_point("pipe.ran")
        # Nothing in here waits for another process, so the transaction needs no deadline.
        with self._store.transaction(timeout=math.inf) as tx:
            # The offsets first: they tell an engine whose transaction it is.
            source.done(items, tx)
            self._sink.write(tx, outputs)
        self.taken += len(items)
        self.stored += len(outputs)


@contextmanager
def _begun(source: Source[Item], items: Sequence[Item], rest: Sequence[Item]) -> Iterator[None]:
    """Give back the items not begun after an error; a begun item has been delivered, which
    counts.
    """
    try:
        yield
    except BaseException as error:
        source.give_back(rest)
        if isinstance(error, FilterFailed | NoLine):
            with suppress(MqError):
                source.failed(items, error.message)
        else:
            source.give_back(items, begun=True)
        raise


def _is_a_line(item: Item) -> bool:
    return b"\n" not in (item.value or b"")


def _problem_of_queue(store: Broker, name: str) -> str | None:
    return "is FIFO: its messages need a message group" if store.queue_config(name).fifo else None


def _problem(store: Broker, name: str) -> str | None:
    compacted = "compact" in store.topic(name).config.cleanup
    return "is compacted: its records need a key" if compacted else None
