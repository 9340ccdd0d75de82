"""`mq pipe`: a filter between a topic or queue and another one, exactly once."""

import signal
from dataclasses import dataclass
from typing import Annotated

import typer

from mq.cli.context import Context, current_context
from mq.cli.interrupts import STOPS, Interrupts
from mq.commands import SingleCommand
from mq.commands.membership_options import (
    DEFAULT_SESSION_TIMEOUT,
    Command,
    Group,
    Member,
    SessionTimeout,
)
from mq.commands.options.reporting import report_document
from mq.read.group import GroupSource, Subscription
from mq.read.leases import QueueSource, require_lease
from mq.read.source import BATCH_RECORDS, Item, Source, batches
from mq.read.topic import Until
from mq.work.filter import Filter
from mq.work.pipe import Pipe, Sink
from store import Store
from store.model.addresses import check_name
from store.model.errors import BadInput
from store.model.messages import Message
from store.model.positions import parse_position
from store.model.text import counted, parse_duration
from store.model.topics import Record

app = SingleCommand()


@dataclass(frozen=True)
class _Request:
    """What the command line asks for; `session_timeout` in seconds."""

    source: str
    destination: str
    group: str | None
    member: str | None
    session_timeout: float
    start: str | None
    batch: int
    once: bool


@app.command()
def pipe(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="A topic, with -g, or a queue.")],
    destination: Annotated[str, typer.Argument(metavar="DEST", help="A topic or a queue.")],
    command: Command,
    group: Group = None,
    batch: Annotated[
        int,
        typer.Option(min=1, max=10_000, metavar="N", help="How many values a run gets at most."),
    ] = BATCH_RECORDS,
    once: Annotated[
        bool, typer.Option("--once", help="End at the end that was there at the start.")
    ] = False,
    start: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="OFFSET-WORD",
            help="Where a group begins that has committed nothing (earliest).",
        ),
    ] = None,
    member: Member = None,
    session_timeout: SessionTimeout = DEFAULT_SESSION_TIMEOUT,
) -> None:
    """Pass values through a command, and store its output exactly once.

    COMMAND runs once per batch: values come in as lines, to the end of its stdin, and each line
    that it prints becomes a record or message. If it ends with 0, its output and the group's
    offsets (of a queue: the acknowledgements) are stored in one transaction. If not, nothing is
    stored, and mq pipe ends with 1; the next run begins with the same values. A value with a
    newline in it is refused. Follows until interrupted, unless --once says otherwise.
    """
    request = _Request(
        check_name(source, "topic or queue name"), check_name(destination, "topic or queue name"),
        group, member, parse_duration(session_timeout) / 1000, start, batch, once,
    )  # fmt: skip
    context = current_context()
    if source == destination:
        raise BadInput(f"{source} would be read and written for ever", hint="choose another DEST")
    with (
        context.open_file() as store,
        Interrupts(signal.SIGINT, *STOPS) as interrupts,
    ):
        run = _Run(context, store, request, command, interrupts)
        try:
            kind = store.kind(source, "topic") if group else store.kind(source, "queue")
            run.from_queue() if kind == "queue" else run.from_topic()
        except KeyboardInterrupt:
            if not interrupts.is_stop:
                raise
    report_document(
        context,
        {"source": source, "destination": destination, "taken": run.taken, "stored": run.stored},
        f"{run.taken:,} taken from {source}, {counted(run.stored, 'line')} stored in {destination}",
    )


class _Run:
    """One run of the command."""

    def __init__(
        self, context: Context, store: Store, request: _Request, command: list[str],
        interrupts: Interrupts,
    ) -> None:  # fmt: skip
        self.taken = 0
        self.stored = 0
        self._context = context
        self._store = store
        self._request = request
        self._interrupts = interrupts
        self._filter = Filter(command, store.location, context.diagnostics, interrupts)
        self._sink = Sink(store, request.destination)

    def from_topic(self) -> None:
        """Read as a member of the group, and leave it at the end."""
        request, store = self._request, self._store
        topic = store.topic(request.source)
        if request.group is None:
            raise BadInput(f"{topic.name} is a topic: a group reads it", hint="name it with -g")
        start = parse_position(request.start or "earliest", store.wall())
        subscription = Subscription(
            request.group, request.source, request.session_timeout, request.member, start
        )
        source = GroupSource(
            self._context,
            store,
            subscription,
            self._interrupts,
            until=Until(),
            follow=not request.once,
        )
        self._interrupts.hold()
        self._run(Pipe[Record](store, source, self._filter, self._sink), source)

    def from_queue(self) -> None:
        """Lease messages, and acknowledge them with the outputs."""
        request = self._request
        if request.group is not None or request.start is not None or request.member is not None:
            raise BadInput(
                f"{request.source} is a queue: each message goes to one reader",
                hint="-g, --from and --member are for a topic",
            )
        require_lease(request.source, self._store.queue_config(request.source))
        self._interrupts.hold()
        source = QueueSource(self._store, request.source, once=request.once)
        self._run(Pipe[Message](self._store, source, self._filter, self._sink), source)

    def _run(self, pipe: Pipe[Item], source: Source[Item]) -> None:
        try:
            with source:
                pipe.run(
                    batches(
                        source, lambda: self._request.batch, self._interrupts,
                        self._context.diagnostics, follow=not self._request.once,
                    )
                )  # fmt: skip
        finally:
            self.taken, self.stored = pipe.taken, pipe.stored
