"""`mq work`: a command once per message of a queue, or per record of a share or topic."""

import math
import signal
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from mq.cli.context import Context, current_context
from mq.cli.interrupts import STOPS, Interrupts
from mq.commands import SingleCommand
from mq.commands.membership_options import (
    DEFAULT_SESSION_TIMEOUT,
    Command,
    Group,
)
from mq.read.group import Subscription
from mq.read.leases import QueueSource, ShareSource, require_lease, warn_of_chaos
from mq.read.partitions import PartitionSource
from mq.read.source import Item, Source
from mq.work.live import live_work
from mq.work.processes import require_command
from mq.work.worker import OnFailure, Policy, Worker
from store import model
from store.engine.features import Feature
from store.model.addresses import Kind, check_name
from store.model.errors import BadInput, Conflict, Hint, MqError
from store.model.text import counted, parse_duration

if TYPE_CHECKING:
    from store.engine.broker import Broker


app = SingleCommand()

MOST_PREFETCHED = 2000
DEFAULT_RETRY_DELAY = 1.0


@app.command()
def work(
    source: Annotated[
        str, typer.Argument(metavar="SOURCE", help="A queue, a share, or a topic with -g.")
    ],
    command: Command,
    group: Group = None,
    jobs: Annotated[int, typer.Option(min=1, metavar="N", help="Commands at once.")] = 1,
    prefetch: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=MOST_PREFETCHED,
            metavar="N",
            help="Messages leased at once (as many as jobs).",
        ),
    ] = None,
    command_timeout: Annotated[
        str | None,
        typer.Option(
            metavar="DURATION", help="Longest run; a longer one is ended, and has failed."
        ),
    ] = None,
    retry_delay: Annotated[
        str | None,
        typer.Option(
            metavar="DURATION",
            help="Wait before the second try, then doubled (the queue's, 1s).",
        ),
    ] = None,
    on_failure: Annotated[
        OnFailure, typer.Option(help="Fate of a message whose command failed.")
    ] = OnFailure.RETRY,
    once: Annotated[
        bool,
        typer.Option("--once", help="One try per present message; exit 1 after a failure."),
    ] = False,
) -> None:
    """Run a command once per message of a queue, or record of a topic; exit 0 acknowledges.

    The value is the command's stdin; its environment has MQ_ADDRESS, MQ_QUEUE and MQ_ID or
    MQ_TOPIC, MQ_PARTITION and MQ_OFFSET, MQ_RECEIPT of a queue or share, MQ_KEY, MQ_DELIVERIES,
    MQ_STORE and MQ_HEADER_NAME for each header. A command that ends with another code than 0 has
    failed, and its last line on stderr is kept with the message as the reason. Leases are renewed
    while it runs.

    An acknowledgement or commit may be refused: the lease was lost meanwhile, or the partition has
    another owner. A warning says so, and with --once the exit code is 4.

    A share's records come like a queue's messages, to any number of workers. To a group a topic's
    records come one at a time per partition, in order: one that fails holds its partition up until
    it succeeds, is skipped, leaves the log or goes to the group's DLQ; with --once, that partition
    ends there.

    On a terminal the last row has what is done, failed and running, and each kind of error is told
    once; off one every error is.

    Follows until interrupted, unless --once says otherwise. Ctrl-C, SIGTERM or SIGHUP lets the
    commands that run finish and gives everything else back as if it had not been delivered; a
    second one ends the commands as well. After kill -9 its messages are delivered again within
    seconds, but a command that was running goes on.
    """
    number = jobs if prefetch is None else prefetch
    if number > MOST_PREFETCHED:
        raise BadInput(f"--jobs is at most {MOST_PREFETCHED}, not {jobs}")
    check_name(source, "topic or queue name")
    policy = Policy(
        command, jobs, number,
        math.inf if command_timeout is None else _positive(command_timeout),
        None if retry_delay is None else parse_duration(retry_delay) / 1000,
        on_failure, once,
    )  # fmt: skip
    require_command(command)
    context = current_context()
    with (
        context.open_store() as store,
        Interrupts(signal.SIGINT, *STOPS) as interrupts,
    ):
        kind = store.kind(source, "topic") if group else store.kind(source, "queue", "share")
        work = _Work(context, store, source, policy, interrupts)
        if kind != "topic" and group is not None:
            raise BadInput(
                f"{source} is a {kind}: it gives each message to one of its readers",
                hint="-g is for a topic",
            )
        if kind == "queue":
            work.on_queue()
        elif kind == "share":
            work.on_share()
        else:
            work.on_topic(group)


