"""The Kafka of the tests: one cluster for all, emptied for each test; and librdkafka's mock."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient, ConfigResource, ConfigSource, ResourceType

VARIABLE = "MQ_TEST_KAFKA"
OURS = "__"
_SECONDS = 30.0


def server() -> str:
    """The place of the cluster; without one tests are skipped by name."""
    url = os.environ.get(VARIABLE)
    if url:
        return url
    told = f"no Kafka: ${VARIABLE} is not set (.ci/kafka start FOLDER prints it)"
    pytest.skip(told)


@contextmanager
def emptied() -> Iterator[str]:
    """Yield the cluster without topics and groups; other tests wait meanwhile."""
    url = server()
    name = "mq-test-" + url.replace("/", "_") + ".lock"
    with (Path(tempfile.gettempdir()) / name).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        empty(url)
        yield url


def empty(url: str) -> None:
    """Delete every topic and group of a cluster."""
    admin = AdminClient({"bootstrap.servers": hosts(url), "log_level": 0})
    topics = [one for one in admin.list_topics(timeout=_SECONDS).topics if not one.startswith(OURS)]
    if topics:
        for future in admin.delete_topics(topics, request_timeout=_SECONDS).values():
            future.result()
    groups = [one.group_id for one in admin.list_consumer_groups().result().valid]
    if groups:
        for future in admin.delete_consumer_groups(groups, request_timeout=_SECONDS).values():
            _unless_gone(future.result)


def _unless_gone(wait: Callable[[], object]) -> None:
    try:
        wait()
    except KafkaException as error:
        if error.args[0].code() != KafkaError.GROUP_ID_NOT_FOUND:
            raise


def own_configuration(topic: str) -> dict[str, str]:
    """What of the configuration of a topic is set on it, as an administrator sees it."""
    admin = AdminClient({"bootstrap.servers": hosts(server()), "log_level": 0})
    resource = ConfigResource(ResourceType.TOPIC, topic)
    entries = admin.describe_configs([resource])[resource].result(_SECONDS)
    own = ConfigSource.DYNAMIC_TOPIC_CONFIG.value
    return {name: entry.value for name, entry in entries.items() if entry.source == own}


@contextmanager
def mock() -> Iterator[str]:
    """Yield the place of librdkafka's own mock cluster, which lives in this process."""
    cluster = Producer({"test.mock.num.brokers": 1, "log_level": 0})
    (broker,) = cluster.list_topics(timeout=_SECONDS).brokers.values()
    yield f"kafka://{broker.host}:{broker.port}"
    del cluster


def hosts(url: str) -> str:
    """The bootstrap servers of a place."""
    return url.removeprefix("kafka://")
