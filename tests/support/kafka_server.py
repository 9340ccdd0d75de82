"""The Kafka of the tests: one cluster for all, emptied for each test."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import pytest
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (
    AdminClient,
    ConfigResource,
    ConfigSource,
    ConsumerGroupListing,
    ResourceType,
)

VARIABLE = "MQ_TEST_KAFKA"
OURS = "__"
LOGIN, TLS = 2, 3
"""The listeners of the cluster with a login and over TLS, by their distance from its port."""
PASSWORD = "secret"
_SECONDS = 30.0
_LOOK = 0.5


def server() -> str:
    """The place of the cluster; without one tests are skipped by name."""
    url = os.environ.get(VARIABLE)
    if url:
        return url
    told = f"no Kafka: ${VARIABLE} is not set (.ci/kafka start FOLDER prints it)"
    pytest.skip(told)


def at(listener: int, *, scheme: str = "kafka", user: str = "") -> str:
    """The place of another listener of the cluster."""
    host, _, port = hosts(server()).partition(":")
    return f"{scheme}://{user}{'@' if user else ''}{host}:{int(port) + listener}"


def authority() -> str:
    """The file with the authority of the cluster's certificate."""
    file = os.environ.get("MQ_TEST_KAFKA_CA")
    if not file:
        pytest.skip("$MQ_TEST_KAFKA_CA is not set: FOLDER/ca.pem of .ci/kafka start FOLDER")
    return file


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
    # The settings of a deleted topic may hold for a new one of its name until its broker knows.
    while any(not name.startswith(OURS) for name in admin.list_topics(timeout=_SECONDS).topics):
        Event().wait(_LOOK)
    while not _are_deleted(admin, admin.list_consumer_groups().result().valid):
        Event().wait(_LOOK)


def _are_deleted(admin: AdminClient, groups: Sequence[ConsumerGroupListing]) -> bool:
    """Delete groups; return False while a killed member of one is still held for alive."""
    names = [group.group_id for group in groups]
    gone = True
    for future in admin.delete_consumer_groups(names).values() if names else ():
        try:
            future.result()
        except KafkaException as error:
            gone = gone and error.args[0].code() != KafkaError.NON_EMPTY_GROUP
    return gone


def own_configuration(topic: str) -> dict[str, str]:
    """What of the configuration of a topic is set on it, as an administrator sees it."""
    admin = AdminClient({"bootstrap.servers": hosts(server()), "log_level": 0})
    resource = ConfigResource(ResourceType.TOPIC, topic)
    entries = admin.describe_configs([resource])[resource].result(_SECONDS)
    own = ConfigSource.DYNAMIC_TOPIC_CONFIG.value
    return {name: entry.value for name, entry in entries.items() if entry.source == own}


def tool(name: str, *options: str, given: str = "") -> str:
    """Run a tool that comes with Kafka, by its class, and return its output."""
    java = shutil.which("java")
    if java is None:
        pytest.skip("no java for the tools of Kafka")
    script = Path(__file__).parents[2] / ".ci" / "kafka"
    jars = subprocess.run([script, "classpath"], capture_output=True, text=True, check=True).stdout
    command = [java, "-XX:TieredStopAtLevel=1", "-cp", jars, f"org.apache.kafka.tools.{name}"]
    done = subprocess.run(
        [*command, "--bootstrap-server", hosts(server()), *options],
        input=given, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def hosts(url: str) -> str:
    """The bootstrap servers of a place."""
    return url.removeprefix("kafka://")
