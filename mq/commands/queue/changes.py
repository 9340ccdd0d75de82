"""`mq queue alter`: change settings, and show the changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mq.cli.context import current_context
from mq.cli.reporting import DryRun, report_done
from mq.commands.options.setting_changes import (
    CHANGES,
    SettingChange,
    changed_settings,
    sentence_of,
)
from mq.commands.options.settings import Settings, with_settings
from store.model.discarding import queue_settings_that_discard
from store.model.errors import BadInput
from store.model.queues import QueueConfig
from store.model.settings import LARGEST_NUMBER

if TYPE_CHECKING:
    from store.model.queues import QueueStatus


@with_settings(QueueConfig(), alters=True)
def alter(
    name: Annotated[str, typer.Argument(metavar="NAME")],
    settings: Settings,
    dry_run: DryRun = False,
) -> None:
    """Change settings of a queue; the others stay, and so do the messages.

    Messages that are over a changed limit go at once: those that have used up a limit of deliveries
    to the DLQ. Keeping messages for less time than before, or fewer of them, can't be taken back:
    it is asked about on a terminal and needs --yes off it. Whether a queue is FIFO can't change.
    """
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


def _changes(before: QueueStatus, after: QueueConfig) -> list[SettingChange]:
    # An unknown size may be over any limit.
    size = LARGEST_NUMBER if before.bytes is None else before.bytes
    risks = queue_settings_that_discard(before.config, after, before.messages, size)
    return [
        change._replace(risk=risks.get(change.setting))
        for change in changed_settings(before.config, after)
    ]
