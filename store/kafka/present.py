"""The topics of a cluster as topology files know them, and which of the wanted things it lacks.

A setting that is not set on a topic is the servers' default, and no difference to a file that does
not name it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from store.engine.features import Feature
from store.kafka.settings import KEYS, config_of
from store.model.settings import write_settings
from store.topology.kinds import TOPIC_KIND
from store.topology.model import NOWHERE, Resource, Topology
from store.topology.problems import Problems

if TYPE_CHECKING:
    from store.engine.features import Features
    from store.kafka.topics import TopicSetup
    from store.kafka.topology import ClusterTopologies

REPLICAS = "kafka.replicas"
_LACKING = {
    "queue": Feature.QUEUES,
    "exchange": Feature.EXCHANGES,
    "binding": Feature.EXCHANGES,
    "group": Feature.GROUP_SETTINGS,
}
"""The kinds of things that it has not, and the feature behind each."""


def topology(cluster: ClusterTopologies, wanted: Topology) -> Topology:
    """Return the topics of a cluster, as they compare with those of files."""
    usual = cluster._default_replicas()
    return Topology(
        _topic(name, setup, wanted.get("topic", name), usual)
        for name, setup in cluster._setups().items()
    )


def _topic(name: str, setup: TopicSetup, wanted: Resource | None, usual: int | None) -> Resource:
    effective = write_settings(config_of(setup.config))
    is_set = {setting for setting, key in KEYS.items() if key in setup.own}
    named = is_set if wanted is None else is_set | wanted.places.keys()
    settings = {
        setting: effective[setting] if setting in named else default
        for setting, default in TOPIC_KIND.defaults.items()
        if setting != "partitions"
    }
    return Resource(
        "topic",
        name,
        {"partitions": str(setup.partitions), **settings},
        places=dict.fromkeys(is_set, NOWHERE),
        native={} if setup.replicas == usual else {REPLICAS: str(setup.replicas)},
    )


def refusal(features: Features, thing: Resource, setting: str | None) -> str | None:
    """Say why a thing, or a setting as a file gives it, can't be had here."""
    if setting is not None:
        labels = setting == "labels" and thing.settings.get("labels", "none") != "none"
        return features.refusal(Feature.LABELS).message if labels else None
    if thing.kind == "share":
        topic = thing.settings.get("topic", "TOPIC")
        return f"a share there is no part of a plan: mq share create {thing.name} --topic {topic}"
    feature = _LACKING.get(thing.kind)
    if feature is not None:
        error = features.refusal(feature)
        return f"{error.message}: {error.hint}" if error.hint else error.message
    replicas = thing.native.get(REPLICAS, "1")
    if not replicas.isdecimal() or int(replicas) < 1:
        return f"topic {thing.name} has {replicas!r} replicas: it is a number from 1 up"
    return None


def check(wanted: Topology, replicas: Mapping[str, int], problems: Problems) -> None:
    """Refuse another number of replicas: they are moved between servers by Kafka's own tool."""
    for thing in wanted.of("topic"):
        asked, present = thing.native.get(REPLICAS), replicas.get(thing.name)
        if asked is not None and present is not None and asked != str(present):
            problems.error(
                thing.place,
                f"topic {thing.name} has {present} replicas, not {asked}:"
                " kafka-reassign-partitions.sh changes that",
            )
