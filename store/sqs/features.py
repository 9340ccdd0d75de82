"""The features of Amazon SQS. Its API has one version, of 2012; what was added since has none."""

from __future__ import annotations

from store.engine.features import NATIVE, Declared, Feature, Features, absent, composed

ENGINE = "sqs"
VERSION = "2012-11-05"

_NO_LOG = absent(
    "it keeps nothing after the acknowledgement", "a file, kafka or rabbitmq has topics"
)
_NO_GROUPS = absent("it keeps no records to have a position in", "a queue for each reader")
_LOOKING = absent(
    "to look at a message there is to receive it, which counts as a delivery",
    "mq queue show counts them, mq receive --lease takes some",
)
_JOURNAL = absent("there is nowhere to keep a journal", "mq dlq redrive moves all of them")
_ALL_LETTERS = absent("a move takes all letters of a DLQ", "mq receive, and mq ack")
_LIMIT = absent("a queue there takes any number of messages", "mq metrics, and an alarm of its own")
_RETURNED = "mq nack --delay, or mq work --retry-delay"

DECLARED: Declared = {
    Feature.STATUS: NATIVE,
    Feature.DASHBOARD: NATIVE,
    Feature.METRICS: NATIVE,
    Feature.DOCTOR: NATIVE,
    Feature.STALLS: absent(
        "the age of messages is known to CloudWatch alone, and readers to nothing",
        "mq queue show, and ApproximateAgeOfOldestMessage in CloudWatch",
    ),
    Feature.EXPLAIN: absent("it does not tell who holds a message", "mq queue show counts them"),
    Feature.PERFORM: absent("a remedy there is a command to run", "run the command that is shown"),
    Feature.FILE: absent("the service keeps the data", "mq export for the settings"),
    Feature.TRANSACTIONS: absent(
        "an acknowledgement and a message are not stored as one", "mq work, with idempotent work"
    ),
    Feature.PROJECTIONS: absent("it has no SQL tables", "mq consume -o ndjson | sqlite-utils"),
    Feature.TOPICS: _NO_LOG,
    Feature.TOPIC_ADMIN: _NO_LOG,
    Feature.MORE_PARTITIONS: _NO_LOG,
    Feature.TRIM: _NO_LOG,
    Feature.COMPACTION: _NO_LOG,
    Feature.GROUPS: _NO_GROUPS,
    Feature.GROUP_LIST: _NO_GROUPS,
    Feature.GROUP_SETTINGS: _NO_GROUPS,
    Feature.GROUP_RESET: _NO_GROUPS,
    Feature.GROUP_SKIP: _NO_GROUPS,
    Feature.LAG: absent("it keeps no records to lag behind in", "mq queue list counts messages"),
    Feature.SHARES: absent("it has no topics to share", "a queue: mq queue create NAME"),
    Feature.QUEUES: NATIVE,
    Feature.QUEUE_ALTER: NATIVE,
    Feature.LEASE: NATIVE,
    Feature.RECEIPTS: NATIVE,
    Feature.LEASE_LIST: absent("it does not tell who holds a message", "mq queue show counts them"),
    Feature.PREFETCH: NATIVE,
    Feature.REJECT: absent(
        "a message reaches the DLQ by its deliveries alone", "mq nack, and --max-deliveries"
    ),
    Feature.PEEK: _LOOKING,
    Feature.HISTORY: absent("it keeps no failed deliveries", "let the command log its errors"),
    Feature.DELAY: NATIVE,
    Feature.RETURN_LATER: NATIVE,
    Feature.RETRY_DELAYS: absent("a queue has no delays of its own for retries", _RETURNED),
    Feature.FIFO: NATIVE,
    Feature.FAIR: NATIVE,
    Feature.DEDUP: NATIVE,
    Feature.PRIORITIES: absent("a queue has no levels", "a queue for each level"),
    Feature.TTL: absent("a queue has one time for all", "--retention of the queue"),
    Feature.RETENTION: NATIVE,
    Feature.MAX_MESSAGE: NATIVE,
    Feature.MAX_LENGTH: _LIMIT,
    Feature.OVERFLOW_DEAD_LETTER: _LIMIT,
    Feature.MAX_DELIVERIES: NATIVE,
    Feature.DROP_EXHAUSTED: absent("it drops nothing for its deliveries", "--dlq QUEUE"),
    Feature.SINGLE_ACTIVE: absent(
        "any reader may receive", "a FIFO queue with one message group"
    ),
    Feature.REDRIVE_ALLOW: NATIVE,
    Feature.LABELS: absent("mq sets no tags there", "aws sqs tag-queue"),
    Feature.CHAOS: absent("it misbehaves only when it must", "test with a file store"),
    Feature.RECEIVE_WAIT: NATIVE,
    Feature.PURGE: NATIVE,
    Feature.PURGE_LEASED: NATIVE,
    Feature.KEEP_LEASED: absent("a purge there takes leased messages too", "wait until none is"),
    Feature.PURGE_MESSAGE: absent("a message has no address there", "mq receive, and mq ack"),
    Feature.PROPERTIES: absent("mq sends headers alone", "send them as headers"),
    Feature.TOMBSTONES: absent("a message has at least one character", "send a word for it"),
    Feature.BINARY: absent(
        "a message is text of at least one character, without control characters",
        "encode it: base64",
    ),
    Feature.NAMED_PRODUCERS: absent(
        "it remembers no producer", "--dedup-id on a FIFO queue; or send anew"
    ),
    Feature.ATOMIC_BATCH: absent("each message of a batch is stored by itself", "one message"),
    Feature.DLQ: NATIVE,
    Feature.DLQ_LIST: NATIVE,
    Feature.DLQ_PEEK: _LOOKING,
    Feature.DLQ_REDRIVE: NATIVE,
    Feature.DLQ_SOME: _ALL_LETTERS,
    Feature.DLQ_CHOICE: _ALL_LETTERS,
    Feature.DLQ_UNDO: _JOURNAL,
    Feature.DLQ_EDIT: absent("a message can't be changed in place", "receive, edit, produce, ack"),
    Feature.DLQ_RESTORE: absent("how a message died can't be written", "mq produce -f FILE"),
    Feature.EXCHANGES: absent(
        "fan-out there is SNS, which mq does not drive", "a queue for each reader"
    ),
    Feature.MANDATORY: absent("there are no exchanges", "send to the queue"),
    Feature.DESTINATIONS: absent("there are no exchanges", "send to the queue"),
    Feature.ROUTE: absent("there are no bindings", "send to the queue"),
    Feature.TOPOLOGY: NATIVE,
    Feature.ATOMIC_APPLY: absent(
        "steps are carried out one after the other", "apply it again: it goes on where it ended"
    ),
    Feature.OWNERSHIP: composed("the tag mq:label names the topology that owns a queue"),
}  # fmt: skip


def features() -> Features:
    """Return the features of SQS."""
    return Features(ENGINE, VERSION, DECLARED)


QUEUE_SETTINGS = {
    "fifo": Feature.FIFO,
    "lease": Feature.LEASE,
    "delay": Feature.DELAY,
    "retention": Feature.RETENTION,
    "max_deliveries": Feature.MAX_DELIVERIES,
    "dlq": Feature.DLQ,
    "dlq_key": Feature.EXCHANGES,
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
