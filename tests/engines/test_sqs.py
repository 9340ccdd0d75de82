"""SQS by recorded answers of the service: what Moto does not show."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from botocore.stub import ANY, Stubber

from mq.read.leases import QueueSource
from store import (
    BadInput,
    Denied,
    LeaseLost,
    MessageId,
    MqError,
    NewMessage,
    NotFound,
    OutcomeUnknown,
    Throttled,
)
from store.engine.places import read_place
from store.sqs import client
from store.sqs.broker import SQS
from tests.support import sqs_server

URL = "https://sqs.eu-west-1.amazonaws.com/123456789012/"
# Whether it was stored before, the service does not tell.
UNKNOWN = cast("bool", None)
ARN = "arn:aws:sqs:eu-west-1:123456789012:"


class Service:
    """An open account whose answers are recorded; each call must be the next one expected."""

    def __init__(self, broker: SQS, told: list[str]) -> None:
        self.broker = broker
        self.told = told
        self.stub = Stubber(broker._client._open())
        self.stub.activate()

    def knows(self, *queues: str) -> None:
        """Answer with the URLs of queues."""
        for queue in queues:
            self.answers("get_queue_url", {"QueueUrl": URL + queue}, {"QueueName": queue})

    def has(self, queue: str, **attributes: str) -> None:
        """Answer with the attributes of a queue."""
        given = {"QueueArn": ARN + queue, "VisibilityTimeout": "30", **attributes}
        expected = {"QueueUrl": URL + queue, "AttributeNames": ["All"]}
        self.answers("get_queue_attributes", {"Attributes": given}, expected)

    def answers(
        self, operation: str, answer: dict[str, Any], expected: dict[str, Any] | None = None
    ) -> None:
        """Answer a call."""
        self.stub.add_response(operation, answer, expected)

    def fails(self, operation: str, code: str, message: str = "", status: int = 400) -> None:
        """Answer a call with an error."""
        self.stub.add_client_error(operation, code, message, http_status_code=status)


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    """An account, all of whose recorded answers must be asked for."""
    for name, value in sqs_server.CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(client, "_FIRST_PAUSE", 0.0)
    told: list[str] = []
    with SQS.open(read_place("sqs://eu-west-1"), 5.0, told.append) as broker:
        recorded = Service(broker, told)
        yield recorded
        recorded.stub.assert_no_pending_responses()


def sent(*ids: int, failed: dict[int, tuple[str, bool]] | None = None) -> dict[str, Any]:
    """The answer to a batch: what is stored, and what failed, by whose fault."""
    stored = [{"Id": str(n), "MessageId": f"m{n}", "MD5OfMessageBody": "x"} for n in ids]
    refused = [
        {"Id": str(n), "Code": code, "SenderFault": is_ours, "Message": f"why {n}"}
        for n, (code, is_ours) in (failed or {}).items()
    ]
    return {"Successful": stored, "Failed": refused}


class TestSending:
    def test_refused_ones_of_a_batch_are_told_and_the_others_are_stored(
        self, service: Service
    ) -> None:
        service.knows("emails")
        bad = {1: ("InvalidMessageContents", True), 3: ("InvalidMessageContents", True)}
        service.answers("send_message_batch", sent(0, 2, failed=bad))
        with pytest.raises(BadInput) as raised:
            service.broker.send_many("emails", [b"a", b"b", b"c", b"d"])
        assert list(raised.value.failures) == ["1", "3"]
        assert raised.value.message.startswith("2 messages refused: queue emails: why 1")
        assert raised.value.message.endswith("2 of 4 are stored")

    def test_after_a_refusal_nothing_more_is_sent(self, service: Service) -> None:
        service.knows("emails")
        service.answers("send_message_batch", sent(*range(10)))
        bad = {15: ("InvalidMessageContents", True)}
        rest = [n for n in range(10, 20) if n != 15]
        service.answers("send_message_batch", sent(*rest, failed=bad))
        with pytest.raises(BadInput, match=r"19 of 25 are stored, 5 not sent"):
            service.broker.send_many("emails", [b"%d" % n for n in range(25)])

    def test_one_that_the_service_failed_on_is_sent_again(self, service: Service) -> None:
        service.knows("emails")
        service.answers("send_message_batch", sent(0, failed={1: ("InternalError", False)}))
        entry = {"Id": "1", "MessageBody": "b"}
        expected = {"QueueUrl": URL + "emails", "Entries": [entry]}
        service.answers("send_message_batch", sent(1), expected)
        ids = service.broker.send_many("emails", [b"a", b"b"])
        assert [one.id for one in ids] == ["m0", "m1"]

    def test_without_an_answer_a_batch_may_be_stored_and_is_not_sent_again(
        self, service: Service
    ) -> None:
        service.knows("emails")
        service.answers("send_message_batch", sent(*range(10)))
        service.fails("send_message_batch", "InternalError", status=500)
        with pytest.raises(OutcomeUnknown, match="10 of 12 are stored") as raised:
            service.broker.send_many("emails", [b"%d" % n for n in range(12)])
        assert list(raised.value.failures) == ["10", "11"]

    def test_on_a_fifo_queue_it_is_sent_again_under_the_same_id(self, service: Service) -> None:
        service.knows("emails.fifo")
        service.has("emails.fifo", FifoQueue="true")
        service.fails("send_message_batch", "InternalError", status=500)
        service.answers("send_message_batch", sent(0))
        (id,) = service.broker.send_many("emails.fifo", [NewMessage(b"a", message_group="g")])
        assert id == MessageId("emails.fifo", "m0", None, UNKNOWN)

    def test_a_duplicate_of_this_process_is_known_by_its_id(self, service: Service) -> None:
        service.knows("emails.fifo")
        service.has("emails.fifo", FifoQueue="true", ContentBasedDeduplication="true")
        for _ in range(2):
            service.answers("send_message_batch", sent(0))
        message = NewMessage(b"a", message_group="g")
        ids = [service.broker.send_many("emails.fifo", [message])[0] for _ in range(2)]
        assert [id.duplicate for id in ids] == [None, True]

    def test_content_dedup_leaves_the_id_to_the_service(self, service: Service) -> None:
        service.knows("emails.fifo")
        service.has("emails.fifo", FifoQueue="true", ContentBasedDeduplication="true")
        entry = {"Id": "0", "MessageBody": "a", "MessageGroupId": "g"}
        expected = {"QueueUrl": URL + "emails.fifo", "Entries": [entry]}
        service.answers("send_message_batch", sent(0), expected)
        service.broker.send("emails.fifo", b"a", message_group="g")


class TestErrors:
    def test_what_was_throttled_is_tried_again(self, service: Service) -> None:
        service.knows("emails")
        for _ in range(2):
            service.fails("get_queue_attributes", "RequestThrottled")
        service.has("emails")
        assert service.broker.queue("emails").ready == 0

    def test_what_stays_throttled_is_an_error(self, service: Service) -> None:
        service.knows("emails")
        for _ in range(4):
            service.fails("get_queue_attributes", "ThrottlingException")
        with pytest.raises(Throttled):
            service.broker.queue("emails")

    def test_a_second_purge_is_throttled_at_once(self, service: Service) -> None:
        service.knows("emails")
        service.has("emails")
        service.fails("purge_queue", "AWS.SimpleQueueService.PurgeQueueInProgress")
        with pytest.raises(Throttled, match="less than 60 s ago"):
            service.broker.purge_queue("emails")

    def test_a_name_that_was_just_deleted_is_not_waited_for(self, service: Service) -> None:
        service.fails("get_queue_url", "AWS.SimpleQueueService.NonExistentQueue")
        service.fails("create_queue", "AWS.SimpleQueueService.QueueDeletedRecently")
        with pytest.raises(MqError) as raised:
            service.broker.create_queue("emails")
        assert (raised.value.code, raised.value.hint) == ("unavailable", "try again in a minute")

    def test_refused_access_names_who_and_what(self, service: Service) -> None:
        service.knows("emails")
        told = "User: arn:aws:iam::1:user/app is not authorized to perform: sqs:sendmessage"
        service.fails("send_message_batch", "AccessDenied", told, 403)
        with pytest.raises(Denied) as raised:
            service.broker.send("emails", b"a")
        assert "user/app" in raised.value.message
        assert "SendMessageBatch on queue emails" in raised.value.message
        assert "sqs:SendMessage;" in raised.value.hint

    @pytest.mark.parametrize(
        ("code", "message"),
        [
            ("ReceiptHandleIsInvalid", "The input receipt handle is invalid."),
            (
                "InvalidParameterValue",
                "Value x is invalid. Reason: The receipt handle has expired.",
            ),
            ("AWS.SimpleQueueService.MessageNotInflight", ""),
        ],
    )
    def test_a_receipt_that_is_over_is_a_lost_lease_of_it_alone(
        self, service: Service, code: str, message: str
    ) -> None:
        service.knows("emails")
        failed = [{"Id": "1", "Code": code, "SenderFault": True, "Message": message}]
        answer = {"Successful": [{"Id": "0"}], "Failed": failed}
        service.answers("delete_message_batch", answer)
        with pytest.raises(LeaseLost) as raised:
            service.broker.ack(["emails:a", "emails:b"])
        assert list(raised.value.failures) == ["emails:b"]


class TestReceiving:
    def test_a_dead_letter_tells_its_source(self, service: Service) -> None:
        service.knows("emails-dlq")
        message = {
            "MessageId": "m", "ReceiptHandle": "h", "Body": "v",
            "Attributes": {
                "DeadLetterQueueSourceArn": f"{ARN}emails", "ApproximateReceiveCount": "6",
                "SentTimestamp": "1700000000000",
            },
        }  # fmt: skip
        service.answers("receive_message", {"Messages": [message]})
        (letter,) = service.broker.receive("emails-dlq", wait=0)
        assert letter.dead is not None
        assert (letter.dead.source, letter.dead.reason) == ("emails", "max_deliveries")
        assert (letter.receipt, letter.deliveries) == ("emails-dlq:h", 6)

    def test_messages_of_other_programs_have_their_types(self, service: Service) -> None:
        service.knows("emails")
        attributes = {
            "text": {"DataType": "String.mine", "StringValue": "t"},
            "whole": {"DataType": "Number", "StringValue": "12"},
            "part": {"DataType": "Number", "StringValue": "1.5"},
            "raw": {"DataType": "Binary.gif", "BinaryValue": b"\xff"},
        }
        message = {
            "MessageId": "m", "ReceiptHandle": "h", "Body": "v", "MessageAttributes": attributes,
        }  # fmt: skip
        service.answers("receive_message", {"Messages": [message]})
        (received,) = service.broker.receive("emails", wait=0)
        assert received.headers == {"text": "t", "whole": 12, "part": 1.5, "raw": b"\xff"}
        assert received.timestamp is None

    def test_a_reader_that_stays_outlives_a_failure_and_tells_it(self, service: Service) -> None:
        service.knows("emails")
        service.fails("receive_message", "ServiceUnavailable", status=503)
        service.answers("receive_message", {})
        for _ in range(2):
            received = service.broker.receive("emails", wait=9, attached=True, until=lambda: True)
            assert received == []
        assert [line.rpartition(" ")[2] for line in service.told] == ["again", "again"]


def test_a_worker_keeps_its_leases_for_as_long_as_the_queue_says(service: Service) -> None:
    service.knows("emails")
    service.has("emails", VisibilityTimeout="40")
    message = {"MessageId": "m", "ReceiptHandle": "h", "Body": "v"}
    service.answers("receive_message", {"Messages": [message]})
    entry = {"Id": "0", "ReceiptHandle": "h", "VisibilityTimeout": 40}
    expected = {"QueueUrl": URL + "emails", "Entries": [entry]}
    done = {"Successful": [{"Id": "0"}], "Failed": []}
    service.answers("change_message_visibility_batch", done, expected)
    source = QueueSource(service.broker, "emails")
    assert source.keepalive_interval < 40 / 2
    assert source.keepalive(source.take(1, 9.0, lambda: True)) == []


class TestMoves:
    """A message move task, as the service answers for it."""

    def task(self, status: str, moved: int, **more: Any) -> dict[str, Any]:
        """The answer to a look at a move."""
        return {
            "Results": [
                {"Status": status, "SourceArn": f"{ARN}emails-dlq",
                 "ApproximateNumberOfMessagesMoved": moved,
                 "ApproximateNumberOfMessagesToMove": 10, **more}
            ]
        }  # fmt: skip

    def dlq(self, service: Service) -> None:
        """The answers about a DLQ of `emails`."""
        service.knows("emails-dlq")
        service.has("emails-dlq", ApproximateNumberOfMessages="10")
        sources = {"queueUrls": [f"{URL}emails"]}
        service.answers("list_dead_letter_source_queues", sources)
        service.has("emails-dlq")

    def test_it_begins_at_a_rate_and_tells_how_far_it_is(self, service: Service) -> None:
        self.dlq(service)
        expected = {"SourceArn": f"{ARN}emails-dlq", "MaxNumberOfMessagesPerSecond": 50}
        service.answers("start_message_move_task", {"TaskHandle": "t"}, expected)
        service.answers("list_message_move_tasks", self.task("RUNNING", 3, TaskHandle="t"))
        service.answers("list_message_move_tasks", self.task("COMPLETED", 10))
        task = service.broker.begin_redrive("emails-dlq", rate=50)
        assert task is not None
        assert task.look() == (3, 10, False)
        assert task.look() == (10, 10, True)

    def test_it_is_cancelled(self, service: Service) -> None:
        self.dlq(service)
        service.answers("start_message_move_task", {"TaskHandle": "t"})
        cancelled = {"ApproximateNumberOfMessagesMoved": 4}
        service.answers("cancel_message_move_task", cancelled, {"TaskHandle": "t"})
        task = service.broker.begin_redrive("emails-dlq")
        assert task is not None
        assert task.cancel().moved == 4

    def test_a_source_that_is_gone_ends_it_with_what_was_moved(self, service: Service) -> None:
        self.dlq(service)
        service.answers("start_message_move_task", {"TaskHandle": "t"})
        reason = "AWS.SimpleQueueService.QueueDoesNotExist"
        service.answers("list_message_move_tasks", self.task("FAILED", 4, FailureReason=reason))
        task = service.broker.begin_redrive("emails-dlq")
        assert task is not None
        with pytest.raises(NotFound, match="4 moved"):
            task.look()

    def test_one_that_runs_already_is_followed(self, service: Service) -> None:
        self.dlq(service)
        told = "There is already a task running. Only one active task is allowed."
        service.fails("start_message_move_task", "InvalidParameterValue", told)
        service.answers("list_message_move_tasks", self.task("RUNNING", 3, TaskHandle="t"))
        service.answers("cancel_message_move_task", {}, {"TaskHandle": "t"})
        task = service.broker.begin_redrive("emails-dlq")
        assert task is not None
        task.cancel()
        assert service.told == ["a move of emails-dlq is running already; this is its progress"]

    @pytest.mark.parametrize("rate", [0.5, 501, 2.5])
    def test_a_rate_that_the_service_has_not_is_refused(
        self, service: Service, rate: float
    ) -> None:
        self.dlq(service)
        with pytest.raises(BadInput, match="1 to 500"):
            service.broker.begin_redrive("emails-dlq", rate=rate)


def test_the_queues_that_may_dead_letter_into_one_are_read_by_name(service: Service) -> None:
    policy = {"redrivePermission": "byQueue", "sourceQueueArns": [f"{ARN}b", f"{ARN}a"]}
    service.knows("dlq")
    service.has("dlq", RedriveAllowPolicy=json.dumps(policy))
    assert service.broker.queue_config("dlq").redrive_allow == "a,b"


def test_times_and_tables_are_attributes_that_come_back(service: Service) -> None:
    headers = {"at": datetime(2026, 1, 2, tzinfo=UTC), "table": {"a": [1, "b"]}}
    service.knows("emails")
    service.answers("send_message_batch", sent(0), {"QueueUrl": ANY, "Entries": ANY})
    entries: list[dict[str, Any]] = []
    service.broker._client._open().meta.events.register(
        "before-parameter-build.sqs.SendMessageBatch",
        lambda params, **_: entries.extend(params["Entries"]),
    )
    service.broker.send("emails", b"v", headers=headers)  # type: ignore[arg-type]
    message = {
        "MessageId": "m", "ReceiptHandle": "h", "Body": "v",
        "MessageAttributes": entries[0]["MessageAttributes"],
    }  # fmt: skip
    service.answers("receive_message", {"Messages": [message]})
    assert service.broker.receive("emails", wait=0)[0].headers == headers
