"""The features of RabbitMQ, by version; `RUN` are the versions that the tests have run on."""

from __future__ import annotations

from store.engine.features import NATIVE, Declared, Feature, Features, absent, composed

ENGINE = "rabbitmq"
RUN = ("3.10.8", "4.0.5")
NEWEST = "4.3"

_SEGMENTS = absent("a stream loses whole segments alone", "retention of the topic")
_JOURNAL = absent("there is nowhere to keep a journal", "mq dlq redrive moves all of them")
_LOOKING = absent(
    "to look at a message there is to receive it, which counts as a delivery",
    "mq queue show counts them, mq consume takes them out",
)
_AT_ONCE = absent(
    "a returned message is delivered at once", "mq work --retry-delay holds it meanwhile"
)
_FILE = absent("the server keeps the data", "back it up as its manual says")
_ORDER = absent("a queue has one order", "one queue for each key that needs its own order")

DECLARED: Declared = {
    Feature.STATUS: NATIVE,
    Feature.DASHBOARD: NATIVE,
    Feature.METRICS: NATIVE,
    Feature.DOCTOR: NATIVE,
    Feature.STALLS: NATIVE,
    Feature.EXPLAIN: absent("it does not tell which messages a consumer holds", "mq stalls"),
    Feature.PERFORM: absent("a remedy there is a command to run", "run the command that is shown"),
    Feature.FILE: _FILE,
    Feature.TRANSACTIONS: absent(
        "an acknowledgement and a message are not stored as one", "mq work, with idempotent work"
    ),
    Feature.PROJECTIONS: absent("it has no SQL tables", "mq consume -o ndjson | sqlite-utils"),
    Feature.TOPICS: NATIVE,
    Feature.TOPIC_ADMIN: NATIVE,
    Feature.MORE_PARTITIONS: absent(
        "a super stream is made with all of its partitions", "another topic, and copy the records"
    ),
    Feature.TRIM: _SEGMENTS,
    Feature.COMPACTION: _SEGMENTS,
    Feature.GROUPS: NATIVE,
    Feature.GROUP_LIST: composed(
        "it lists no names of readers, so mq notes those that it reads itself"
    ),
    Feature.GROUP_SETTINGS: absent("it keeps offsets alone", "mq lag GROUP"),
    Feature.GROUP_RESET: NATIVE,
    Feature.GROUP_SKIP: absent(
        "a member that reads can't be fenced", "end it, then mq group reset --shift 1"
    ),
    Feature.LAG: NATIVE,
    Feature.SHARES: absent("a stream has no leases", "a queue: mq queue create NAME"),
    Feature.QUEUES: NATIVE,
    Feature.QUEUE_ALTER: NATIVE,
    Feature.LEASE: absent(
        "a delivery is held as long as its connection lives",
        "leave lease out; the server's consumer_timeout bounds it",
    ),
    Feature.RECEIPTS: absent(
        "a delivery is settled by the connection that received it, and returns with its end",
        "mq work QUEUE -- COMMAND, or mq consume QUEUE",
    ),
    Feature.LEASE_LIST: absent(
        "it does not tell which messages a consumer holds", "mq queue show counts them"
    ),
    Feature.PREFETCH: NATIVE,
    Feature.REJECT: NATIVE,
    Feature.PEEK: _LOOKING,
    Feature.HISTORY: absent("it keeps no failed deliveries", "let the command log its errors"),
    Feature.DELAY: absent("its queues deliver at once", "send it later"),
    Feature.RETURN_LATER: _AT_ONCE,
    Feature.RETRY_DELAYS: _AT_ONCE,
    Feature.FIFO: _ORDER,
    Feature.FAIR: _ORDER,
    Feature.DEDUP: absent(
        "it stores what is sent twice twice", "let the work be idempotent, by the message's id"
    ),
    Feature.PRIORITIES: absent(
        "its replicated queues take no number of levels", "a queue for each level"
    ),
    Feature.TTL: NATIVE,
    Feature.RETENTION: absent("a queue keeps messages until they are read", "--ttl"),
    Feature.MAX_MESSAGE: absent("the server has one for all", "its max_message_size"),
    Feature.MAX_LENGTH: NATIVE,
    Feature.OVERFLOW_DEAD_LETTER: absent(
        "its replicated queues have no reject-publish-dlx", "--overflow drop-head with a --dlq"
    ),
    Feature.MAX_DELIVERIES: NATIVE,
    Feature.DROP_EXHAUSTED: NATIVE,
    Feature.SINGLE_ACTIVE: NATIVE,
    Feature.REDRIVE_ALLOW: absent("any queue may dead-letter into any", "permissions of users"),
    Feature.LABELS: absent("nothing there has names and values of your own"),
    Feature.CHAOS: absent("it misbehaves only when it must", "test with a file store"),
    Feature.RECEIVE_WAIT: absent("a queue has no wait of its own", "--wait of the receive"),
    Feature.PURGE: NATIVE,
    Feature.KEEP_LEASED: NATIVE,
    Feature.PURGE_LEASED: absent("leased messages stay with their readers", "--keep-leased"),
    Feature.PURGE_MESSAGE: absent("a message has no address there", "mq consume -n 1"),
    Feature.PROPERTIES: absent("mq sends headers alone", "send them as headers"),
    Feature.TOMBSTONES: absent("a value of nothing is an empty one there", "send an empty value"),
    Feature.BINARY: NATIVE,
    Feature.NAMED_PRODUCERS: NATIVE,
    Feature.ATOMIC_BATCH: absent("each message is confirmed by itself", "one message"),
    Feature.DLQ: NATIVE,
    Feature.DLQ_LIST: NATIVE,
    Feature.DLQ_PEEK: _LOOKING,
    Feature.DLQ_REDRIVE: composed(
        "each letter is sent and confirmed, then acknowledged: a crash between may repeat one"
    ),
    Feature.DLQ_SOME: NATIVE,
    Feature.DLQ_CHOICE: absent("a letter is known only once it is received", "move all of them"),
    Feature.DLQ_UNDO: _JOURNAL,
    Feature.DLQ_EDIT: absent("a message can't be changed in place", "consume, edit, produce"),
    Feature.DLQ_RESTORE: absent("how a message died can't be written", "mq produce -f FILE"),
    Feature.EXCHANGES: NATIVE,
    Feature.MANDATORY: NATIVE,
    Feature.DESTINATIONS: absent("a confirm does not say where it is stored", "mq route EXCHANGE"),
    Feature.ROUTE: NATIVE,
    Feature.TOPOLOGY: NATIVE,
    Feature.ATOMIC_APPLY: absent(
        "steps are carried out one after the other", "apply it again: it goes on where it ended"
    ),
    Feature.OWNERSHIP: NATIVE,
}  # fmt: skip


