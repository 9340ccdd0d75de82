"""Clients as they are, without a change for mq: aws-cli, Celery, and the SDK for JavaScript."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from store import Store
from tests.support.processes import PATIENCE
from tests.support.serving import Server

pytestmark = pytest.mark.xdist_group("serve-clients")

TASKS = """
import os
from celery import Celery

app = Celery("tasks", broker=os.environ["BROKER"])
app.conf.update(
    broker_transport_options={
        "region": "eu-west-1",
        "queue_name_prefix": "celery-",
        "visibility_timeout": 30,
        "wait_time_seconds": 5,
        "polling_interval": 0.05,
        "is_secure": False,
        "predefined_queues": {},
    },
    task_default_queue="work",
    task_ignore_result=True,
    task_acks_late=True,
    broker_connection_retry_on_startup=True,
    worker_hijack_root_logger=False,
)


@app.task(bind=True, max_retries=1, default_retry_delay=0)
def note(self, text):
    if text == "twice" and not self.request.retries:
        raise self.retry(countdown=0)
    with open(os.environ["NOTED"], "a") as file:
        file.write(text + "\\n")
"""

SCRIPT = """
const {SQSClient, CreateQueueCommand, SendMessageCommand, ReceiveMessageCommand,
       DeleteMessageCommand, GetQueueUrlCommand} = require("@aws-sdk/client-sqs");
const sqs = new SQSClient({endpoint: process.env.ENDPOINT, region: "eu-west-1",
                           credentials: {accessKeyId: "test", secretAccessKey: "test"}});
(async () => {
  const {QueueUrl} = await sqs.send(new CreateQueueCommand({QueueName: "from-javascript"}));
  await sqs.send(new SendMessageCommand({QueueUrl, MessageBody: "hello", MessageAttributes: {
    n: {DataType: "Number", StringValue: "1"},
    b: {DataType: "Binary", BinaryValue: new Uint8Array([0, 255])}}}));
  const {Messages: [m]} = await sqs.send(new ReceiveMessageCommand(
    {QueueUrl, WaitTimeSeconds: 1, MessageAttributeNames: ["All"]}));
  await sqs.send(new DeleteMessageCommand({QueueUrl, ReceiptHandle: m.ReceiptHandle}));
  let code;
  try { await sqs.send(new GetQueueUrlCommand({QueueName: "missing"})); }
  catch (error) { code = error.name; }
  console.log(JSON.stringify([m.Body, m.MessageAttributes.n.StringValue,
                              Array.from(m.MessageAttributes.b.BinaryValue), code]));
})();
"""


def environment(server: Server, **more: str) -> dict[str, str]:
    """An environment in which the SDKs of Amazon find the server."""
    return os.environ | {
        "AWS_ENDPOINT_URL_SQS": server.url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "eu-west-1",
        **more,
    }


def aws(server: Server, *words: str) -> Any:
    """The document that aws-cli prints."""
    command = [sys.executable, "-m", "awscli", "--endpoint-url", server.url, "sqs", *words]
    done = subprocess.run(
        command, env=environment(server), capture_output=True, text=True, timeout=PATIENCE
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout) if done.stdout.strip() else None


def test_aws_cli_sends_and_receives(server: Server) -> None:
    url = aws(server, "create-queue", "--queue-name", "from-aws-cli")["QueueUrl"]
    aws(server, "send-message", "--queue-url", url, "--message-body", "hello")

    received = aws(server, "receive-message", "--queue-url", url, "--attribute-names", "All")

    (message,) = received["Messages"]
    assert (message["Body"], message["Attributes"]["ApproximateReceiveCount"]) == ("hello", "1")


@contextmanager
def worker(folder: Path, variables: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """A worker of Celery with one process."""
    words = ["-m", "celery", "-A", "tasks", "worker", "--pool", "solo", "-l", "warning"]
    said = (folder / "worker.log").open("wb")
    process = subprocess.Popen(
        [sys.executable, *words, "--without-mingle", "--without-gossip", "--without-heartbeat"],
        cwd=folder,
        env=variables,
        stdout=said,
        stderr=said,
    )
    try:
        yield process
    finally:
        said.close()
        process.terminate()
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def test_celery_runs_tasks_and_retries_them(server: Server, tmp_path: Path) -> None:
    (tmp_path / "tasks.py").write_text(TASKS)
    noted = tmp_path / "noted"
    variables = environment(server, NOTED=str(noted))
    # As in the manual: the address in the broker's URL, and no variable with it.
    variables["BROKER"] = server.url.replace("http://", "sqs://any:any@")
    del variables["AWS_ENDPOINT_URL_SQS"]
    send = "import tasks; [tasks.note.delay(text) for text in ('once', 'twice', 'thrice')]"
    subprocess.run(
        [sys.executable, "-c", send], cwd=tmp_path, env=variables, timeout=PATIENCE, check=True
    )

    with worker(tmp_path, variables) as process, Store.open(server.path) as beside:
        since = beside.changed()
        while not noted.exists() or len(noted.read_text().splitlines()) < 3:
            assert process.poll() is None, (tmp_path / "worker.log").read_text()
            assert beside.wait(since, PATIENCE), (tmp_path / "worker.log").read_text()
            since = beside.changed()

    assert sorted(noted.read_text().split()) == ["once", "thrice", "twice"]


def test_the_sdk_for_javascript_verifies_the_checksums(server: Server) -> None:
    modules = os.environ.get("MQ_TEST_NODE_MODULES", "")
    if not shutil.which("node") or not Path(modules, "@aws-sdk", "client-sqs").is_dir():
        pytest.skip("needs node, and $MQ_TEST_NODE_MODULES with @aws-sdk/client-sqs")
    done = subprocess.run(
        ["node", "-e", SCRIPT],
        env=environment(server, NODE_PATH=modules, ENDPOINT=server.url),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == ["hello", "1", [0, 255], "QueueDoesNotExist"]
