"""The sources of new records: arguments, a file or stdin."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO, UnsupportedOperation
from select import select
from typing import TYPE_CHECKING

from mq.cli.context import require_open
from mq.text.framing import Framing, InputForm, read_records
from store.model.errors import BadInput
from store.model.topics import NewRecord

_MOST_NAMED = 3
Named = Iterator[tuple[str, NewRecord]]
"""Records with their names in errors, such as `line 17`; empty where there is only one."""

if TYPE_CHECKING:
    from typing import Protocol

    class InputFile(Protocol):
        """A buffered binary file."""

        def isatty(self) -> bool:
            """Return whether a person types the input."""

        def fileno(self) -> int:
            """Return its descriptor; raises UnsupportedOperation for a buffer in memory."""

        def tell(self) -> int:
            """Return how many bytes of it were read."""

        def read(self, size: int = -1, /) -> bytes:
            """Read up to that many bytes."""

        def read1(self, size: int = -1, /) -> bytes:
            """Read the available bytes, up to that many."""


class PromptInput:
    """A stream of bytes that shows a prompt before a read has to wait for more."""

    def __init__(self, file: "InputFile", before_waiting: Callable[[], None]) -> None:
        self._file = file
        self._before_waiting = before_waiting

    def read(self, size: int = -1, /) -> bytes:
        """Read up to that many bytes."""
        return self._file.read(size)

    def read1(self, size: int = -1, /) -> bytes:
        """Read the available bytes, up to that many; wait only while there are none."""
        if not _has_something(self._file):
            self._before_waiting()
        return self._file.read1(size)


class KnownPartitions:
    """Lets records keep their former partition, where the topic has that many.

    `moved` counts those that go where their key takes them instead.
    """

    def __init__(self, number: int) -> None:
        self.moved = 0
        self._number = number

    def apply(self, record: NewRecord) -> NewRecord:
        """Take a partition away that the topic does not have."""
        if record.partition is None or record.partition < self._number:
            return record
        self.moved += 1
        record.partition = None
        return record


def from_values(values: Sequence[str], form: InputForm) -> Named:
    """Read a record from each argument, whatever bytes it has."""
    if form.framing is not Framing.NDJSON:
        form = form._replace(framing=Framing.WHOLE)
    for number, value in enumerate(values, 1):
        name = f"value {number}" if len(values) > 1 else ""
        try:
            for _, record in read_records(BytesIO(os.fsencode(value)), form):
                yield name, record
        except BadInput as error:
            raise named_error(name, error) from None


def from_file(file: "InputFile", form: InputForm, before_waiting: Callable[[], None]) -> Named:
    """Read the records of a file, which may be a pipe that is still written to."""
    nouns = {Framing.NUL: "record", Framing.WHOLE: ""}
    noun = nouns.get(form.framing, "line")
    for number, record in read_records(PromptInput(file, before_waiting), form):
        yield f"{noun} {number}" if noun else "", record


@contextmanager
def opened(path: str | None) -> "Iterator[InputFile]":
    """Open the file at that path, or stdin without one and for `-`; raises BadInput."""
    source = 0 if path is None or path == "-" else path
    if source == 0:
        require_open()
    try:
        file = open(source, "rb", closefd=source != 0)  # noqa: SIM115
    except OSError as error:
        raise BadInput(f"{path or 'stdin'} can't be read: {error.strerror}") from None
    with file:
        yield file


def regular_size(file: "InputFile") -> int | None:
    """Return how many bytes a file has; None for a pipe or a terminal, which has no size."""
    import stat

    status = os.fstat(file.fileno())
    return status.st_size if stat.S_ISREG(status.st_mode) else None


def changed(records: Named, change: Callable[[NewRecord], NewRecord]) -> Named:
    """Change each record."""
    return ((name, change(record)) for name, record in records)


def named_error(name: str, error: BadInput) -> BadInput:
    """Return the error with the name of its record in front."""
    return BadInput(f"{name}: {error.message}" if name else error.message, error.hint)


def named_failures(names: Sequence[str], indexes: Sequence[int]) -> str:
    """Return the names of the records of a batch that failed: `line 3, line 7`, or from to."""
    told = [names[index] for index in indexes]
    if len(told) > 2 and indexes[-1] - indexes[0] == len(told) - 1:
        return f"{told[0]} to {told[-1]}"
    more = f" and {len(told) - _MOST_NAMED} more" if len(told) > _MOST_NAMED else ""
    return ", ".join(told[:_MOST_NAMED]) + more


def _has_something(file: "InputFile") -> bool:
    try:
        return bool(select([file.fileno()], [], [], 0)[0])
    except UnsupportedOperation:
        return True
