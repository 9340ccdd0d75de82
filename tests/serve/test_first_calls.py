"""boto3 walks the life of a message."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.serving import Server

pytestmark = pytest.mark.xdist_group("serve-first-calls")


def test_a_message_is_sent_received_and_deleted(sqs: Any, queue: str) -> None:
    sent = sqs.send_message(QueueUrl=queue, MessageBody="hello")
    (message,) = sqs.receive_message(QueueUrl=queue)["Messages"]
    sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])

    assert (message["Body"], message["MessageId"]) == ("hello", sent["MessageId"])
    counts = sqs.get_queue_attributes(
        QueueUrl=queue, AttributeNames=["ApproximateNumberOfMessagesNotVisible"]
    )
    assert counts["Attributes"] == {"ApproximateNumberOfMessagesNotVisible": "0"}


def test_the_url_of_a_queue_is_at_the_address_that_the_client_uses(
    sqs: Any, server: Server
) -> None:
    created = sqs.create_queue(QueueName="addressed")

    assert created["QueueUrl"] == f"{server.url}/000000000000/addressed"


def test_a_name_alone_stands_for_the_url(sqs: Any, queue: str) -> None:
    name = queue.rpartition("/")[2]

    sqs.send_message(QueueUrl=name, MessageBody="hello")

    assert sqs.receive_message(QueueUrl=queue)["Messages"][0]["Body"] == "hello"


def test_a_queue_that_does_not_exist_is_told_as_by_amazon(sqs: Any) -> None:
    with pytest.raises(sqs.exceptions.QueueDoesNotExist) as caught:
        sqs.get_queue_url(QueueName="missing")

    error = caught.value.response["Error"]
    assert error["Code"] == "AWS.SimpleQueueService.NonExistentQueue"
    assert error["Message"] == "The specified queue does not exist."
