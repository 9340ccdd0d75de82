"""The products and features that correspond to a place, and their limits."""

from __future__ import annotations

from dataclasses import dataclass, replace

from store.advice.placements import Placement
from store.advice.sizing import Sizing
from store.advice.workload import Control, Order, Routing, Workload, WorkloadOperations
from store.model.text import counted

_CALLS = 300
_BATCHED = 3000
_LONGEST_SQS_DELAY = "SQS delays by 15 minutes at most"


@dataclass(frozen=True, slots=True)
class Product:
    """A feature of a product that does this job; `limits` says when it no longer does."""

    product: str
    feature: str
    limits: str


def products_for(workload: Workload, place: Placement, sizing: Sizing) -> tuple[Product, ...]:
    """Return the products for a place, the best one for this operator first."""
    found = _PLACES[place](workload, sizing)
    if workload.operations is not WorkloadOperations.NONE:
        return found
    hosted = [replace(one, feature=f"{one.feature}, {_hosting(one)}") for one in found]
    return tuple(sorted(hosted, key=lambda one: one.product != "Amazon SQS"))


def _hosting(product: Product) -> str:
    """Return the hosted offers, for an owner who does not want to run a server."""
    return "without a server to run" if product.product == "Amazon SQS" else "run by a provider"


def _log(workload: Workload, sizing: Sizing) -> tuple[Product, ...]:
    partitions = _partitions(sizing)
    policy = ", cleanup.policy=compact" if workload.latest_only else ""
    streams = Product(
        "RabbitMQ",
        "a stream" if sizing.partitions == 1 else f"a super stream of {partitions}",
        "no compaction: it can't keep the newest value of each key"
        if workload.latest_only
        else "a reader keeps its own offset; no groups that share out partitions by themselves",
    )
    kafka = Product(
        "Apache Kafka",
        f"a topic of {partitions}{policy}, and a consumer group for each reader",
        "one consumer for a partition at a time; a record that fails holds all behind it",
    )
    return (kafka, streams)


def _share(workload: Workload, sizing: Sizing) -> tuple[Product, ...]:
    return (
        Product(
            "Apache Kafka",
            f"a topic of {_partitions(sizing)}, and a share group for each"
            " reader (ready for use from 4.2)",
            "no order; 2,000 records in flight for a partition; no DLQ before 4.4",
        ),
        Product(
            "RabbitMQ",
            f"{_durable_queue(workload)} for each reader beside a stream, on one exchange",
            "a copy for each reader; going back means reading the stream",
        ),
    )


def _queue(workload: Workload, _sizing: Sizing) -> tuple[Product, ...]:
    several = len(workload.readers) > 1
    rabbit = Product("RabbitMQ", _rabbit_queue(workload), _rabbit_limits(workload))
    if Control.PRIORITY in workload.per_message or workload.routing is Routing.KEY:
        return (
            rabbit,
            Product("Amazon SQS", "a standard queue for each level", _sqs_lacks(workload)),
        )
    feature = "an SNS topic and a standard queue for each reader" if several else "a standard queue"
    delays = Control.DELAY in workload.per_message
    limits = _LONGEST_SQS_DELAY if delays else "messages stay 14 days at most"
    return (Product("Amazon SQS", feature, limits), rabbit)


def _sqs_lacks(workload: Workload) -> str:
    if Control.PRIORITY in workload.per_message:
        return "SQS has no priorities: workers must ask the urgent queue first"
    return "SNS filters by attributes, not by patterns over words"


def _rabbit_queue(workload: Workload) -> str:
    queue = _durable_queue(workload)
    kind = {Routing.KEY: "a topic", Routing.HEADERS: "a headers"}.get(workload.routing, "a fanout")
    if workload.routing is not Routing.NONE or len(workload.readers) > 1:
        return f"{kind} exchange, and {queue} for each reader"
    return queue


def _durable_queue(workload: Workload) -> str:
    return "a quorum queue" if workload.survive_machine_loss else "a classic queue"


def _rabbit_limits(workload: Workload) -> str:
    if Control.DELAY in workload.per_message:
        return "delays need a plugin, or a queue with a TTL for each length of delay"
    if Control.PRIORITY in workload.per_message:
        return "a quorum queue has strict priorities from 4.3, 0 to 31"
    if workload.survive_machine_loss:
        return "20 deliveries unless told otherwise; no lease to renew, 30 minutes for an answer"
    return "one node's disk: a classic queue is not replicated"


def _fifo(workload: Workload, _sizing: Sizing) -> tuple[Product, ...]:
    rate = workload.future_rate
    if workload.order is Order.ALL:
        single = Product(
            "RabbitMQ",
            f"{_durable_queue(workload)} with a single active consumer, prefetch 1",
            "one consumer at a time; the next takes over when it is gone",
        )
        return (_sqs_fifo(rate, whole_in_one_group=True), single)
    hashed = Product(
        "RabbitMQ",
        f"a consistent-hash exchange over {_durable_queue(workload)}s with a single active"
        " consumer each",
        "a message that fails holds its whole queue, not only its key; changing their number"
        " remaps keys",
    )
    return (_sqs_fifo(rate, whole_in_one_group=False), hashed)


def _sqs_fifo(rate: float, *, whole_in_one_group: bool) -> Product:
    if rate <= _CALLS:
        feature = "a FIFO queue"
        limits = f"{_CALLS} calls/s for each action; {_BATCHED:,} messages/s in batches of 10"
    elif rate <= _BATCHED:
        feature = "a FIFO queue, messages sent and deleted in batches of 10"
        limits = f"{_BATCHED:,} messages/s in batches of 10, {_CALLS}/s without"
    elif whole_in_one_group:
        feature = "none: one message group"
        limits = f"a message group does {_BATCHED:,} messages/s at most, in batches of 10"
    else:
        feature = "a FIFO queue in high-throughput mode (dedup scope and limit per message group)"
        limits = f"still {_CALLS} calls/s, {_BATCHED:,} messages/s batched, for one message group"
    return Product("Amazon SQS", feature, limits)


def _log_and_queue(workload: Workload, sizing: Sizing) -> tuple[Product, ...]:
    partitions = _partitions(sizing)
    return (
        Product(
            "RabbitMQ",
            f"an exchange bound to a stream and to {_durable_queue(workload)} for each reader",
            "no order within a key beside others: a consistent-hash exchange splits it over queues"
            if workload.order is Order.KEY
            else _rabbit_limits(workload),
        ),
        Product(
            "Apache Kafka",
            f"a topic of {partitions}; retries, delays and priorities in topics and tables of"
            " your own",
            "no delays and no priorities; retry topics break the order within a key",
        ),
        Product(
            "Amazon SQS",
            f"SNS to {'a FIFO queue' if workload.order is not Order.NONE else 'a standard queue'}"
            " for each reader, and to Firehose for the history",
            f"the history can't be read again as a stream; {_LONGEST_SQS_DELAY}",
        ),
    )


def _partitions(sizing: Sizing) -> str:
    assert sizing.partitions is not None
    return counted(sizing.partitions, "partition")


_PLACES = {
    Placement.LOG: _log,
    Placement.SHARE: _share,
    Placement.QUEUE: _queue,
    Placement.FIFO_QUEUE: _fifo,
    Placement.LOG_AND_QUEUE: _log_and_queue,
}
