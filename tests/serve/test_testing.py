"""`mq.testing` and the pytest plugin, as the tests of another program use them."""

from __future__ import annotations

import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from mq.testing import serve
from store import MqError, Store
from tests.support.processes import PATIENCE
from tests.support.serving import sqs_client

TEST = """
import boto3


def test_one(mq_sqs):
    sqs = boto3.client("sqs")
    url = sqs.create_queue(QueueName="jobs")["QueueUrl"]
    assert url.startswith(mq_sqs.sqs_url)


def test_another_begins_empty(mq_sqs):
    assert "QueueUrls" not in boto3.client("sqs").list_queues()
"""


def test_the_fixture_has_an_empty_server_for_each_test(tmp_path: Path) -> None:
    file = tmp_path / "test_program.py"
    file.write_text(TEST)

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "mq", "-p", "no:cacheprovider", str(file)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )

    assert done.returncode == 0, done.stdout
    assert "2 passed" in done.stdout


def test_the_block_gives_the_ports_of_a_server_on_a_store(path: Path) -> None:
    Store.open(path, create=True, durability="normal").close()
    with serve(sqs=True, store=path) as ports, closing(sqs_client(ports.sqs_url)) as sqs:
        assert ports["sqs"] == ports.sqs
        sqs.create_queue(QueueName="jobs")

    with Store.open(path) as store:
        assert [queue.name for queue in store.queues()] == ["jobs"]


def test_a_server_that_does_not_start_raises_what_it_said(path: Path) -> None:
    with pytest.raises(MqError, match="there is no store"), serve(store=path):
        pass
