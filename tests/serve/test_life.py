"""boto3 walks the life of each kind of queue."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError

from store import Store
from tests.support.processes import PATIENCE
from tests.support.serving import Server

pytestmark = pytest.mark.xdist_group("serve-life")

MakeQueue = Callable[..., str]


def name_of(url: str) -> str:
    return url.rpartition("/")[2]


def arn_of(url: str) -> str:
    return f"arn:aws:sqs:eu-west-1:000000000000:{name_of(url)}"


def send(sqs: Any, queue: str, *bodies: str, **more: Any) -> None:
    batch = [{"Id": str(n), "MessageBody": body, **more} for n, body in enumerate(bodies)]
    sent = sqs.send_message_batch(QueueUrl=queue, Entries=batch)
    assert "Failed" not in sent


def receive(sqs: Any, queue: str, most: int = 10, **more: Any) -> list[dict[str, Any]]:
    got = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=most, **more)
    return list(got.get("Messages", []))


def bodies(messages: list[dict[str, Any]]) -> list[str]:
    return [message["Body"] for message in messages]


def test_attributes_come_back_with_their_types_and_the_bytes_of_the_body(
    sqs: Any, queue: str
) -> None:
    body = 'line\r\n"quoted" &quot; \U0001f600\t'
    attributes = {
        "text": {"DataType": "String", "StringValue": "é"},
        "label": {"DataType": "String.colour", "StringValue": "red"},
        "number": {"DataType": "Number", "StringValue": "-1.50"},
        "float": {"DataType": "Number.float", "StringValue": "0.1"},
        "bytes": {"DataType": "Binary", "BinaryValue": b"\0\xff"},
    }
    sent = sqs.send_message(QueueUrl=queue, MessageBody=body, MessageAttributes=attributes)

    (message,) = receive(sqs, queue, MessageAttributeNames=["All"])

    assert message["Body"] == body
    assert message["MessageAttributes"] == attributes
    assert message["MD5OfMessageAttributes"] == sent["MD5OfMessageAttributes"]


def test_a_trace_is_told(sqs: Any, queue: str) -> None:
    trace = {"AWSTraceHeader": {"DataType": "String", "StringValue": "Root=1-2"}}
    sqs.send_message(QueueUrl=queue, MessageBody="m", MessageSystemAttributes=trace)

    (message,) = receive(sqs, queue, MessageSystemAttributeNames=["AWSTraceHeader"])

    assert message["Attributes"] == {"AWSTraceHeader": "Root=1-2"}


def test_a_message_that_is_given_back_comes_again_with_a_new_receipt(sqs: Any, queue: str) -> None:
    send(sqs, queue, "m")
    (first,) = receive(sqs, queue)
    assert receive(sqs, queue) == []

    sqs.change_message_visibility(
        QueueUrl=queue, ReceiptHandle=first["ReceiptHandle"], VisibilityTimeout=0
    )

    (again,) = receive(sqs, queue, AttributeNames=["ApproximateReceiveCount"])
    assert again["MessageId"] == first["MessageId"]
    assert again["ReceiptHandle"] != first["ReceiptHandle"]
    assert again["Attributes"] == {"ApproximateReceiveCount": "2"}


def test_an_older_receipt_deletes_nothing_and_is_no_error(sqs: Any, queue: str) -> None:
    send(sqs, queue, "m")
    (first,) = receive(sqs, queue, VisibilityTimeout=0)
    receive(sqs, queue)

    sqs.delete_message(QueueUrl=queue, ReceiptHandle=first["ReceiptHandle"])

    told = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])["Attributes"]
    assert told["ApproximateNumberOfMessagesNotVisible"] == "1"


def test_a_receipt_of_another_queue_is_refused(sqs: Any, make_queue: MakeQueue) -> None:
    queue, other = make_queue(), make_queue()
    send(sqs, queue, "m")
    (message,) = receive(sqs, queue)

    with pytest.raises(sqs.exceptions.ReceiptHandleIsInvalid):
        sqs.delete_message(QueueUrl=other, ReceiptHandle=message["ReceiptHandle"])


def test_each_entry_of_a_batch_has_its_own_result(sqs: Any, queue: str) -> None:
    send(sqs, queue, "a", "b")
    handles = [message["ReceiptHandle"] for message in receive(sqs, queue)]
    entries = [
        {"Id": str(n), "ReceiptHandle": handle}
        for n, handle in enumerate([handles[0], "made up", handles[1]])
    ]

    done = sqs.delete_message_batch(QueueUrl=queue, Entries=entries)

    assert [each["Id"] for each in done["Successful"]] == ["0", "2"]
    (failed,) = done["Failed"]
    assert (failed["Id"], failed["Code"]) == ("1", "ReceiptHandleIsInvalid")
    assert failed["SenderFault"] is True


def test_a_visibility_timeout_ends_twelve_hours_after_the_receive(sqs: Any, queue: str) -> None:
    send(sqs, queue, "m")
    (message,) = receive(sqs, queue)

    with pytest.raises(ClientError, match="43200"):
        sqs.change_message_visibility(
            QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=43_201
        )


def test_a_waiting_receive_wakes_at_a_send_of_another_process(
    sqs: Any, server: Server, queue: str
) -> None:
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(receive, sqs, queue, WaitTimeSeconds=20)
        with Store.open(server.path) as beside:
            beside.send(name_of(queue), "from beside")
        assert bodies(waiting.result(PATIENCE)) == ["from beside"]


def test_a_tenant_with_much_in_flight_stands_back_in_a_standard_queue(sqs: Any, queue: str) -> None:
    for _ in range(5):
        send(sqs, queue, *"a" * 10, MessageGroupId="a")
    for _ in range(4):
        receive(sqs, queue)
    send(sqs, queue, "b", MessageGroupId="b")

    (message,) = receive(sqs, queue, 1, AttributeNames=["All"])

    assert (message["Body"], message["Attributes"]["MessageGroupId"]) == ("b", "b")
    assert "SequenceNumber" not in message["Attributes"]


def test_a_batch_without_a_group_has_another_code_than_a_single_send(
    sqs: Any, make_queue: MakeQueue
) -> None:
    queue = make_queue(FifoQueue="true", ContentBasedDeduplication="true")
    entry = {"Id": "1", "MessageBody": "m"}
    with pytest.raises(ClientError) as single:
        sqs.send_message(QueueUrl=queue, MessageBody="m")
    with pytest.raises(ClientError) as batch:
        sqs.send_message_batch(QueueUrl=queue, Entries=[entry])

    errors = [caught.value.response["Error"] for caught in (single, batch)]
    assert [error["Code"] for error in errors] == ["MissingParameter", "InvalidParameterValue"]
    text = "The request must contain the parameter MessageGroupId."
    assert {error["Message"] for error in errors} == {text}


def test_a_fifo_queue_keeps_the_order_of_groups_and_drops_duplicates(
    sqs: Any, make_queue: MakeQueue
) -> None:
    queue = make_queue(FifoQueue="true", ContentBasedDeduplication="true")
    sent = [
        sqs.send_message(QueueUrl=queue, MessageBody=body, MessageGroupId=group)
        for body, group in [("1", "a"), ("2", "b"), ("3", "a"), ("1", "a")]
    ]
    assert sent[3]["SequenceNumber"] == sent[0]["SequenceNumber"]
    assert sent[0]["SequenceNumber"] < sent[1]["SequenceNumber"] < sent[2]["SequenceNumber"]

    (first,) = receive(sqs, queue, 1)
    assert (first["Body"], bodies(receive(sqs, queue, 1))) == ("1", ["2"])
    assert receive(sqs, queue) == []
    sqs.delete_message(QueueUrl=queue, ReceiptHandle=first["ReceiptHandle"])
    assert bodies(receive(sqs, queue)) == ["3"]


def test_a_receive_is_repeated_by_its_attempt_id_until_a_message_is_settled(
    sqs: Any, make_queue: MakeQueue
) -> None:
    queue = make_queue(FifoQueue="true", ContentBasedDeduplication="true")
    send(sqs, queue, "1", "2", MessageGroupId="g")

    first = receive(sqs, queue, ReceiveRequestAttemptId="x")
    assert receive(sqs, queue, ReceiveRequestAttemptId="x") == first
    assert receive(sqs, queue, ReceiveRequestAttemptId="y") == []
    sqs.delete_message(QueueUrl=queue, ReceiptHandle=first[0]["ReceiptHandle"])

    assert receive(sqs, queue, ReceiveRequestAttemptId="x") == []


def test_an_expired_receipt_of_a_fifo_queue_is_refused(sqs: Any, make_queue: MakeQueue) -> None:
    queue = make_queue(FifoQueue="true", ContentBasedDeduplication="true")
    send(sqs, queue, "m", MessageGroupId="g")
    (first,) = receive(sqs, queue, VisibilityTimeout=0)

    with pytest.raises(ClientError) as caught:
        sqs.delete_message(QueueUrl=queue, ReceiptHandle=first["ReceiptHandle"])

    error = caught.value.response["Error"]
    assert error["Code"] == "InvalidParameterValue"
    assert error["Message"].endswith("Reason: The receipt handle has expired.")


def test_a_message_that_was_delivered_too_often_goes_to_the_dead_letter_queue(
    sqs: Any, make_queue: MakeQueue
) -> None:
    dead = make_queue()
    policy = json.dumps({"deadLetterTargetArn": arn_of(dead), "maxReceiveCount": "1"})
    queue = make_queue(VisibilityTimeout=0, RedrivePolicy=policy)
    send(sqs, queue, "m")

    (first,) = receive(sqs, queue)
    assert receive(sqs, queue) == []

    (letter,) = receive(sqs, dead, AttributeNames=["All"])
    assert letter["MessageId"] == first["MessageId"]
    assert letter["Attributes"]["ApproximateReceiveCount"] == "2"
    assert letter["Attributes"]["DeadLetterQueueSourceArn"] == arn_of(queue)
    told = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["RedrivePolicy"])
    assert json.loads(told["Attributes"]["RedrivePolicy"])["maxReceiveCount"] == 1
    assert sqs.list_dead_letter_source_queues(QueueUrl=dead)["queueUrls"] == [queue]


BAD_POLICIES = {
    "no count": {"deadLetterTargetArn": "arn:aws:sqs:eu-west-1:000000000000:any"},
    "no target": {"maxReceiveCount": 3},
    "no number": {"deadLetterTargetArn": "arn:aws:sqs:x:0:any", "maxReceiveCount": "invalid"},
    "beyond": {"deadLetterTargetArn": "arn:aws:sqs:x:0:any", "maxReceiveCount": 1001},
    "missing": {"deadLetterTargetArn": "arn:aws:sqs:x:0:missing", "maxReceiveCount": 3},
}


@pytest.mark.parametrize("fault", BAD_POLICIES)
def test_a_redrive_policy_that_can_not_be_is_refused(sqs: Any, queue: str, fault: str) -> None:
    with pytest.raises(ClientError) as caught:
        sqs.set_queue_attributes(
            QueueUrl=queue, Attributes={"RedrivePolicy": json.dumps(BAD_POLICIES[fault])}
        )

    assert caught.value.response["Error"]["Code"] == "InvalidParameterValue"


def test_a_dead_letter_queue_chooses_its_sources(sqs: Any, make_queue: MakeQueue) -> None:
    allow = json.dumps({"redrivePermission": "denyAll"})
    dead = make_queue(RedriveAllowPolicy=allow)
    policy = json.dumps({"deadLetterTargetArn": arn_of(dead), "maxReceiveCount": 3})

    with pytest.raises(ClientError):
        make_queue(RedrivePolicy=policy)
    sqs.set_queue_attributes(QueueUrl=dead, Attributes={"RedriveAllowPolicy": ""})

    queue = make_queue(RedrivePolicy=policy)
    assert sqs.list_dead_letter_source_queues(QueueUrl=dead)["queueUrls"] == [queue]


def test_a_changed_attribute_is_told(sqs: Any, queue: str) -> None:
    changed = {"VisibilityTimeout": "3", "DelaySeconds": "2", "ReceiveMessageWaitTimeSeconds": "1"}
    sqs.set_queue_attributes(QueueUrl=queue, Attributes=changed)

    told = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=list(changed))

    assert told["Attributes"] == changed


def test_tags_are_kept_and_told(sqs: Any) -> None:
    url = sqs.create_queue(QueueName="tagged", tags={"team": "shop", "sqs.own": "x"})["QueueUrl"]
    sqs.tag_queue(QueueUrl=url, Tags={"team": "jobs", "env": "test"})
    assert sqs.list_queue_tags(QueueUrl=url)["Tags"] == {
        "team": "jobs",
        "env": "test",
        "sqs.own": "x",
    }

    sqs.untag_queue(QueueUrl=url, TagKeys=["team", "missing", "sqs.own"])

    assert sqs.list_queue_tags(QueueUrl=url)["Tags"] == {"env": "test"}


def test_permissions_are_a_policy_that_is_told_back(sqs: Any, queue: str) -> None:
    def policy() -> Any:
        told = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["Policy"])
        return json.loads(told["Attributes"]["Policy"]) if "Attributes" in told else None

    given = {"AWSAccountIds": ["000000000001"], "Actions": ["SendMessage", "ReceiveMessage"]}
    sqs.add_permission(QueueUrl=queue, Label="readers", **given)
    (statement,) = policy()["Statement"]
    assert (statement["Sid"], statement["Resource"]) == ("readers", arn_of(queue))
    assert statement["Action"] == ["SQS:SendMessage", "SQS:ReceiveMessage"]
    with pytest.raises(ClientError, match="Already exists"):
        sqs.add_permission(QueueUrl=queue, Label="readers", **given)

    sqs.remove_permission(QueueUrl=queue, Label="readers")

    assert policy() is None
    with pytest.raises(ClientError, match="can't find label"):
        sqs.remove_permission(QueueUrl=queue, Label="readers")


def test_attributes_without_an_effect_are_told_back(sqs: Any, make_queue: MakeQueue) -> None:
    queue = make_queue(KmsMasterKeyId="alias/aws/sqs")
    told = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])["Attributes"]
    assert (told["KmsMasterKeyId"], told["SqsManagedSseEnabled"]) == ("alias/aws/sqs", "false")

    with pytest.raises(ClientError, match="one type of server-side encryption"):
        sqs.set_queue_attributes(QueueUrl=queue, Attributes={"SqsManagedSseEnabled": "true"})
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"KmsMasterKeyId": ""})

    told = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])["Attributes"]
    assert "KmsMasterKeyId" not in told
    assert told["SqsManagedSseEnabled"] == "false"
    assert int(told["LastModifiedTimestamp"]) >= int(told["CreatedTimestamp"])


def test_a_purged_queue_is_empty(sqs: Any, queue: str) -> None:
    send(sqs, queue, "a", "b")
    receive(sqs, queue, 1)

    sqs.purge_queue(QueueUrl=queue)

    send(sqs, queue, "c")
    assert bodies(receive(sqs, queue)) == ["c"]


def test_queues_are_listed_by_prefix_and_in_pages(sqs: Any) -> None:
    urls = [sqs.create_queue(QueueName=f"listed-{n}")["QueueUrl"] for n in range(5)]

    pages = sqs.get_paginator("list_queues").paginate(
        QueueNamePrefix="listed-", PaginationConfig={"PageSize": 2}
    )

    told = [page["QueueUrls"] for page in pages]
    assert [len(page) for page in told] == [2, 2, 1]
    assert [url for page in told for url in page] == urls


def test_a_deleted_queue_is_gone_and_its_name_free(sqs: Any) -> None:
    url = sqs.create_queue(QueueName="short-lived")["QueueUrl"]
    sqs.delete_queue(QueueUrl=url)

    with pytest.raises(sqs.exceptions.QueueDoesNotExist):
        sqs.send_message(QueueUrl=url, MessageBody="m")
    assert sqs.create_queue(QueueName="short-lived")["QueueUrl"] == url


def test_a_queue_of_the_command_line_is_a_queue_of_sqs(sqs: Any, server: Server) -> None:
    with Store.open(server.path) as beside:
        beside.create_queue("emails.dlq", lease=45)
        beside.send("emails.dlq", b"\xff\0", headers={"n": 1, "none": None, "list": [1]})

    (message,) = receive(sqs, "emails.dlq", MessageAttributeNames=["All"])

    assert message["Body"] == "/wA="
    assert message["MessageAttributes"] == {
        "n": {"DataType": "Number", "StringValue": "1"},
        "list": {"DataType": "String", "StringValue": "[1]"},
    }
