"""`mq work`: a command once per message of a queue, or per record of a share or topic."""

import math
import signal
from dataclasses import dataclass
from typing import Annotated

import typer

from mq.cli.chaos import warn_of_chaos
from mq.cli.context import Context, current_context
from mq.cli.interrupts import STOPS, Interrupts
from mq.commands import SingleCommand
from mq.commands.membership_options import (
    DEFAULT_SESSION_TIMEOUT,
    LONGEST_PRINTING,
    Command,
    Group,
)
from mq.read.lease_length import require_lease
from mq.work.processes import require_command
from mq.work.sources import QueueWork, ShareWork
from mq.work.topic import TopicWork
from mq.work.worker import OnFailure, Policy, Worker
from store.api.store import Store
from store.model.addresses import check_name
from store.model.errors import BadInput, Conflict, MqError, NotFound
from store.model.messages import Message
from store.model.shares import SharedRecord
from store.model.text import counted, parse_duration
from store.model.topics import Record

app = SingleCommand()

MOST_PREFETCHED = 2000
DEFAULT_RETRY_DELAY = 1.0


@dataclass(frozen=True)
class Request:
    """What the command line asks for; times in seconds."""

    source: str
    group: str | None
    command: list[str]
    jobs: int
    prefetch: int
    timeout: float
    retry_delay: float | None
    on_failure: OnFailure
    once: bool

    def policy(self, *, has_own_delays: bool = False) -> Policy:
        """How the work is done; a queue's own retry delays count unless one was given."""
        delay = self.retry_delay
        if delay is None and not has_own_delays:
            delay = DEFAULT_RETRY_DELAY
        return Policy(
            self.command, self.jobs, self.prefetch, self.timeout, delay, self.on_failure, self.once
        )


