"""How `mq produce` and `mq publish` store their input, and say what was stored."""

import signal
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import TYPE_CHECKING

from mq.cli.context import Context, is_typed
from mq.cli.diagnostics import SilentProgress
from mq.cli.interrupts import Interrupts
from mq.text.framing import Framing, InputForm
from mq.write.destinations import Id
from mq.write.inputs import Named, from_file, from_values, opened, regular_size
from mq.write.loader import Loader
from mq.write.requests import LoadRequest, address_line, check_format
from store.model.errors import BadInput, MqError
from store.model.text import counted
from store.model.topics import NewRecord

if TYPE_CHECKING:
    from mq.text.strict_json import ValuePath
    from mq.write.destinations import Destination
    from mq.write.inputs import InputFile
    from store.engine.broker import Broker


def input_form(
    framing: Framing, key_delimiter: str | None, key_from: str | None, timestamp_from: str | None
) -> InputForm:
    """Return how the input is to be read; raises BadInput."""
    delimiter = None
    if key_delimiter is not None:
        from mq.text.format_string import parse_delimiter

        delimiter = parse_delimiter(key_delimiter)
    return InputForm(framing, delimiter, _path(key_from), _path(timestamp_from)).checked()


def _path(text: str | None) -> "ValuePath | None":
    if text is None:
        return None
    from mq.text.strict_json import ValuePath

    return ValuePath(text)


def check(context: Context, request: LoadRequest) -> None:
    """Raise BadInput for options that contradict each other."""
    check_format(context)
    keyed_by_input = request.form.key_delimiter is not None or request.form.key_from is not None
    if request.defaults.key is not None and keyed_by_input:
        raise BadInput("the key comes from one place", hint="give -k, -K or --key-from")
    if request.values and request.file is not None:
        raise BadInput("records come from one place", hint="give VALUEs, or a FILE with -f")
    if request.values and request.form.framing is Framing.CSV:
        raise BadInput("a row of CSV needs the header of its file", hint="-f FILE, or stdin")
    if request.tombstone:
        if request.values or request.file is not None:
            raise BadInput("a tombstone has no value", hint="leave out VALUE and -f")
        if request.defaults.key is None:
            raise BadInput("a tombstone needs the key that it deletes", hint="give it with -k")


def store_input(
    context: Context, store: "Broker", request: LoadRequest, destination: "Destination[Id]"
) -> None:
    """Store everything in a destination, confirming each batch, and report how much it was."""
    with Interrupts(signal.SIGINT) as interrupts, _progress(context, request) as progress:
        confirm = partial(_confirm, context, interrupts, progress, destination)
        loader = Loader(
            store, destination, batch=request.batch, confirm=confirm, interrupts=interrupts
        )
        try:
            with _records(context, request, loader, progress) as records:
                records = destination.apply_defaults(records)
                if _can_ask(context, request):
                    records = _asked(context, records, destination)
                loader.load(records)
        except KeyboardInterrupt:
            context.diagnostics.note(f"interrupted; {_stored(loader, destination)}")
            raise
        finally:
            for warning in destination.warnings():
                context.diagnostics.warning(warning)
    if loader.skipped:
        skipped = counted(loader.skipped, destination.noun)
        context.diagnostics.note(f"skipped {skipped} that {request.producer} stored before")
    if destination.duplicates:
        duplicates = counted(destination.duplicates, "duplicate")
        context.diagnostics.note(f"{duplicates} of messages sent before; not stored again")
    context.diagnostics.success(f"{_stored(loader, destination)} in {destination.name}")


def _can_ask(context: Context, request: LoadRequest) -> bool:
    """Return whether a person is there to be asked: the answer comes from stdin."""
    records_come_from_stdin = not request.values and request.file in {None, "-"}
    if records_come_from_stdin or context.yes or context.no_input:
        return False
    return is_typed() and context.diagnostics.is_terminal


def _asked(context: Context, records: Named, destination: "Destination[Id]") -> Named:
    """Ask once, before the first record that a person may not expect to lose."""
    for name, record in records:
        if doubt := destination.doubt(record):
            try:
                context.confirm(f"{name}: {doubt}" if name else doubt)
            except MqError:
                raise MqError("stopped before a record that cleaning would remove") from None
            yield name, record
            yield from records
            return
        yield name, record


def _stored(loader: Loader[Id], destination: "Destination[Id]") -> str:
    return f"{counted(loader.stored - destination.unstored(), destination.noun)} stored"


@contextmanager
def _records(
    context: Context, request: LoadRequest, loader: Loader[Id], progress: SilentProgress
) -> Iterator[Named]:
    if request.tombstone:
        yield iter([("", NewRecord(None))])
    elif request.values:
        yield from_values(request.values, request.form)
    else:
        with opened(request.file) as file:
            if file.isatty():
                context.diagnostics.success("reading records from the terminal; Ctrl-D ends them")
            if progress.is_shown:
                _measure(progress, file)
            yield from_file(file, request.form, loader.flush)


def _measure(progress: SilentProgress, file: "InputFile") -> None:
    """Measure progress by the bytes read of a file; the end of a pipe is not known."""
    size = regular_size(file)
    if size:
        progress.measure(lambda: file.tell() / size)


def _confirm(
    context: Context,
    interrupts: Interrupts,
    progress: SilentProgress,
    destination: "Destination[Id]",
    ids: list[Id],
) -> None:
    """Print where records were stored, whole even when a signal comes meanwhile."""
    progress.advance(len(ids))
    if context.format is None:
        return
    lines = b"".join(address_line(context.format, id, destination.document(id)) for id in ids)
    wait = partial(interrupts.wait_to_write, context.output.wait_until_writable, True)
    if not context.output.records([lines], lambda _begun: wait()) and interrupts.received is None:
        raise context.output.failure()


def _progress(context: Context, request: LoadRequest) -> AbstractContextManager[SilentProgress]:
    typed = not request.values and request.file is None and is_typed()
    shown = not typed and (context.format is None or context.output.is_in_file)
    return context.diagnostics.progress(f"store in {request.destination}", shown=shown)
