"""One message, seen by boto3, `mq peek`, `mq dlq redrive`, and the question of the dashboard."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from store import Store
from tests.support.processes import PATIENCE, ROOT
from tests.support.serving import Server

pytestmark = pytest.mark.xdist_group("serve-one-message")


def mq(server: Server, *words: str) -> list[dict[str, Any]]:
    """What a command prints, line by line."""
    command = [sys.executable, "-m", "mq", "-s", str(server.path), "-o", "ndjson", *words]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE, check=True
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_the_same_message_is_seen_by_every_way_to_the_file(sqs: Any, server: Server) -> None:
    sqs.create_queue(QueueName="dead")
    arn = "arn:aws:sqs:eu-west-1:000000000000:dead"
    policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 1})
    attributes = {"RedrivePolicy": policy, "VisibilityTimeout": "0"}
    sqs.create_queue(QueueName="jobs", Attributes=attributes)
    sent = sqs.send_message(
        QueueUrl="jobs",
        MessageBody="hello",
        MessageAttributes={"tenant": {"DataType": "String", "StringValue": "shop"}},
    )

    (peeked,) = mq(server, "peek", "jobs")
    assert (peeked["id"], peeked["value"]) == (sent["MessageId"], "hello")
    assert peeked["headers"] == {"tenant": "shop"}

    for _ in range(2):
        sqs.receive_message(QueueUrl="jobs")
    with Store.open(server.path) as beside:
        assert beside.snapshot().dead_letters == 1

    mq(server, "dlq", "redrive", "dead")
    again = sqs.receive_message(
        QueueUrl="jobs", AttributeNames=["All"], MessageAttributeNames=["All"]
    )
    (message,) = again["Messages"]
    assert message["MessageId"] == sent["MessageId"]
    assert message["MessageAttributes"]["tenant"]["StringValue"] == "shop"


def test_the_holder_of_a_lease_is_the_program_and_its_host(sqs: Any, server: Server) -> None:
    sqs.create_queue(QueueName="held")
    sqs.send_message(QueueUrl="held", MessageBody="m")
    (message,) = sqs.receive_message(QueueUrl="held")["Messages"]

    (lease,) = mq(server, "lease", "list", "held")

    assert lease["holder"].startswith("sqs Boto3/")
    assert lease["holder"].endswith(" 127.0.0.1")
    assert message["ReceiptHandle"].partition(".")[0] == lease["receipt"]