@app.command()
def work(
    source: Annotated[
        str, typer.Argument(metavar="SOURCE", help="A queue, a share, or a topic with -g.")
    ],
    command: Command,
    group: Group = None,
    jobs: Annotated[
        int, typer.Option(min=1, metavar="N", help="How many commands run at once.")
    ] = 1,
    prefetch: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=MOST_PREFETCHED,
            metavar="N",
            help="How many messages are leased at once; as many as jobs, unless given.",
        ),
    ] = None,
    command_timeout: Annotated[
        str | None,
        typer.Option(
            metavar="DURATION", help="A command that runs longer is ended, and has failed."
        ),
    ] = None,
    retry_delay: Annotated[
        str | None,
        typer.Option(
            metavar="DURATION",
            help="What is waited before the second try; doubled each time, to an hour at most."
            " Else a queue's own retry delays, else 1s.",
        ),
    ] = None,
    on_failure: Annotated[
        OnFailure, typer.Option(help="What becomes of a message whose command failed.")
    ] = OnFailure.RETRY,
    once: Annotated[
        bool,
        typer.Option("--once", help="Try once what is there, and end with 1 if any of it failed."),
    ] = False,
) -> None:
    """Run a command once per message of a queue, or record of a topic; exit 0 acknowledges.

    The value is the command's stdin; its environment has MQ_ADDRESS, MQ_QUEUE and MQ_ID or
    MQ_TOPIC, MQ_PARTITION and MQ_OFFSET, MQ_RECEIPT of a queue or share, MQ_KEY, MQ_DELIVERIES,
    MQ_STORE and MQ_HEADER_NAME for each header. A command that ends with anything but 0 has failed,
    and its last line on stderr tells why: it is kept with the message. Leases are renewed while it
    runs.

    An acknowledgement or commit may be refused: the lease was lost meanwhile, or the partition has
    another owner. That is warned of, and with --once the exit code is 4.

    A share's records come like a queue's messages, to any number of workers. To a group a topic's
    records come one at a time per partition, in order: one that fails holds its partition
    up until it succeeds, is skipped, leaves the log or goes to the group's DLQ; with --once, that
    partition ends there.

    Follows until interrupted, unless --once says otherwise. Ctrl-C, SIGTERM or SIGHUP lets the
    commands that run finish and gives everything else back as if it had not been delivered; a
    second one ends the commands as well. After kill -9 its messages are delivered again within
    seconds, but a command that was running goes on.
    """
    number = jobs if prefetch is None else prefetch
    if number > MOST_PREFETCHED:
        raise BadInput(f"--jobs is at most {MOST_PREFETCHED}, not {jobs}")
    request = Request(
        check_name(source, "topic or queue name"), group, command, jobs, number,
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
        if kind == "queue":
            _work_on_queue(context, store, request, interrupts)
        elif kind == "share":
            _work_on_share(context, store, request, interrupts)
        else:
            _work_on_topic(context, store, request, interrupts)


def _positive(duration: str) -> float:
    milliseconds = parse_duration(duration)
    if not milliseconds:
        raise BadInput("--command-timeout can't be 0", hint="leave it out for no limit")
    return milliseconds / 1000


def _work_on_queue(
    context: Context, store: Store, request: Request, interrupts: Interrupts
) -> None:
    config = store.queue_config(request.source)
    warn_of_chaos(context, request.source, config)
    _check_leasing(request, "queue", config.dlq)
    require_lease(request.source, config)
    interrupts.hold()
    source = QueueWork(store, request.source, once=request.once)
    policy = request.policy(has_own_delays=bool(config.retry_delays))
    _run(
        context, Worker[Message](store, source, policy, interrupts, context.diagnostics),
        request, interrupts,
    )  # fmt: skip


def _work_on_share(
    context: Context, store: Store, request: Request, interrupts: Interrupts
) -> None:
    _check_leasing(request, "share", store.share(request.source).config.dlq)
    interrupts.hold()
    source = ShareWork(store, request.source, once=request.once)
    _run(
        context,
        Worker[SharedRecord](store, source, request.policy(), interrupts, context.diagnostics),
        request, interrupts,
    )  # fmt: skip


def _check_leasing(request: Request, kind: str, dlq: str | None) -> None:
    name = request.source
    if request.group is not None:
        raise BadInput(
            f"{name} is a {kind}: it gives each message to one of its readers",
            hint="-g is for a topic",
        )
    if request.on_failure is OnFailure.DEAD_LETTER and dlq is None:
        raise BadInput(f"{name} has no DLQ", hint=f"mq {kind} alter {name} --dlq QUEUE")


def _work_on_topic(
    context: Context, store: Store, request: Request, interrupts: Interrupts
) -> None:
    topic = store.topic(request.source)
    if request.group is None:
        raise BadInput(f"{topic.name} is a topic: a group reads it", hint="name it with -g")
    if request.on_failure is OnFailure.DEAD_LETTER:
        _check_dlq_of_group(store, request.group)
    session_timeout = parse_duration(DEFAULT_SESSION_TIMEOUT) / 1000
    consumer = store.consumer(
        request.group,
        [request.source],
        session_timeout=session_timeout,
        max_poll_interval=LONGEST_PRINTING,
        timeout=context.timeout,
    )
    interrupts.hold()
    source = TopicWork(
        store, consumer, request.source, session_timeout, context.diagnostics, once=request.once
    )
    _run(
        context, Worker[Record](store, source, request.policy(), interrupts, context.diagnostics),
        request, interrupts,
    )  # fmt: skip


def _check_dlq_of_group(store: Store, group: str) -> None:
    try:
        dlq, verb = store.group(group).config.dlq, "alter"
    except NotFound:
        dlq, verb = None, "create"
    if dlq is None:
        raise BadInput(
            f"group {group} has no DLQ",
            hint=f"mq group {verb} {group} --max-deliveries N --dlq QUEUE",
        )


def _run(
    context: Context, worker: Worker[Message] | Worker[SharedRecord] | Worker[Record],
    request: Request, interrupts: Interrupts,
) -> None:  # fmt: skip
    worker.run()
    if interrupts.received == signal.SIGINT:
        raise KeyboardInterrupt
    tried = counted(worker.succeeded + worker.failed, "run")
    if request.once and worker.refusal is not None:
        raise _summed_up(worker.refusal, worker.refused)
    if request.once and worker.failed:
        raise MqError(f"{worker.failed:,} of {tried} failed")
    context.diagnostics.success(f"{tried} on {request.source}, {worker.failed:,} failed")


def _summed_up(first: Conflict, refused: int) -> Conflict:
    if refused == 1:
        return first
    return type(first)(f"{first.message}; {refused - 1:,} more were refused", first.hint)
