"""The kinds of things that a topology declares, and the notation of each.

The keys of a file are the notations of `store.model.settings`: a setting added there is a key here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from store.model import queue_rules
from store.model.addresses import check_name
from store.model.encoding import check_partitions
from store.model.errors import BadInput
from store.model.exchanges import EXCHANGE_TYPES, MATCHES, check_alternate, check_binding
from store.model.groups import GroupConfig, check_group
from store.model.positions import parse_position
from store.model.queues import QueueConfig
from store.model.settings import (
    LABELS,
    Notation,
    check_settings,
    config_value,
    notations_of,
    write_settings,
)
from store.model.shares import ShareConfig
from store.model.topics import DELIVERIES_WITH_DLQ, Headers, TopicConfig

Settings = Mapping[str, str]
# For checking the form of a time: every time ago is after 1970.
_SOME_NOW = 32_503_680_000_000


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of thing: its section, its settings as text, and their checks.

    `defaults` hold every optional setting.
    """

    name: str
    section: str
    notations: Mapping[str, Notation]
    defaults: Settings
    check: Callable[[str, Settings], None]

    @property
    def required(self) -> list[str]:
        """The settings that have no default."""
        return [setting for setting in self.notations if setting not in self.defaults]

    def complete(self, given: Settings) -> dict[str, str]:
        """Return all settings of a thing: the given ones, and those that follow from them or by
        default.
        """
        settings = {**self.defaults, **given}
        if given.get("dlq", "none") != "none" and "max_deliveries" not in given:
            settings["max_deliveries"] = str(DELIVERIES_WITH_DLQ)
        return {name: settings[name] for name in self.notations if name in settings}

    def named(self, settings: Settings) -> dict[str, str]:
        """Return the settings that a file must name so that it means these."""
        named = {name: text for name, text in settings.items() if self.defaults.get(name) != text}
        # A setting can follow from another given one.
        implied = self.complete(named)
        named |= {name: text for name, text in settings.items() if implied.get(name, text) != text}
        return {name: named[name] for name in self.notations if name in named}

    def values(self, settings: Settings) -> dict[str, Any]:
        """Return settings as configs hold them."""
        return {name: config_value(self.notations[name], text) for name, text in settings.items()}

    def canonical(self, name: str, text: str) -> str:
        """Return the canonical text of a setting; raises `BadInput`."""
        notation = self.notations[name]
        value = config_value(notation, text)
        return notation.nothing or "" if value is None else notation.write(value)


def topic_config(settings: Settings) -> TopicConfig:
    """Return the settings of a topic other than its number of partitions."""
    values = TOPIC_KIND.values(settings)
    del values["partitions"]
    return TopicConfig(**values)


def queue_config(settings: Settings) -> QueueConfig:
    """Return the settings of a queue."""
    return QueueConfig(**QUEUE_KIND.values(settings))


def group_config(settings: Settings) -> GroupConfig:
    """Return the settings of a consumer group other than its topics."""
    values = GROUP_KIND.values(settings)
    del values["topics"]
    return GroupConfig(**values)


def share_config(settings: Settings) -> ShareConfig:
    """Return the settings of a share other than its topic and its start."""
    values = SHARE_KIND.values(settings)
    return ShareConfig(**{name: values[name] for name in ShareConfig._fields})


def names_in(text: str) -> list[str]:
    """Return the names in a setting that lists names."""
    return [] if text == "none" else text.split(",")


def headers_text(headers: Headers) -> str:
    """Return headers to match as text, the same for the same headers."""
    return json.dumps(dict(headers), separators=(",", ":"), sort_keys=True)


def binding_name(settings: Settings) -> str:
    """Return the name of a binding: all its parts, since it has no name."""
    told = [f"{settings['from']} -> {settings['to']}"]
    if settings["key"]:
        told.append(f"key {_word(settings['key'])}")
    if settings["headers"] != "{}":
        told.append(f"headers {settings['headers']}")
    if settings["match"] != "all":
        told.append(f"match {settings['match']}")
    return " ".join(told)


