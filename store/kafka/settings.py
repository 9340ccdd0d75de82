"""The settings of a topic as Kafka's configuration, and back.

Only what is set on a topic itself (DYNAMIC_TOPIC_CONFIG) is a setting of it; the rest is a default
of the servers, which may change with them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from store.model.encoding import milliseconds
from store.model.errors import BadInput
from store.model.settings import check_settings, settings_of
from store.model.topics import TopicConfig

KEYS = {
    "retention": "retention.ms",
    "retention_bytes": "retention.bytes",
    "cleanup": "cleanup.policy",
    "tombstone_delay": "delete.retention.ms",
    "compaction_lag": "min.compaction.lag.ms",
    "max_message": "max.message.bytes",
}
"""Kafka's word for each setting of a topic."""
_NOTHING = "-1"


def to_kafka(name: str, value: Any) -> str:
    """Return a setting, as configs hold it, as Kafka writes it."""
    return _NOTHING if value is None else str(value)


def config_of(values: Mapping[str, str]) -> TopicConfig:
    """Return the settings of a topic from Kafka's configuration of it."""
    config: dict[str, Any] = {
        name: _from_kafka(name, values[key]) for name, key in KEYS.items() if key in values
    }
    return TopicConfig(**config)


def _from_kafka(name: str, text: str) -> Any:
    if name == "cleanup":
        # Kafka takes the two policies in either order.
        return ",".join(sorted(text.replace(" ", "").split(",")))
    number = int(text)
    return None if number < 0 else number


def held(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings in the units of calls as configs hold them; raises `BadInput`."""
    known = settings_of(TopicConfig)
    values: dict[str, Any] = {}
    for name, value in given.items():
        if name not in known:
            raise BadInput(f"a topic has no setting {name}")
        if name == "labels" and not value:
            continue
        is_time = known[name].notation.time and value is not None
        values[name] = milliseconds(value, name) if is_time else value
    check_settings(TopicConfig(**values))
    return values


class _Default:
    """The mark of a setting that is to be the servers' own."""


DEFAULT = _Default()
"""In place of a value: the setting is taken back from the topic, and the servers' holds."""