def features(version: str) -> Features:
    """Return the features of RabbitMQ at a version."""
    return Features(ENGINE, version, DECLARED)


QUEUE_SETTINGS = {
    "fifo": Feature.FIFO,
    "lease": Feature.LEASE,
    "delay": Feature.DELAY,
    "retention": Feature.RETENTION,
    "max_deliveries": Feature.MAX_DELIVERIES,
    "dlq": Feature.DLQ,
    "dlq_key": Feature.DLQ,
    "drop_exhausted": Feature.DROP_EXHAUSTED,
    "retry_delays": Feature.RETRY_DELAYS,
    "dedup": Feature.DEDUP,
    "content_dedup": Feature.DEDUP,
    "dedup_scope": Feature.DEDUP,
    "priorities": Feature.PRIORITIES,
    "ttl": Feature.TTL,
    "max_length": Feature.MAX_LENGTH,
    "max_bytes": Feature.MAX_LENGTH,
    "overflow": Feature.MAX_LENGTH,
    "single_active": Feature.SINGLE_ACTIVE,
    "fair": Feature.FAIR,
    "redrive_allow": Feature.REDRIVE_ALLOW,
    "chaos": Feature.CHAOS,
    "labels": Feature.LABELS,
    "wait": Feature.RECEIVE_WAIT,
    "max_message": Feature.MAX_MESSAGE,
}
"""The feature behind each setting of a queue."""

TOPIC_SETTINGS = {
    "retention": Feature.TOPICS,
    "retention_bytes": Feature.TOPICS,
    "cleanup": Feature.COMPACTION,
    "tombstone_delay": Feature.COMPACTION,
    "compaction_lag": Feature.COMPACTION,
    "labels": Feature.LABELS,
    "max_message": Feature.MAX_MESSAGE,
}
"""The feature behind each setting of a topic."""
