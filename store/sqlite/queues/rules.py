"""Which settings a queue may have, on their own and beside what the queue is already."""

from __future__ import annotations

from store.model import chaos
from store.model.addresses import EXCHANGE_PREFIX, check_name
from store.model.encoding import check_kinds, encode_bytes
from store.model.errors import BadInput
from store.model.messages import QueueConfig
from store.sqlite import exchanges
from store.sqlite.file.connections import LARGEST_VALUE

LONGEST_TIME = 10 * 365 * 86_400_000
SCOPES = ("queue", "group")
OVERFLOWS = ("drop-head", "reject", "dead-letter")
# SQS: a redrive-allow policy names at most ten sources.
MOST_SOURCES = 10


def check_settings(name: str, config: QueueConfig) -> None:
    """Raise `BadInput` for settings that can't work, whatever else is in the store."""
    check_kinds(config)
    _check_times(config)
    _check_numbers(config)
    _check_fifo(config)
    _check_delivery_limit(name, config)
    _check_fair(config)
    _check_length_limits(config)
    _check_redrive_allow(config)
    if config.chaos is not None:
        chaos.check(config.chaos, fifo=config.fifo, fair=config.fair)


def check_change(name: str, before: QueueConfig, after: QueueConfig, messages: int) -> None:
    """Raise `BadInput` for a change that can't be made to a queue as it stands."""
    if after.fifo != before.fifo:
        raise BadInput(
            f"{name} can't be turned {'into' if after.fifo else 'from'} a FIFO queue",
            hint="create another queue and move the messages",
        )
    if after.priorities < before.priorities:
        raise BadInput(
            f"{name} has {before.priorities} priorities; they only grow",
            hint="create another queue and move the messages",
        )
    if after.fair != before.fair and messages:
        raise BadInput(
            f"{name} holds {messages} messages, which are not kept by tenant"
            if after.fair
            else f"{name} holds {messages} messages, which are kept by tenant",
            hint="change --fair while the queue is empty, or create another queue",
        )


def _check_times(config: QueueConfig) -> None:
    for setting in ("lease", "delay", "retention", "ttl", "wait"):
        if not 0 <= (getattr(config, setting) or 0) <= LONGEST_TIME:
            raise BadInput(f"{setting} is out of range", hint="from 0s to 3650d")
    if config.retention == 0:
        raise BadInput("retention must be more than 0")


def _check_numbers(config: QueueConfig) -> None:
    if not 1 <= config.max_message <= LARGEST_VALUE:
        raise BadInput("max_message must be between 1 byte and 64MiB")
    if not 1 <= config.priorities <= 256:
        raise BadInput("priorities must be 1 to 256", hint="--priorities 5 gives levels 0 to 4")
    if config.max_deliveries is not None and config.max_deliveries < 1:
        raise BadInput("max_deliveries must be at least 1")


def _check_fifo(config: QueueConfig) -> None:
    if config.dedup_scope not in SCOPES:
        raise BadInput(f"not a dedup scope: {config.dedup_scope!r}", "one of " + ", ".join(SCOPES))
    if config.dedup is not None and config.dedup < 1:
        raise BadInput("dedup must be more than 0")
    if config.fifo and config.priorities > 1:
        raise BadInput(
            "a FIFO queue has no priorities: they would break its order",
            hint="leave out --fifo or --priorities",
        )


def _check_delivery_limit(name: str, config: QueueConfig) -> None:
    if config.max_deliveries is not None and not (config.dlq or config.drop_exhausted):
        raise BadInput(
            "a delivery limit needs a place for what exceeds it",
            hint="--dlq QUEUE keeps it, --drop-exhausted loses it on purpose,"
            " --max-deliveries none sets no limit",
        )
    if config.dlq == name:
        raise BadInput(f"queue {name} can't be its own DLQ")
    _check_dead_letter_key(config)


def _check_dead_letter_key(config: QueueConfig) -> None:
    if config.dlq_key is None:
        return
    exchanges.tables.routing_key(encode_bytes(config.dlq_key, "dead-letter key"))
    if not (config.dlq or "").startswith(EXCHANGE_PREFIX):
        raise BadInput(
            "a dead-letter key is for an exchange to route by",
            hint="--dlq exchange:NAME, or --dlq-key none",
        )


def _check_fair(config: QueueConfig) -> None:
    if not config.fair:
        return
    if config.fifo:
        raise BadInput(
            "a FIFO queue serves its groups in turn as it is",
            hint="leave out --fifo or --fair",
        )
    if config.priorities > 1:
        raise BadInput(
            "a fair queue has no priorities: tenants come before levels",
            hint="leave out --priorities or --fair",
        )


def _check_length_limits(config: QueueConfig) -> None:
    if config.overflow not in OVERFLOWS:
        raise BadInput(f"not an overflow: {config.overflow!r}", "one of " + ", ".join(OVERFLOWS))
    if config.overflow == "dead-letter" and config.dlq is None:
        raise BadInput(
            "overflow dead-letter needs a DLQ for what exceeds the limit",
            hint="give --dlq QUEUE, or --overflow reject",
        )
    for setting in ("max_length", "max_bytes"):
        if (getattr(config, setting) or 0) < 0:
            raise BadInput(f"{setting} can't be negative")


def _check_redrive_allow(config: QueueConfig) -> None:
    if config.redrive_allow in {"all", "none"}:
        return
    sources = config.redrive_allow.split(",")
    for source in sources:
        check_name(source, "queue name in redrive_allow")
    if len(sources) > MOST_SOURCES:
        raise BadInput(
            f"redrive_allow names {len(sources)} queues; at most {MOST_SOURCES}",
            hint="--redrive-allow all",
        )