def _word(key: str) -> str:
    # A key may have spaces: it must not read as if headers followed.
    return json.dumps(key, ensure_ascii=False) if " " in key or key[0] == '"' else key


def _read_names(text: str) -> list[str]:
    # A set: the order of the names in a file does not matter.
    return sorted({check_name(name.strip()) for name in text.split(",")})


def _write_names(names: Sequence[str]) -> str:
    return ",".join(names) or "none"


def _read_number(text: str) -> int:
    if text.isascii() and text.isdecimal() and len(text) <= 9:
        return int(text)
    raise BadInput(f"{text!r} is not a number")


def _read_type(text: str) -> str:
    return _one_of(EXCHANGE_TYPES, text, "an exchange type")


def _read_match(text: str) -> str:
    return _one_of(MATCHES, text, "a way to match headers")


def _read_start(text: str) -> str:
    if parse_position(text, _SOME_NOW).kind == "committed":
        raise BadInput(
            "a new share has committed nothing", hint="earliest, latest, -N, 15m, a date"
        )
    return text


def _one_of(words: Sequence[str], text: str, what: str) -> str:
    if text in words:
        return text
    raise BadInput(f"{text!r} is not {what}", hint="one of " + ", ".join(words))


def _check_exchange(name: str, settings: Settings) -> None:
    check_name(name, "exchange name")
    check_alternate(name, EXCHANGE_KIND.values(settings)["alternate"])


def _check_share(name: str, settings: Settings) -> None:
    check_name(name, "share name")
    check_settings(share_config(settings))


def _check_binding(name: str, settings: Settings) -> None:
    check_binding(settings["key"], json.loads(settings["headers"]), settings["match"])


def _check_topic(name: str, settings: Settings) -> None:
    check_name(name, "topic name")
    check_partitions(int(settings["partitions"]))
    check_settings(topic_config(settings))


def _check_queue(name: str, settings: Settings) -> None:
    check_name(name, "queue name")
    queue_rules.check_settings(name, queue_config(settings))


def _check_group(name: str, settings: Settings) -> None:
    check_name(name, "group name")
    config = group_config(settings)
    check_group(config)
    if config.dlq is not None and config.max_deliveries is None:
        raise BadInput(
            "max_deliveries can't be none beside a dlq",
            hint=f"a number, or leave it out for {DELIVERIES_WITH_DLQ}",
        )


TOPIC_KIND = Kind(
    "topic",
    "topics",
    {"partitions": Notation(_read_number, str, whole=True), **notations_of(TopicConfig)},
    {"partitions": "1", **write_settings(TopicConfig())},
    _check_topic,
)
QUEUE_KIND = Kind(
    "queue", "queues", notations_of(QueueConfig), write_settings(QueueConfig()), _check_queue
)
GROUP_KIND = Kind(
    "group",
    "groups",
    {"topics": Notation(_read_names, _write_names, "none", many=True), **notations_of(GroupConfig)},
    {"topics": "none", **write_settings(GroupConfig())},
    _check_group,
)
EXCHANGE_KIND = Kind(
    "exchange",
    "exchanges",
    {
        "type": Notation(_read_type, str),
        "alternate": Notation(check_name, str, "none"),
        "labels": LABELS,
    },
    {"alternate": "none", "labels": "none"},
    _check_exchange,
)
BINDING_KIND = Kind(
    "binding",
    "bindings",
    {
        "from": Notation(check_name, str),
        "to": Notation(str, str),
        "key": Notation(str, str),
        "headers": Notation(str, str),
        "match": Notation(_read_match, str),
    },
    {"key": "", "headers": "{}", "match": "all"},
    _check_binding,
)
SHARE_KIND = Kind(
    "share",
    "shares",
    {
        "topic": Notation(check_name, str),
        **notations_of(ShareConfig),
        "from": Notation(_read_start, str),
    },
    {**write_settings(ShareConfig()), "from": "earliest"},
    _check_share,
)
KINDS = {
    kind.name: kind
    for kind in (TOPIC_KIND, QUEUE_KIND, EXCHANGE_KIND, BINDING_KIND, GROUP_KIND, SHARE_KIND)
}
