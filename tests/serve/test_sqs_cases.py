"""Facts about SQS that only its wire shows, case by case: those that the store departs from."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import pytest
from botocore.exceptions import ClientError

from mq.serve.sqs import checksums
from tests.conformance.test_sqs import ALL_CASES, DEPARTURES, KNOWN
from tests.support.serving import Server

pytestmark = pytest.mark.xdist_group("serve-sqs-cases")

MiB = 1 << 20
TRACE = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
# Departures that a gateway does not end.
STAY = {
    "sqs-013": "an older receipt does not extend the lease of another reader",
    "sqs-151": "a deleted queue's name is free at once",
    "sqs-171": "a limit of the service, not a rule to copy",
}
# Walked in test_life.py and test_move_tasks.py.
COVERED = {"sqs-065", "sqs-103", "sqs-105"}

MakeQueue = Callable[..., str]


def covers(*ids: str) -> Callable[[Any], Any]:
    """Note the cases that a test walks."""
    COVERED.update(ids)
    return lambda test: test


def code_of(call: Callable[..., Any], **arguments: Any) -> str:
    """The code of the error that a call ends with."""
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    return str(caught.value.response["Error"]["Code"])


def entries(*bodies: str, **more: Any) -> list[dict[str, Any]]:
    """Entries of a batch."""
    return [{"Id": str(n), "MessageBody": body, **more} for n, body in enumerate(bodies)]


def fetch(
    url: str, body: bytes | None = None, headers: dict[str, str] | None = None
) -> tuple[int, str, Any]:
    """The status, the text and the headers of an answer."""
    try:
        with urlopen(Request(url, body, headers or {})) as answer:
            return answer.status, answer.read().decode(), answer.headers
    except HTTPError as error:
        with error:
            return error.code, error.read().decode(), error.headers


@covers("sqs-032")
@pytest.mark.parametrize("seconds", [21, -1])
def test_a_wait_is_at_most_20_seconds(sqs: Any, queue: str, seconds: int) -> None:
    code = code_of(sqs.receive_message, QueueUrl=queue, WaitTimeSeconds=seconds)

    assert code == "InvalidParameterValue"


@covers("sqs-038")
def test_a_delay_is_at_most_900_seconds_for_the_entry_alone(sqs: Any, queue: str) -> None:
    batch = [
        {"Id": "a", "MessageBody": "m", "DelaySeconds": 1},
        {"Id": "b", "MessageBody": "m", "DelaySeconds": 1800},
    ]

    sent = sqs.send_message_batch(QueueUrl=queue, Entries=batch)

    assert [each["Id"] for each in sent["Successful"]] == ["a"]
    assert [each["Id"] for each in sent["Failed"]] == ["b"]


@covers("sqs-118")
def test_a_batch_has_at_most_ten_entries(sqs: Any, queue: str) -> None:
    with pytest.raises(sqs.exceptions.TooManyEntriesInBatchRequest) as caught:
        sqs.send_message_batch(QueueUrl=queue, Entries=entries(*"m" * 20))

    error = caught.value.response["Error"]
    assert error["Code"] == "AWS.SimpleQueueService.TooManyEntriesInBatchRequest"
    assert "10" in error["Message"]
    assert "20" in error["Message"]
    receipts = [{"Id": str(n), "ReceiptHandle": "r"} for n in range(20)]
    for call in (sqs.delete_message_batch, sqs.change_message_visibility_batch):
        with pytest.raises(sqs.exceptions.TooManyEntriesInBatchRequest):
            call(QueueUrl=queue, Entries=receipts)


@covers("sqs-120")
def test_a_batch_has_an_entry(sqs: Any, queue: str) -> None:
    code = code_of(sqs.send_message_batch, QueueUrl=queue, Entries=[])

    assert code == "AWS.SimpleQueueService.EmptyBatchRequest"


@covers("sqs-122")
def test_body_and_attributes_together_are_bounded(sqs: Any, queue: str) -> None:
    # "a" + "String" + "v" are 8 bytes.
    attributes = {"a": {"DataType": "String", "StringValue": "v"}}

    sqs.send_message(QueueUrl=queue, MessageBody="x" * (MiB - 8), MessageAttributes=attributes)
    with pytest.raises(ClientError) as caught:
        sqs.send_message(QueueUrl=queue, MessageBody="x" * (MiB - 7), MessageAttributes=attributes)

    error = caught.value.response["Error"]
    assert (error["Code"], "1048576" in error["Message"]) == ("InvalidParameterValue", True)


@covers("sqs-124", "sqs-126")
def test_the_limit_of_a_queue_is_for_each_entry_and_not_for_the_batch(
    sqs: Any, make_queue: MakeQueue
) -> None:
    queue = make_queue(MaximumMessageSize=1024)

    sent = sqs.send_message_batch(
        QueueUrl=queue, Entries=entries("x" * 1024, "x" * 1025, "y" * 1024)
    )

    assert [each["Id"] for each in sent["Successful"]] == ["0", "2"]
    (failed,) = sent["Failed"]
    assert (failed["Id"], failed["Code"]) == ("1", "InvalidParameterValue")
    assert failed["SenderFault"] is True


@covers("sqs-128")
@pytest.mark.parametrize("body", ["\0", "\x08", "\x13", "\uffff"])
def test_a_body_has_the_characters_of_xml(sqs: Any, queue: str, body: str) -> None:
    assert code_of(sqs.send_message, QueueUrl=queue, MessageBody=body) == "InvalidMessageContents"


@covers("sqs-132")
@pytest.mark.parametrize("group", ["", "g" * 129, "group 123"])
def test_a_message_group_has_1_to_128_characters_without_space(
    sqs: Any, queue: str, group: str
) -> None:
    with pytest.raises(ClientError) as caught:
        sqs.send_message(QueueUrl=queue, MessageBody="m", MessageGroupId=group)

    error = caught.value.response["Error"]
    assert error["Code"] == "InvalidParameterValue"
    assert "MessageGroupId" in error["Message"]


@covers("sqs-134")
@pytest.mark.parametrize("size", [1023, MiB + 1])
def test_the_size_of_messages_has_bounds(make_queue: MakeQueue, size: int) -> None:
    assert code_of(make_queue, MaximumMessageSize=size) == "InvalidAttributeValue"


@covers("sqs-135")
def test_an_attribute_has_a_value(sqs: Any, queue: str) -> None:
    with pytest.raises(ClientError) as caught:
        sqs.send_message(
            QueueUrl=queue,
            MessageBody="m",
            MessageAttributes={"attr": {"DataType": "String", "StringValue": ""}},
        )

    error = caught.value.response["Error"]
    assert error["Code"] == "InvalidParameterValue"
    assert "'attr' must contain a non-empty value of type 'String'" in error["Message"]


@covers("sqs-137")
@pytest.mark.parametrize(
    ("names", "told"),
    [
        ([], set()),
        (["All"], {"Help.Me", "Hello", "General"}),
        (["*"], {"Help.Me", "Hello", "General"}),
        ([".*"], {"Help.Me", "Hello", "General"}),
        (["Hello", "General"], {"Hello", "General"}),
        (["Foo", "Hello"], {"Hello"}),
        (["Hel.*"], {"Help.Me", "Hello"}),
        (["AWS."], set()),
    ],
)
def test_attributes_are_told_by_name_and_by_prefix(
    sqs: Any, make_queue: MakeQueue, names: list[str], told: set[str]
) -> None:
    queue = make_queue()
    attributes = {
        name: {"DataType": "String", "StringValue": name.lower()}
        for name in ("Help.Me", "Hello", "General")
    }
    sqs.send_message(QueueUrl=queue, MessageBody="m", MessageAttributes=attributes)

    (message,) = sqs.receive_message(QueueUrl=queue, MessageAttributeNames=names)["Messages"]

    chosen = {name: attributes[name] for name in told}
    assert message.get("MessageAttributes", {}) == chosen
    assert message.get("MD5OfMessageAttributes") == checksums.of_attributes(chosen)


@covers("sqs-139")
def test_the_checksum_of_a_number(sqs: Any, queue: str) -> None:
    sent = sqs.send_message(
        QueueUrl=queue,
        MessageBody="m",
        MessageAttributes={"timestamp": {"DataType": "Number", "StringValue": "1493147359900"}},
    )

    assert sent["MD5OfMessageAttributes"] == "235c5c510d26fb653d073faed50ae77c"


@covers("sqs-141")
def test_a_trace_has_a_checksum_of_its_own(sqs: Any, queue: str) -> None:
    plain = sqs.send_message(QueueUrl=queue, MessageBody="m")
    traced = sqs.send_message(
        QueueUrl=queue,
        MessageBody="m",
        MessageSystemAttributes={"AWSTraceHeader": {"DataType": "String", "StringValue": TRACE}},
    )

    assert "MD5OfMessageSystemAttributes" not in plain
    assert traced["MD5OfMessageSystemAttributes"] == "5ae4d5d7636402d80f4eb6d213245a88"
    assert "MD5OfMessageAttributes" not in traced


@covers("sqs-143")
def test_a_fifo_message_tells_its_system_attributes(sqs: Any, make_queue: MakeQueue) -> None:
    queue = make_queue(FifoQueue="true", VisibilityTimeout=0)
    sqs.send_message(
        QueueUrl=queue, MessageBody="m", MessageGroupId="g", MessageDeduplicationId="d"
    )

    told = [
        sqs.receive_message(QueueUrl=queue, AttributeNames=["All"])["Messages"][0]["Attributes"]
        for _ in range(2)
    ]

    assert [each["ApproximateReceiveCount"] for each in told] == ["1", "2"]
    assert set(told[0]) == {
        "ApproximateFirstReceiveTimestamp",
        "ApproximateReceiveCount",
        "MessageDeduplicationId",
        "MessageGroupId",
        "SenderId",
        "SentTimestamp",
        "SequenceNumber",
    }
    assert (told[0]["MessageGroupId"], told[0]["MessageDeduplicationId"]) == ("g", "d")
    assert told[0]["ApproximateFirstReceiveTimestamp"].isdigit()


@covers("sqs-145", "sqs-147")
def test_a_queue_is_created_again_if_the_given_attributes_are_its_own(sqs: Any) -> None:
    own = {"VisibilityTimeout": "69", "ReceiveMessageWaitTimeSeconds": "1"}
    url = sqs.create_queue(QueueName="again", Attributes=own)["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="m")

    for same in ({}, own, {"VisibilityTimeout": "69"}):
        assert sqs.create_queue(QueueName="again", Attributes=same)["QueueUrl"] == url
    with pytest.raises(sqs.exceptions.QueueNameExists) as caught:
        sqs.create_queue(QueueName="again", Attributes={"VisibilityTimeout": "70"})
    assert "VisibilityTimeout" in caught.value.response["Error"]["Message"]


@covers("sqs-149")
@pytest.mark.parametrize(
    "attributes",
    [
        {"FifoQueue": "false"},
        {"ContentBasedDeduplication": "false"},
        {"DeduplicationScope": "queue"},
        {"FifoThroughputLimit": "perQueue"},
    ],
)
def test_a_standard_queue_has_no_attributes_of_fifo(sqs: Any, attributes: dict[str, str]) -> None:
    code = code_of(sqs.create_queue, QueueName="standard", Attributes=attributes)

    assert code == "InvalidAttributeName"


def test_the_type_of_a_queue_stays_and_may_be_named_again(sqs: Any, make_queue: MakeQueue) -> None:
    queue = make_queue(FifoQueue="true")

    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"FifoQueue": "true"})

    change = {"QueueUrl": queue, "Attributes": {"FifoQueue": "false"}}
    assert code_of(sqs.set_queue_attributes, **change) == "InvalidAttributeValue"


@covers("sqs-155")
@pytest.mark.parametrize("name", ["", "q" * 81, "/my/test", "!@$"])
def test_the_name_of_a_queue_has_80_letters_digits_hyphens_and_underscores(
    sqs: Any, name: str
) -> None:
    assert code_of(sqs.create_queue, QueueName=name) == "InvalidParameterValue"


@covers("sqs-159")
def test_an_unknown_action_is_named(queue: str) -> None:
    status, text, _ = fetch(f"{queue}?Action=FooBar&Version=2012-11-05")

    assert (status, "<Code>InvalidAction</Code>" in text, "FooBar" in text) == (400, True, True)


@covers("sqs-161")
def test_no_action_is_an_unknown_operation(queue: str) -> None:
    status, text, _ = fetch(queue)

    assert (status, "<UnknownOperationException" in text) == (404, True)


@covers("sqs-163")
def test_an_unknown_attribute_is_named_in_xml(server: Server, queue: str) -> None:
    form = {
        "Action": "GetQueueAttributes",
        "QueueUrl": queue,
        "AttributeName.1": "Foobar",
    }

    status, text, _ = fetch(server.url, urlencode(form).encode())

    assert status == 400
    assert "<Code>InvalidAttributeName</Code>" in text
    assert "<Message>Unknown Attribute Foobar.</Message>" in text


@covers("sqs-165")
def test_json_may_be_posted_to_the_url_of_the_queue(queue: str) -> None:
    body = json.dumps({"QueueUrl": queue, "MessageBody": "m"}).encode()
    headers = {
        "X-Amz-Target": "AmazonSQS.SendMessage",
        "Content-Type": "application/x-amz-json-1.0",
    }

    status, text, told = fetch(queue, body, headers)

    assert (status, "MessageId" in json.loads(text)) == (200, True)
    assert told["Content-Type"] == "application/x-amz-json-1.0"


@covers("md5-01", "md5-03", "md5-05", "md5-07")
@pytest.mark.parametrize("id", sorted(id for id in KNOWN if id.startswith("md5")))
def test_the_checksum_of_attributes(id: str) -> None:
    attributes = KNOWN[id]["setup"]["attributes"]
    for attribute in attributes.values():
        if "BinaryValue" in attribute:
            attribute["BinaryValue"] = base64.b64decode(attribute["BinaryValue"])

    assert checksums.of_attributes(attributes) == KNOWN[id]["expected"]["md5"]


@covers("sqs-157")
def test_a_missing_queue_is_told_in_the_words_of_each_protocol(sqs: Any, server: Server) -> None:
    body = json.dumps({"QueueUrl": f"{server.url}/000000000000/gone"}).encode()
    target = {"X-Amz-Target": "AmazonSQS.GetQueueAttributes"}

    status, text, headers = fetch(server.url, body, target)
    _, xml, _ = fetch(f"{server.url}/000000000000/gone?Action=GetQueueAttributes")

    assert status == 400
    assert json.loads(text)["__type"] == "com.amazonaws.sqs#QueueDoesNotExist"
    code = headers["x-amzn-query-error"]
    assert code == "AWS.SimpleQueueService.NonExistentQueue;Sender"
    assert "for this wsdl version" in xml


@covers("sqs-167")
def test_a_look_changes_nothing(sqs: Any, server: Server, queue: str) -> None:
    sqs.send_message_batch(QueueUrl=queue, Entries=entries("a", "b"))
    place = f"{server.url}/_aws/sqs/messages?{urlencode({'QueueUrl': queue})}"

    def counts() -> list[str]:
        _, text, _ = fetch(place, headers={"Accept": "application/json"})
        result = json.loads(text)["ReceiveMessageResponse"]["ReceiveMessageResult"]
        maps = [{a["Name"]: a["Value"] for a in m["Attribute"]} for m in result["Message"]]
        return [each["ApproximateReceiveCount"] for each in maps]

    assert (counts(), counts()) == (["0", "0"], ["0", "0"])
    sqs.receive_message(QueueUrl=queue, VisibilityTimeout=0)
    assert counts() == ["1", "0"]


def test_every_case_that_the_store_departs_from_is_walked_or_has_a_reason() -> None:
    assert set(DEPARTURES) <= COVERED | set(STAY)
    assert COVERED | set(STAY) <= set(ALL_CASES) | set(DEPARTURES)
