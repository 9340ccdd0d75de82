"""The tools that come with Kafka, run in one Java for all calls."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.support import kafka_server

ROOT = Path(__file__).parents[2]
GROUPS = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand"
_PROGRAM = Path(__file__).with_name("KafkaTools.java")
_END = "\x1e\n"


def run(url: str, tool: str, calls: Sequence[Sequence[str]]) -> list[str]:
    """What a tool prints for each list of arguments; without Java tests are skipped by name."""
    if shutil.which("java") is None:
        pytest.skip("no java: Kafka's own tools can't be run")
    jars = subprocess.run(
        [ROOT / ".ci" / "kafka", "classpath"], capture_output=True, text=True, check=True
    ).stdout.strip()
    servers = ["--bootstrap-server", kafka_server.hosts(url)]
    lines = "".join("\t".join([tool, *servers, *call]) + "\n" for call in calls)
    options = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
    done = subprocess.run(
        ["java", *options, "-cp", jars, str(_PROGRAM)],
        input=lines, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout.split(_END)[: len(calls)]
