"""The features of Kafka, by version; `RUN` are the versions that the tests have run on."""

from __future__ import annotations

from store.engine.features import (
    NATIVE,
    Declared,
    Feature,
    Features,
    Support,
    absent,
    composed,
    since,
)
from store.kafka import probing
from store.kafka.probing import Offer

ENGINE = "kafka"
RUN = ("4.4",)
NEWEST = "4.4"

_LOG = absent("a record stays where it is", "trim the topic, or let its retention do it")
_SHARE = "a share of a topic: mq share create NAME --topic TOPIC"
_QUEUES = absent("it has topics alone", _SHARE)
_FILE = absent("the servers keep the data", "back it up as its manual says")
_SESSION = absent("a delivery ends with the session of its reader", "mq work SHARE -- COMMAND")
_OFFSETS = absent("a group there is offsets, and no more", "mq lag GROUP")
_ROUTES = absent("a producer names its topic", "produce to each of the topics")

DECLARED: Declared = {
    Feature.STATUS: NATIVE,
    Feature.DASHBOARD: NATIVE,
    Feature.METRICS: NATIVE,
    Feature.DOCTOR: NATIVE,
    Feature.STALLS: NATIVE,
    Feature.EXPLAIN: absent("it does not tell what a member holds", "mq stalls"),
    Feature.PERFORM: absent("a remedy there is a command to run", "run the command that is shown"),
    Feature.FILE: _FILE,
    Feature.TRANSACTIONS: NATIVE,
    Feature.PROJECTIONS: absent("it has no SQL tables", "mq consume -o ndjson | sqlite-utils"),
    Feature.TOPICS: NATIVE,
    Feature.TOPIC_ADMIN: NATIVE,
    Feature.MORE_PARTITIONS: NATIVE,
    Feature.TRIM: NATIVE,
    Feature.COMPACTION: NATIVE,
    Feature.GROUPS: NATIVE,
    Feature.GROUP_LIST: NATIVE,
    Feature.GROUP_SETTINGS: _OFFSETS,
    Feature.GROUP_RESET: NATIVE,
    Feature.GROUP_SKIP: composed("it is a reset of a group without members by one record"),
    Feature.LAG: NATIVE,
    Feature.SHARES: since("4.2", "share groups are not ready before it", "mq work TOPIC -g GROUP"),
    Feature.QUEUES: _QUEUES,
    Feature.QUEUE_ALTER: _QUEUES,
    Feature.LEASE: _QUEUES,
    Feature.RECEIPTS: _SESSION,
    Feature.LEASE_LIST: absent("it tells no holder of a record", "mq share show NAME"),
    Feature.PREFETCH: _QUEUES,
    Feature.REJECT: _QUEUES,
    Feature.PEEK: absent("it has no queues", "mq peek TOPIC, mq consume TOPIC"),
    Feature.HISTORY: absent("it keeps no failed deliveries", "let the command log its errors"),
    Feature.DELAY: absent("a record can be read at once", "send it later"),
    Feature.RETURN_LATER: absent("a record can be read at once", "mq work --retry-delay"),
    Feature.RETRY_DELAYS: absent("a record can be read at once", "mq work --retry-delay"),
    Feature.FIFO: absent("it has no queues", "a key for each group of records: -k KEY"),
    Feature.FAIR: _QUEUES,
    Feature.DEDUP: absent(
        "it stores what is sent twice twice", "let the work be idempotent, by the record's key"
    ),
    Feature.PRIORITIES: absent("a log has one order", "a topic for each level"),
    Feature.TTL: absent("records have one retention", "retention of the topic"),
    Feature.RETENTION: _QUEUES,
    Feature.MAX_MESSAGE: _QUEUES,
    Feature.MAX_LENGTH: absent("it has no queues", "retention_bytes of the topic"),
    Feature.OVERFLOW_DEAD_LETTER: _QUEUES,
    Feature.MAX_DELIVERIES: _QUEUES,
    Feature.DROP_EXHAUSTED: _QUEUES,
    Feature.SINGLE_ACTIVE: absent("it has no queues", "one partition, and a group"),
    Feature.REDRIVE_ALLOW: _QUEUES,
    Feature.LABELS: absent("nothing there has names and values of your own"),
    Feature.CHAOS: absent("it misbehaves only when it must", "test with a file store"),
    Feature.RECEIVE_WAIT: _QUEUES,
    Feature.KEEP_LEASED: _QUEUES,
    Feature.PURGE: absent("it has no queues", "mq topic trim TOPIC --before latest"),
    Feature.PURGE_LEASED: _QUEUES,
    Feature.PURGE_MESSAGE: _LOG,
    Feature.PROPERTIES: absent("a record has headers alone", "send them as headers"),
    Feature.TOMBSTONES: NATIVE,
    Feature.BINARY: NATIVE,
    Feature.NAMED_PRODUCERS: absent(
        "it remembers a producer only as long as its process lives",
        "send anew; work that is idempotent by the record's key",
    ),
    Feature.ATOMIC_BATCH: absent("each record is confirmed by itself", "mq pipe -g GROUP"),
    Feature.DLQ: composed("a dead letter is a record in a topic NAME.dlq, by convention"),
    Feature.DLQ_LIST: composed("a topic that is named as one holds dead letters"),
    Feature.DLQ_PEEK: NATIVE,
    Feature.DLQ_REDRIVE: NATIVE,
    Feature.DLQ_SOME: NATIVE,
    Feature.DLQ_CHOICE: _LOG,
    Feature.DLQ_UNDO: absent("a record that was sent back stays sent", "mq dlq peek shows them"),
    Feature.DLQ_EDIT: absent("a record can't be changed in place", "consume, edit, produce"),
    Feature.DLQ_RESTORE: absent("how a record died can't be written", "mq produce -f FILE"),
    Feature.EXCHANGES: _ROUTES,
    Feature.MANDATORY: _ROUTES,
    Feature.DESTINATIONS: _ROUTES,
    Feature.ROUTE: _ROUTES,
    Feature.TOPOLOGY: NATIVE,
    Feature.ATOMIC_APPLY: absent(
        "steps are carried out one after the other", "apply it again: it goes on where it ended"
    ),
    Feature.OWNERSHIP: absent("nothing there can hold a label", "delete things by name"),
}  # fmt: skip

