"""`mq queue alter`: change settings, and say from what to what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mq.cli.context import current_context
from mq.commands.options.reporting import DryRun, report_done
from mq.commands.options.setting_changes import CHANGES, Change, changed_settings, sentence_of
from mq.commands.queue.options import (
    Chaos,
    ContentDedup,
    DeadLetterKey,
    DeadLetterQueue,
    Dedup,
    DedupScope,
    Delay,
    DropExhausted,
    Fair,
    Fifo,
    Lease,
    MaxBytes,
    MaxDeliveries,
    MaxLength,
    MaxMessage,
    Overflow,
    Priorities,
    RedriveAllow,
    Retention,
    RetryDelays,
    SingleActive,
    Ttl,
    Wait,
    queue_settings,
)
from store.model.discarding import queue_keeps_less
from store.model.errors import BadInput

if TYPE_CHECKING:
    from store.model.messages import QueueConfig
    from store.model.queues import QueueStatus


def alter(
    name: Annotated[str, typer.Argument(metavar="NAME")],
    fifo: Fifo = None,
    lease: Lease = None,
    delay: Delay = None,
    retention: Retention = None,
    max_deliveries: MaxDeliveries = None,
    dlq: DeadLetterQueue = None,
    dlq_key: DeadLetterKey = None,
    drop_exhausted: DropExhausted = None,
    retry_delays: RetryDelays = None,
    dedup: Dedup = None,
    content_dedup: ContentDedup = None,
    dedup_scope: DedupScope = None,
    priorities: Priorities = None,
    ttl: Ttl = None,
    max_length: MaxLength = None,
    max_bytes: MaxBytes = None,
    overflow: Overflow = None,
    single_active: SingleActive = None,
    fair: Fair = None,
    redrive_allow: RedriveAllow = None,
    wait: Wait = None,
    max_message: MaxMessage = None,
    chaos: Chaos = None,
    dry_run: DryRun = False,
) -> None:
    """Change settings of a queue; what is not given stays, and so do the messages.

    Messages that are over a changed limit go at once: to the DLQ what was delivered as often as it
    may be now. Keeping messages for less time than before, or fewer of them, can't be taken back:
    it is asked about on a terminal and needs --yes off it. Whether a queue is FIFO can't change.
    """
    settings = queue_settings(
        fifo=fifo, lease=lease, delay=delay, retention=retention, max_deliveries=max_deliveries,
        dlq=dlq, dlq_key=dlq_key, drop_exhausted=drop_exhausted, retry_delays=retry_delays,
        dedup=dedup, content_dedup=content_dedup, dedup_scope=dedup_scope, priorities=priorities,
        ttl=ttl, max_length=max_length, max_bytes=max_bytes, overflow=overflow,
        single_active=single_active, fair=fair, redrive_allow=redrive_allow, wait=wait,
        max_message=max_message, chaos=chaos,
    )  # fmt: skip
    if not settings:
        raise BadInput("there is nothing to change", hint=f"mq queue alter {name} --lease 1m")
    context = current_context()
    with context.open_store() as store:
        changes = _changes(store.queue(name), store.plan_queue_alter(name, **settings))
        if not dry_run:
            for change in changes:
                if change.risk:
                    context.confirm(
                        f"This can't be taken back. Queue {name}, {change.setting} {change.old} ->"
                        f" {change.new}: {change.risk}."
                    )
            store.alter_queue(name, **settings)
    if dry_run:
        context.output.listing(CHANGES, changes)
    else:
        report_done(context, CHANGES, changes, f"queue {name}: {sentence_of(changes)}")


def _changes(before: QueueStatus, after: QueueConfig) -> list[Change]:
    risks = queue_keeps_less(before.config, after, before.messages, before.bytes)
    return [
        change._replace(risk=risks.get(change.setting))
        for change in changed_settings(before.config, after)
    ]
