"""The queues of an account as topology files know them, and which wanted things can't be had."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from store.engine.features import Feature
from store.model.errors import BadInput, Unsupported
from store.model.queues import QueueConfig
from store.model.settings import write_settings
from store.model.topics import DELIVERIES_WITH_DLQ
from store.sqs import limits
from store.sqs.settings import check_config, check_given, config_of, lacking_settings
from store.topology.kinds import KINDS, queue_config
from store.topology.model import Resource, Topology

if TYPE_CHECKING:
    from store.engine.features import Features
    from store.sqs.topology import AccountTopologies

_KINDS = {
    "topic": Feature.TOPICS,
    "group": Feature.GROUPS,
    "share": Feature.SHARES,
    "exchange": Feature.EXCHANGES,
    "binding": Feature.EXCHANGES,
}


class PresentQueues:
    """The queues of an account, as of one look: a call for the attributes and the tags of each."""

    def __init__(self, account: AccountTopologies) -> None:
        self.attributes = account._listed()
        self._labels = account._labels(list(self.attributes))
        self._name_of = account._name_of
        self._lacking = {
            name: KINDS["queue"].defaults[name] for name in lacking_settings(account.features)
        }

    def topology(self, wanted: Topology | None = None) -> Topology:
        """Return them as topology files know them.

        A setting that all queues of a type have is as the `wanted` one says: both mean the same.
        """
        return Topology(self._queues(wanted or Topology()))

    def config(self, name: str) -> QueueConfig:
        """Return the settings of a queue."""
        return config_of(name, self.attributes[name], self._name_of)

    def _queues(self, wanted: Topology) -> Iterator[Resource]:
        for name in self.attributes:
            config = self.config(name)
            settings = write_settings(config) | self._lacking
            implied = "dedup" if config.fifo else "fair"
            thing = wanted.get("queue", name)
            settings[implied] = (
                KINDS["queue"].defaults[implied] if thing is None else thing.settings[implied]
            )
            yield Resource("queue", name, settings, self._labels.get(name))


def name_to_take(queue: Resource) -> str:
    """Return the name of a queue that SQS has, which is nearest to its own."""
    return limits.name_to_take(queue.name, fifo=queue_config(queue.settings).fifo)


def refusal(features: Features, prefix: str, thing: Resource, setting: str | None) -> str | None:
    """Say why a thing, or a setting as a file gives it, can't be had here."""
    if thing.kind in _KINDS:
        if setting is not None:
            return None
        return _told(features.refusal(_KINDS[thing.kind]))
    config = queue_config(thing.settings)
    try:
        if setting is None:
            limits.check_name(thing.name, prefix, fifo=config.fifo)
        elif setting in thing.settings:
            _check_setting(features, prefix, config, setting)
    except BadInput as error:
        return _told(error)
    return None


def _check_setting(features: Features, prefix: str, config: QueueConfig, setting: str) -> None:
    """Raise `BadInput` for a setting, looked at with no other one than it needs."""
    value = getattr(config, setting)
    check_given(features, {setting: value})
    alone = QueueConfig(fifo=config.fifo)._replace(**{setting: value})
    if setting == "dlq" and alone.max_deliveries is None:
        alone = alone._replace(max_deliveries=DELIVERIES_WITH_DLQ)
    check_config(f"a{limits.FIFO_SUFFIX}" if config.fifo else "a", alone, prefix)


def _told(error: BadInput | Unsupported) -> str:
    hint = getattr(error.hint, "file", error.hint)
    return f"{error.message}: {hint}" if hint else error.message