_NEEDED = {
    Feature.TOPIC_ADMIN: probing.CREATE_TOPICS,
    Feature.MORE_PARTITIONS: probing.CREATE_TOPICS,
    Feature.TRIM: probing.DELETE_RECORDS,
    Feature.DOCTOR: probing.DESCRIBE_CONFIGS,
    Feature.TOPOLOGY: probing.DESCRIBE_CONFIGS,
    Feature.STATUS: probing.LIST_GROUPS,
    Feature.GROUP_LIST: probing.LIST_GROUPS,
    Feature.LAG: probing.DESCRIBE_GROUPS,
    Feature.GROUP_RESET: probing.DESCRIBE_GROUPS,
    Feature.GROUP_SKIP: probing.DESCRIBE_GROUPS,
    Feature.SHARES: probing.SHARE_FETCH,
}
"""The call that a feature needs: a server of another make may not have it."""


def features(version: str) -> Features:
    """Return the features of Kafka at a version."""
    return Features(ENGINE, version, DECLARED)


def features_of(offer: Offer) -> Features:
    """Return the features of one server: by its version, its calls, and what is switched on."""
    return Features(ENGINE, offer.version, {**DECLARED, **_lacking(offer)})


def _lacking(offer: Offer) -> dict[Feature, Support]:
    lacking = {
        feature: absent(f"the server has no call {number} of Kafka's protocol", "another server")
        for feature, number in _NEEDED.items()
        if number not in offer.calls
    }
    if Feature.SHARES not in lacking:
        lacking[Feature.SHARES] = _shares(offer)
    return lacking


def _shares(offer: Offer) -> Support:
    is_on = offer.switched_on.get(probing.SHARES, int(offer.version == probing.UNKNOWN))
    return (
        NATIVE
        if is_on
        else absent(
            "share groups are switched off there, or not ready before Kafka 4.2",
            "kafka-features.sh upgrade --feature share.version=1",
        )
    )
