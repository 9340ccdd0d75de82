"""Changes by which less is kept than before: what is there may go at once, for good."""

from __future__ import annotations

from store.model.messages import QueueConfig
from store.model.topics import TopicConfig

_AGE = "what is older than that may go at once"
_AMOUNT = "what is beyond that may go at once, the oldest first"
_EXHAUSTED = "what was delivered as often as that may go at once"
_REPLACED = "records without a key, and values that newer ones replace, may go at once"


def topic_keeps_less(before: TopicConfig, after: TopicConfig) -> dict[str, str]:
    """The settings of a topic by which less is kept, and what may go for it."""
    less = {}
    if _is_less(_age(after), _age(before)):
        less["retention" if after.retention != before.retention else "cleanup"] = _AGE
    if _is_less(_amount(after), _amount(before)):
        changed = after.retention_bytes != before.retention_bytes
        less["retention_bytes" if changed else "cleanup"] = _AMOUNT
    if "compact" in after.cleanup and "compact" not in before.cleanup:
        less["cleanup"] = _REPLACED
    return less


def queue_keeps_less(
    before: QueueConfig, after: QueueConfig, messages: int, size: int
) -> dict[str, str]:
    """The settings of a queue by which less is kept, and what may go for it.

    `messages` and `size`, in bytes, are what is in it. A time to live is given to messages when
    they are sent, so a shorter one takes nothing away.
    """
    less = {}
    if after.retention < before.retention:
        less["retention"] = _AGE
    if _drops_exhausted(before, after) and messages:
        changed = after.max_deliveries != before.max_deliveries
        less["max_deliveries" if changed else "drop_exhausted"] = _EXHAUSTED
    if after.overflow == "drop-head":
        for setting, present in (("max_length", messages), ("max_bytes", size)):
            limit = getattr(after, setting)
            if limit is not None and present > limit:
                changed = limit != getattr(before, setting)
                less[setting if changed else "overflow"] = _AMOUNT
    return less


def _drops_exhausted(before: QueueConfig, after: QueueConfig) -> bool:
    if after.max_deliveries is None or after.dlq is not None:
        return False
    return before.dlq is not None or _is_less(after.max_deliveries, before.max_deliveries)


def _is_less(new: int | None, old: int | None) -> bool:
    return new is not None and (old is None or new < old)


def _age(config: TopicConfig) -> int | None:
    return config.retention if "delete" in config.cleanup else None


def _amount(config: TopicConfig) -> int | None:
    return config.retention_bytes if "delete" in config.cleanup else None