def _positive(duration: str) -> float:
    milliseconds = parse_duration(duration)
    if not milliseconds:
        raise BadInput("--command-timeout can't be 0", hint="leave it out for no limit")
    return milliseconds / 1000


class _Work:
    """One run of the command."""

    def __init__(
        self, context: Context, store: "Broker", source: str, policy: Policy, interrupts: Interrupts
    ) -> None:
        self._context = context
        self._store = store
        self._source = source
        self._policy = policy
        self._interrupts = interrupts

    def on_queue(self) -> None:
        """Work on messages of a queue; its own retry delays count unless one was given."""
        name, config = self._source, self._store.queue_config(self._source)
        warn_of_chaos(self._context.diagnostics, name, config)
        self._check_dlq("queue", config.dlq)
        require_lease(name, config)
        self._interrupts.hold()
        source = QueueSource(self._store, name, once=self._policy.once, singly=config.fifo)
        self._run(source, default_delay=None if config.retry_delays else DEFAULT_RETRY_DELAY)

    def on_share(self) -> None:
        """Work on records through a share."""
        self._check_dlq("share", self._store.share(self._source).config.dlq)
        self._interrupts.hold()
        self._run(ShareSource(self._store, self._source, once=self._policy.once))

    def on_topic(self, group: str | None) -> None:
        """Work on a topic's records as a member of a group."""
        topic = self._store.topic(self._source)
        if group is None:
            raise BadInput(f"{topic.name} is a topic: a group reads it", hint="name it with -g")
        if self._policy.on_failure is OnFailure.DEAD_LETTER:
            self._store.require_dead_letters(group, topic.name)
        subscription = Subscription(
            group, topic.name, parse_duration(DEFAULT_SESSION_TIMEOUT) / 1000
        )
        source = PartitionSource(self._context, self._store, subscription, once=self._policy.once)
        self._interrupts.hold()
        self._run(source)

    def _check_dlq(self, kind: Kind, dlq: str | None) -> None:
        if kind == "queue" and self._policy.on_failure is OnFailure.DEAD_LETTER:
            self._store.features.need(Feature.REJECT)
        if self._policy.on_failure is OnFailure.DEAD_LETTER and dlq is None:
            name = self._source
            raise BadInput(
                f"{name} has no DLQ",
                hint=Hint("{}", model.actions.alter(kind, name, dlq=model.actions.Blank("QUEUE"))),
            )

    def _run(self, source: Source[Item], default_delay: float | None = DEFAULT_RETRY_DELAY) -> None:
        policy, diagnostics = self._policy, self._context.diagnostics
        if policy.retry_delay is None:
            policy = replace(policy, retry_delay=default_delay)
        with live_work(self._source, diagnostics) as live:
            worker = Worker(self._store, source, policy, self._interrupts, diagnostics, live)
            worker.run()
        if self._interrupts.received == signal.SIGINT:
            raise KeyboardInterrupt
        tried = counted(worker.succeeded + worker.failed, "run")
        if policy.once and worker.refusal is not None:
            raise _summed_up(worker.refusal, worker.refused)
        if policy.once and worker.failed:
            raise MqError(f"{worker.failed:,} of {tried} failed")
        diagnostics.success(f"{tried} on {self._source}, {worker.failed:,} failed")


def _summed_up(first: Conflict, refused: int) -> Conflict:
    if refused == 1:
        return first
    return type(first)(f"{first.message}; {refused - 1:,} more were refused", first.hint)
