"""The features of engines: native, composed of several calls, or absent, by version."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Protocol

from store.model.errors import Unsupported


class Feature(Enum):
    """An ability that an engine may lack: the word for it, and its meaning."""

    STATUS = "status", "Engine, version and contents of a place."
    DASHBOARD = "dashboard", "The overview of the dashboard: queues, depths, rates."
    METRICS = "metrics", "Depths and rates for Prometheus."
    DOCTOR = "doctor", "Present and possible problems with their remedies."
    STALLS = "stalls", "Readers that are stuck, and why."
    EXPLAIN = "explain", "The reason why one record or message waits."
    PERFORM = "perform", "A remedy of a stall or a finding, carried out by the dashboard."
    FILE = "file", "init, backup, restore, vacuum, verify, salvage and store settings."
    TRANSACTIONS = "transactions", "Offsets, outputs and acknowledgements stored as one: mq pipe."
    PROJECTIONS = "projections", "A plain SQL table of a topic: mq project."

    TOPICS = "topics", "Records in partitions that stay where they are read."
    TOPIC_ADMIN = "topic admin", "Topics created, altered and deleted."
    MORE_PARTITIONS = "more partitions", "Partitions added to a topic that is there."
    TRIM = "trim", "Removal of the records before an offset."
    COMPACTION = "compaction", "The newest record of each key alone is kept."
    GROUPS = "groups", "Consumer groups with committed offsets."
    GROUP_LIST = "group list", "All groups, without their names."
    GROUP_SETTINGS = "group settings", "Objectives, DLQ and topics of a group that is declared."
    GROUP_RESET = "group reset", "Committed offsets moved, with a preview."
    GROUP_SKIP = "group skip", "One record passed over for a group."
    LAG = "lag", "The distance of a group from the end."
    SHARES = "shares", "Records of a topic leased one by one."

    QUEUES = "queues", "Messages that go to one reader each, until they are acknowledged."
    QUEUE_ALTER = "queue alter", "Settings changed in place; the messages stay."
    LEASE = "lease", "A reader's time for a message, after which it is delivered again."
    RECEIPTS = "receipts", "A message received by one process and settled by another one."
    LEASE_LIST = "lease list", "The holder of each leased message, and a lease taken back."
    PREFETCH = "prefetch", "Messages leased for as long as their reader lives: consume, work."
    REJECT = "reject", "A message refused for good: it becomes a dead letter."
    PEEK = "peek", "A look at messages that leases none."
    HISTORY = "history", "The failed deliveries of a message, with their errors."
    DELAY = "delay", "A message that is delivered later."
    RETURN_LATER = "return later", "A message given back for later: nack --delay."
    RETRY_DELAYS = "retry delays", "A returned message that is delivered again later."
    FIFO = "fifo", "Order within each message group."
    FAIR = "fair", "Turns for message groups."
    DEDUP = "dedup", "A message sent again is not stored again."
    PRIORITIES = "priorities", "Levels; the highest is delivered first."
    TTL = "ttl", "The longest wait of a message, of a queue or its own."
    RETENTION = "retention", "The time for which a queue keeps messages."
    MAX_MESSAGE = "max message", "The largest message of a queue."
    MAX_LENGTH = "max length", "The most messages or bytes of a queue."
    OVERFLOW_DEAD_LETTER = "overflow dead-letter", "A message beyond the limit is dead-lettered."
    MAX_DELIVERIES = "max deliveries", "The most deliveries of a message."
    DROP_EXHAUSTED = "drop exhausted", "A message dropped after its last delivery, without a DLQ."
    SINGLE_ACTIVE = "single active", "One receiving reader at a time, the others standing by."
    REDRIVE_ALLOW = "redrive allow", "The queues that may have this one as their DLQ."
    LABELS = "labels", "Names and values of your own on a thing."
    CHAOS = "chaos", "Misbehaviour on purpose, to test consumers."
    RECEIVE_WAIT = "receive wait", "A queue's own wait of a receive."
    PURGE = "purge", "The messages of a queue removed."
    KEEP_LEASED = "purge --keep-leased", "A purge that leaves the leased messages."
    PURGE_LEASED = "purge of leased messages", "Leased messages removed as well."
    PURGE_MESSAGE = "purge of one message", "One message removed by its address."
    PROPERTIES = "properties", "Fields of a message beside its headers, as AMQP and SQS have them."
    TOMBSTONES = "tombstones", "A value of nothing, which differs from an empty one."
    BINARY = "binary values", "A value of any bytes, or of none."
    NAMED_PRODUCERS = "named producers", "A load that goes on where it ended: --producer."
    ATOMIC_BATCH = "atomic batch", "A batch that is stored whole or not at all."

    DLQ = "dlq", "Dead letters: messages that were rejected or delivered too often."
    DLQ_LIST = "dlq list", "The dead-letter queues, their sources and counts."
    DLQ_PEEK = "dlq peek", "A look at dead letters, their reasons and errors."
    DLQ_REDRIVE = "dlq redrive", "Dead letters sent back to their sources."
    DLQ_SOME = "dlq redrive -n", "Only the oldest dead letters sent back."
    DLQ_CHOICE = "dlq by choice", "Some dead letters, chosen by id or --where, moved or removed."
    DLQ_UNDO = "dlq undo", "A journal of redrives, and a redrive taken back."
    DLQ_EDIT = "dlq edit", "The value of a dead letter replaced."
    DLQ_RESTORE = "dlq import", "Exported dead letters put back as they were."

    EXCHANGES = "exchanges", "Exchanges, bindings, and messages published through them."
    MANDATORY = "mandatory", "A message that no binding leads anywhere is an error."
    DESTINATIONS = "destinations", "A publish answers with where each message is stored."
    ROUTE = "route", "The destinations of a message, and the reasons against the others."

    TOPOLOGY = "topology", "Topology files planned, applied and exported."
    ATOMIC_APPLY = "atomic apply", "A plan that is carried out whole or not at all."
    OWNERSHIP = "ownership", "Things know the topology that they belong to: apply --prune."

    def __init__(self, word: str, meaning: str) -> None:
        self.word = word
        self.meaning = meaning


class Level(Enum):
    """How an engine has a feature; a composed one may repeat after a crash, and never loses."""

    NATIVE = "native"
    COMPOSED = "composed"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class Support:
    """How an engine has a feature, since which version, and why it lacks it or composes it.

    `instead` is the nearest thing that works. `since` is empty for every version of the engine.
    """

    level: Level
    why: str = ""
    instead: str = ""
    since: str = ""


NATIVE = Support(Level.NATIVE)


def absent(why: str, instead: str = "") -> Support:
    """Declare that an engine lacks a feature."""
    return Support(Level.ABSENT, why, instead)


def composed(why: str) -> Support:
    """Declare that an engine has a feature by several calls."""
    return Support(Level.COMPOSED, why)


def since(version: str, why: str, instead: str = "") -> tuple[Support, Support]:
    """Declare that an engine has a feature from a version on, and why not before."""
    return absent(why, instead), replace(NATIVE, since=version)


Declared = Mapping[Feature, Support | tuple[Support, ...]]
"""What an engine declares: for a feature, its support, or one support after the other."""


class Features(Mapping[Feature, Support]):
    """The features of an engine at one version."""

    def __init__(self, engine: str, version: str, declared: Declared) -> None:
        self.engine = engine
        self.version = version
        self._supports = {
            feature: _at(version, supports if isinstance(supports, tuple) else (supports,))
            for feature, supports in declared.items()
        }

    def __getitem__(self, feature: Feature) -> Support:
        return self._supports[feature]

    def __iter__(self) -> Iterator[Feature]:
        return iter(self._supports)

    def __len__(self) -> int:
        return len(self._supports)

    def lacks(self, feature: Feature) -> bool:
        """Return whether the engine can't do it."""
        return self[feature].level is Level.ABSENT

    def need(self, feature: Feature) -> None:
        """Raise `Unsupported` where the engine lacks a feature."""
        if self.lacks(feature):
            raise self.refusal(feature)

    def refusal(self, feature: Feature) -> Unsupported:
        """Return the error that names the engine, the feature, the reason and the way out."""
        support = self[feature]
        why = f": {support.why}" if support.why else ""
        message = f"{self.engine} has no {feature.word}{why}"
        return Unsupported(message, support.instead, feature.word)


class Featured(Protocol):
    """An engine that declares its features."""

    @property
    def features(self) -> Features:
        """The features of the engine, at the version that it runs."""


def lacking(engine: Featured, feature: Feature) -> Unsupported:
    """Return the error of a call that an engine does not have."""
    return engine.features.refusal(feature)


def version_of(text: str) -> tuple[int, ...]:
    """Return a version as numbers that compare: `3.10.8` is less than `3.13`."""
    parts = text.split("-")[0].split("+")[0].split(".")
    return tuple(int(part) for part in parts if part.isdecimal())


def _at(version: str, supports: tuple[Support, ...]) -> Support:
    """Return the support at a version; the last of several whose own version is reached."""
    reached = [s for s in supports if not s.since or version_of(s.since) <= version_of(version)]
    support = reached[-1]
    later = next((s.since for s in supports if s.since and s not in reached), "")
    return replace(support, since=later) if later else support
