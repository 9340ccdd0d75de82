"""Which settings a queue may have, on their own and beside what the queue is already."""

from __future__ import annotations

from store.model import chaos, settings
from store.model.addresses import EXCHANGE_PREFIX, check_name
from store.model.encoding import encode_bytes
from store.model.errors import BadInput, Hint
from store.model.exchanges import routing_key
from store.model.queues import QueueConfig

# SQS: a redrive-allow policy names at most ten sources.
MOST_SOURCES = 10


def check_settings(name: str, config: QueueConfig) -> None:
    """Raise `BadInput` for settings that can't work, whatever else is in the store."""
    settings.check_settings(config)
    _check_fifo(config)
    _check_delivery_limit(name, config)
    _check_fair(config)
    _check_overflow(config)
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
            hint=Hint("change {fair} while the queue is empty, or create another queue"),
        )


def _check_fifo(config: QueueConfig) -> None:
    if config.fifo and config.priorities > 1:
        raise BadInput(
            "a FIFO queue has no priorities: they would break its order",
            hint=Hint("leave out {fifo} or {priorities}"),
        )


def _check_delivery_limit(name: str, config: QueueConfig) -> None:
    if config.max_deliveries is not None and not (config.dlq or config.drop_exhausted):
        raise BadInput(
            "a delivery limit needs a place for what exceeds it",
            hint=Hint(
                "{dlq QUEUE} keeps it, {drop_exhausted} loses it on purpose,"
                " {max_deliveries none} sets no limit"
            ),
        )
    if config.dlq == name:
        raise BadInput(f"queue {name} can't be its own DLQ")
    _check_dead_letter_key(config)


def _check_dead_letter_key(config: QueueConfig) -> None:
    if config.dlq_key is None:
        return
    routing_key(encode_bytes(config.dlq_key, "dead-letter key"))
    if not (config.dlq or "").startswith(EXCHANGE_PREFIX):
        raise BadInput(
            "a dead-letter key is for an exchange to route by",
            hint=Hint("{dlq exchange:NAME}, or {dlq_key none}"),
        )


def _check_fair(config: QueueConfig) -> None:
    if not config.fair:
        return
    if config.fifo:
        raise BadInput(
            "a FIFO queue serves its groups in turn as it is",
            hint=Hint("leave out {fifo} or {fair}"),
        )
    if config.priorities > 1:
        raise BadInput(
            "a fair queue has no priorities: tenants come before levels",
            hint=Hint("leave out {priorities} or {fair}"),
        )


def _check_overflow(config: QueueConfig) -> None:
    if config.overflow == "dead-letter" and config.dlq is None:
        raise BadInput(
            "overflow dead-letter needs a DLQ for what exceeds the limit",
            hint=Hint("give {dlq QUEUE}, or {overflow reject}"),
        )


def _check_redrive_allow(config: QueueConfig) -> None:
    if config.redrive_allow in {"all", "none"}:
        return
    sources = config.redrive_allow.split(",")
    for source in sources:
        check_name(source, "queue name in redrive_allow")
    if len(sources) > MOST_SOURCES:
        raise BadInput(
            f"redrive_allow names {len(sources)} queues; at most {MOST_SOURCES}",
            hint=Hint("{redrive_allow all}"),
        )
