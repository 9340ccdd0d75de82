"""Storing a stream of records in batches, each confirmed before the next begins."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Generic

from mq.cli.interrupts import Interrupts
from mq.write.destinations import Id
from mq.write.inputs import Named, named_error, named_failures
from mq.write.requests import BATCH_BYTES
from store.model.errors import BadRecord, MqError
from store.model.text import counted

if TYPE_CHECKING:
    from mq.write.destinations import Destination
    from store import NewRecord
    from store.engine.broker import Broker


class Loader(Generic[Id]):
    """Stores records in a destination; `confirm` is called with the records of each transaction."""

    def __init__(
        self, store: Broker, destination: Destination[Id], *,
        batch: int, confirm: Callable[[list[Id]], None], interrupts: Interrupts,
    ) -> None:  # fmt: skip
        self.stored = 0
        self.skipped = 0
        self._store = store
        self._destination = destination
        self._batch = batch
        self._confirm = confirm
        self._interrupts = interrupts
        self._pending: list[NewRecord] = []
        self._names: list[str] = []
        self._size = 0

    def load(self, records: Named) -> None:
        """Store all records, which come with their names in errors, such as `line 17`.

        An error says how many records are stored all the same.
        """
        try:
            for name, record in records:
                if self.skipped < self._destination.stored_before:
                    self.skipped += 1
                else:
                    self._add(name, record)
            self.flush()
        except MqError as error:
            if self.stored:
                before = f"{counted(self.stored, self._destination.noun)} before it"
                sentence = f"{before} {'is' if self.stored == 1 else 'are'} stored"
                error.args = (f"{error.message}; {sentence}",)
            raise

    def flush(self) -> None:
        """Store the waiting batch; a signal then waits for its confirmation."""
        if not self._pending:
            return
        try:
            self._store_pending()
        except BaseException as error:
            # The failure says more than a signal that waited.
            with suppress(KeyboardInterrupt):
                self._interrupts.release()
            if isinstance(error, BadRecord):
                raise named_error(self._names[error.index], error) from error
            if isinstance(error, MqError) and error.failures:
                names = named_failures(self._names, list(map(int, error.failures)))
                error.args = (f"{names}: {error.message}" if names else error.message,)
            raise
        self._interrupts.release()

    def _store_pending(self) -> None:
        with self._store.batch(self._destination.producer, self.skipped + self.stored) as batch:
            self._interrupts.hold()
            ids = self._destination.write(batch, self._pending)
        self._count_stored(ids)
        self._confirm(ids)

    def _add(self, name: str, record: NewRecord) -> None:
        size = len(record.value or b"") + len(record.key or b"")
        if self._size + size > BATCH_BYTES:
            self.flush()
        self._pending.append(record)
        self._names.append(name)
        self._size += size
        if len(self._pending) >= self._batch:
            self.flush()

    def _count_stored(self, ids: list[Id]) -> None:
        # A named producer leaves out what it stored before.
        self.stored += len(ids)
        self.skipped += len(self._pending) - len(ids)
        self._destination.count_stored(self._pending, ids)
        self._pending, self._names, self._size = [], [], 0
