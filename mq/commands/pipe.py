"""`mq pipe`: a filter between a topic or queue and another one, exactly once."""

import signal
from typing import TYPE_CHECKING, Annotated

import typer

from mq.cli.context import Context, current_context
from mq.cli.interrupts import STOPS, Interrupts
from mq.cli.reporting import report_document
from mq.commands import SingleCommand
from mq.commands.membership_options import (
    DEFAULT_SESSION_TIMEOUT,
    Command,
    Group,
    Member,
    SessionTimeout,
)
from mq.read.group import GroupSource, Subscription
from mq.read.leases import QueueSource, require_lease
from mq.read.source import BATCH_RECORDS, Item, Source, batches
from mq.read.topic import Until
from mq.work.filter import Filter
from mq.work.pipe import Pipe, Sink
from store.engine.features import Feature
from store.model.addresses import check_name
from store.model.errors import BadInput
from store.model.positions import parse_position
from store.model.text import counted, parse_duration

if TYPE_CHECKING:
    from store.engine.broker import Broker

app = SingleCommand()


@app.command()
def pipe(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="A topic, with -g, or a queue.")],
    destination: Annotated[str, typer.Argument(metavar="DEST", help="A topic or a queue.")],
    command: Command,
    group: Group = None,
    batch: Annotated[
        int,
        typer.Option(min=1, max=10_000, metavar="N", help="Most values per run."),
    ] = BATCH_RECORDS,
    once: Annotated[
        bool, typer.Option("--once", help="End at the last record present at the start.")
    ] = False,
    start: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="OFFSET-WORD",
            help="Start of a group without commits (earliest).",
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
    for name in (source, destination):
        check_name(name, "topic or queue name")
    seconds = parse_duration(session_timeout) / 1000
    context = current_context()
    if source == destination:
        raise BadInput(f"{source} would be read and written for ever", hint="choose another DEST")
    with (
        context.open_store() as store,
        Interrupts(signal.SIGINT, *STOPS) as interrupts,
    ):
        store.features.need(Feature.TRANSACTIONS)
        filter = Filter(command, store.location, context.diagnostics, interrupts)
        run = _Run(context, store, interrupts, batch, once=once)
        pipe = Pipe(store, filter, Sink(store, destination))
        try:
            kind = store.kind(source, "topic") if group else store.kind(source, "queue")
            if kind == "queue":
                if group is not None or start is not None or member is not None:
                    raise BadInput(
                        f"{source} is a queue: each message goes to one reader",
                        hint="-g, --from and --member are for a topic",
                    )
                run.queue(pipe, source)
            else:
                topic = store.topic(source).name
                if group is None:
                    raise BadInput(f"{topic} is a topic: a group reads it", hint="name it with -g")
                position = parse_position(start or "earliest", store.wall())
                run.topic(pipe, Subscription(group, topic, seconds, member, position))
        except KeyboardInterrupt:
            if not interrupts.is_stop:
                raise
    report_document(
        context,
        {"source": source, "destination": destination, "taken": pipe.taken, "stored": pipe.stored},
        f"{pipe.taken:,} taken from {source},"
        f" {counted(pipe.stored, 'line')} stored in {destination}",
    )


class _Run:
    """One run of the command, on a topic or a queue."""

    def __init__(
        self, context: Context, store: "Broker", interrupts: Interrupts, batch: int, *, once: bool
    ) -> None:
        self._context = context
        self._store = store
        self._interrupts = interrupts
        self._batch = batch
        self._once = once

    def topic(self, pipe: Pipe, subscription: Subscription) -> None:
        """Read as a member of the group, and leave it at the end."""
        source = GroupSource(
            self._context, self._store, subscription, self._interrupts,
            until=Until(), follow=not self._once,
        )  # fmt: skip
        self._run(pipe, source)

    def queue(self, pipe: Pipe, name: str) -> None:
        """Lease messages, and acknowledge them with the outputs."""
        require_lease(name, self._store.queue_config(name))
        self._run(pipe, QueueSource(self._store, name, once=self._once))

    def _run(self, pipe: Pipe, source: Source[Item]) -> None:
        self._interrupts.hold()
        with source:
            pipe.run(
                source,
                batches(
                    source, lambda: self._batch, self._interrupts, self._context.diagnostics,
                    follow=not self._once,
                ),
            )  # fmt: skip
