"""Message move tasks: dead letters go back, in steps, by a server."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from botocore.exceptions import ClientError

from store import Store
from tests.serve.test_life import arn_of, bodies, receive, send
from tests.support.processes import PATIENCE
from tests.support.serving import Server, running_server

pytestmark = pytest.mark.xdist_group("serve-move-tasks")

MakeQueue = Callable[..., str]


@pytest.fixture
def dead(make_queue: MakeQueue) -> str:
    """A dead-letter queue."""
    return make_queue()


@pytest.fixture
def make_source(sqs: Any, make_queue: MakeQueue, dead: str) -> Callable[..., str]:
    """Create a queue whose messages with these bodies have become dead letters."""

    def make(*texts: str) -> str:
        policy = json.dumps({"deadLetterTargetArn": arn_of(dead), "maxReceiveCount": 1})
        queue = make_queue(VisibilityTimeout=0, RedrivePolicy=policy)
        send(sqs, queue, *texts)
        assert len(receive(sqs, queue)) == len(texts)
        assert receive(sqs, queue) == []
        return queue

    return make


def state_of(sqs: Any, dead: str, server: Server, wanted: str) -> dict[str, Any]:
    """The last task of a queue, once it is in this state."""
    with Store.open(server.path) as beside:
        while True:
            since = beside.changed()
            task: dict[str, Any] = sqs.list_message_move_tasks(SourceArn=arn_of(dead))["Results"][0]
            if task["Status"] == wanted:
                return task
            assert beside.wait(since, PATIENCE), task


def test_dead_letters_go_to_the_destination(
    sqs: Any, server: Server, make_source: MakeQueue, make_queue: MakeQueue, dead: str
) -> None:
    make_source("a", "b")
    third = make_queue()

    started = sqs.start_message_move_task(SourceArn=arn_of(dead), DestinationArn=arn_of(third))

    handle = json.loads(base64.b64decode(started["TaskHandle"]))
    assert handle == {"taskId": str(UUID(handle["taskId"])), "sourceArn": arn_of(dead)}
    task = state_of(sqs, dead, server, "COMPLETED")
    assert "TaskHandle" not in task
    assert task["ApproximateNumberOfMessagesMoved"] == 2
    assert task["ApproximateNumberOfMessagesToMove"] == 2
    assert task["DestinationArn"] == arn_of(third)
    assert sorted(bodies(receive(sqs, third))) == ["a", "b"]
    assert receive(sqs, dead) == []


def test_without_a_destination_each_goes_to_its_own_source(
    sqs: Any, server: Server, make_source: MakeQueue, dead: str
) -> None:
    first, second = make_source("a"), make_source("b")

    sqs.start_message_move_task(SourceArn=arn_of(dead))

    state_of(sqs, dead, server, "COMPLETED")
    assert (bodies(receive(sqs, first)), bodies(receive(sqs, second))) == (["a"], ["b"])


def test_a_running_task_is_alone_and_can_be_cancelled(
    sqs: Any, make_source: MakeQueue, dead: str
) -> None:
    make_source(*"abcdefghij")
    started = sqs.start_message_move_task(SourceArn=arn_of(dead), MaxNumberOfMessagesPerSecond=1)

    with pytest.raises(ClientError, match="already a task running"):
        sqs.start_message_move_task(SourceArn=arn_of(dead))
    (task,) = sqs.list_message_move_tasks(SourceArn=arn_of(dead))["Results"]
    assert (task["Status"], task["TaskHandle"]) == ("RUNNING", started["TaskHandle"])
    assert task["MaxNumberOfMessagesPerSecond"] == 1

    cancelled = sqs.cancel_message_move_task(TaskHandle=started["TaskHandle"])

    assert cancelled["ApproximateNumberOfMessagesMoved"] < 10
    (task,) = sqs.list_message_move_tasks(SourceArn=arn_of(dead))["Results"]
    assert task["Status"] == "CANCELLED"


def test_tasks_are_listed_newest_first(
    sqs: Any, server: Server, make_source: MakeQueue, dead: str
) -> None:
    for text in ("a", "b"):
        make_source(text)
        sqs.start_message_move_task(SourceArn=arn_of(dead))
        state_of(sqs, dead, server, "COMPLETED")

    tasks = sqs.list_message_move_tasks(SourceArn=arn_of(dead), MaxResults=10)["Results"]

    started = [task["StartedTimestamp"] for task in tasks]
    assert (len(started), started) == (2, sorted(started, reverse=True))


def test_an_arn_of_no_queue_is_named(sqs: Any, make_source: MakeQueue, dead: str) -> None:
    make_source("a")

    with pytest.raises(sqs.exceptions.ResourceNotFoundException) as caught:
        sqs.start_message_move_task(
            SourceArn=arn_of(dead), DestinationArn="arn:aws:sqs:eu-west-1:000000000000:missing"
        )

    response = caught.value.response
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 404
    assert "DestinationArn" in response["Error"]["Message"]


@pytest.mark.parametrize("missing", ["SourceArn", "Task"])
def test_a_handle_of_a_missing_queue_or_task_is_named(sqs: Any, dead: str, missing: str) -> None:
    source = "arn:aws:sqs:us-east-1:0:gone" if missing == "SourceArn" else arn_of(dead)
    document = {"taskId": str(UUID(int=1 << 100)), "sourceArn": source}
    handle = base64.b64encode(json.dumps(document).encode()).decode()

    with pytest.raises(sqs.exceptions.ResourceNotFoundException, match=f"{missing} .*exist"):
        sqs.cancel_message_move_task(TaskHandle=handle)


def test_a_queue_that_is_no_dead_letter_queue_has_nothing_to_move(sqs: Any, queue: str) -> None:
    with pytest.raises(ClientError, match="must be configured as a Dead Letter Queue"):
        sqs.start_message_move_task(SourceArn=arn_of(queue))


def test_a_server_goes_on_with_a_task_that_another_one_left(path: Path) -> None:
    with Store.open(path, create=True, durability="normal") as store:
        store.create_queue("dead")
        store.create_queue("jobs", dlq="dead", max_deliveries=5)
        store.send("jobs", "m")
        store.reject([str(message.receipt) for message in store.receive("jobs")])
        store.start_move("dead")

    with running_server(path) as server:
        (message,) = receive(server.client(), "jobs", WaitTimeSeconds=20)

    assert message["Body"] == "m"
