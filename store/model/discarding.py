"""Changes that make the store keep less: messages may go at once, for good.

Each setting says what may go when it is lowered; here stands when it is in force.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple, TypeVar

from store.model.queues import QueueConfig
from store.model.settings import settings_of
from store.model.topics import TopicConfig

Config = TypeVar("Config", bound=NamedTuple)

# The setting that brings a limit into force without changing the limit itself.
_SWITCHES = {
    "retention": "cleanup",
    "retention_bytes": "cleanup",
    "max_deliveries": "drop_exhausted",
    "max_length": "overflow",
    "max_bytes": "overflow",
}


def topic_settings_that_discard(before: TopicConfig, after: TopicConfig) -> dict[str, str]:
    """Find the settings of a topic that keep less than before, and say what may go for each."""
    less = _lowered(before, after, _topic_in_force)
    if "compact" in after.cleanup and "compact" not in before.cleanup:
        less["cleanup"] = settings_of(TopicConfig)["cleanup"].discards or ""
    return less


def _topic_in_force(config: TopicConfig) -> TopicConfig:
    if "delete" in config.cleanup:
        return config
    return config._replace(retention=None, retention_bytes=None)


def queue_settings_that_discard(
    before: QueueConfig, after: QueueConfig, messages: int, size: int
) -> dict[str, str]:
    """Find the settings of a queue that keep less than before, and say what may go for each.

    `messages` and `size`, in bytes, are its present contents. A time to live is given to messages
    when they are sent, so a shorter one takes nothing away.
    """
    return _lowered(before, after, partial(_queue_in_force, messages=messages, size=size))


def _queue_in_force(config: QueueConfig, messages: int, size: int) -> QueueConfig:
    if config.dlq is not None or not messages:
        config = config._replace(max_deliveries=None)
    drops = config.overflow == "drop-head"
    if not drops or messages <= (config.max_length or 0):
        config = config._replace(max_length=None)
    if not drops or size <= (config.max_bytes or 0):
        config = config._replace(max_bytes=None)
    return config


def _lowered(before: Config, after: Config, in_force: Callable[[Config], Config]) -> dict[str, str]:
    old, new = in_force(before), in_force(after)
    return {
        name if getattr(after, name) != getattr(before, name) else _SWITCHES[name]: setting.discards
        for name, setting in settings_of(type(after)).items()
        if setting.discards and _is_less(getattr(new, name), getattr(old, name))
    }


def _is_less(new: object, old: object) -> bool:
    return isinstance(new, int) and (old is None or (isinstance(old, int) and new < old))
