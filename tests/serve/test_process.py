"""The process of `mq serve`: its options, its first lines, its figures, and its end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from botocore.exceptions import ClientError

from store import Store
from tests.support.processes import PATIENCE, ROOT
from tests.support.serving import running_server, sqs_client, start_server, wait_for_ports


@pytest.fixture
def store(path: Path) -> Path:
    """A store with a queue `jobs`."""
    with Store.open(path, create=True, durability="normal") as opened:
        opened.create_queue("jobs")
    return path


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    """A file with the user `alice`."""
    file = tmp_path / "users.toml"
    file.write_text('[users]\nalice = "open sesame"\n')
    file.chmod(0o600)
    return file


def serve(*words: object) -> subprocess.CompletedProcess[str]:
    """Run a server that is expected to refuse."""
    command = [sys.executable, "-m", "mq", *map(str, words)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE)


def test_sigterm_answers_a_waiting_receive_and_ends_with_0(store: Path) -> None:
    server = start_server(store)
    with closing(HTTPConnection("127.0.0.1", server.ports["sqs"])) as waiting:
        waiting.request("GET", "/0/jobs?Action=ReceiveMessage&WaitTimeSeconds=20")
        # Its request is there before the next connection's is answered.
        with urlopen(f"{server.url}/health"):
            pass

        code, said = server.end()

        answer = waiting.getresponse()
        assert (answer.status, b"<Message>" in answer.read()) == (200, False)
    assert code == 0
    assert "ended in order" in said


def test_the_first_line_says_where_what_and_that_signatures_are_ignored(store: Path) -> None:
    server = start_server(store)

    _, said = server.end()

    first = said.splitlines()[0]
    assert f"sqs on {server.url} serves {store}" in first
    assert "signatures are ignored without --credentials" in first


def test_a_store_in_memory_is_gone_at_the_end_and_can_be_reset(tmp_path: Path) -> None:
    ports = tmp_path / "ports"
    process = subprocess.Popen(
        [sys.executable, "-m", "mq", "serve", "--sqs", "0", "--port-file", str(ports), "--memory"],
        cwd=ROOT,
        env=os.environ | {"TMPDIR": str(tmp_path)},
    )
    url = f"http://127.0.0.1:{wait_for_ports(process, ports)['sqs']}"
    sqs = sqs_client(url)
    sqs.create_queue(QueueName="dead")
    arn = "arn:aws:sqs:eu-west-1:000000000000:dead"
    policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 3})
    sqs.create_queue(QueueName="jobs", Attributes={"RedrivePolicy": policy})
    assert list(tmp_path.glob("mq-serve-*/store.db"))

    with urlopen(Request(f"{url}/_mq/reset", b"")):
        pass

    assert "QueueUrls" not in sqs.list_queues()
    sqs.close()
    process.terminate()
    assert process.wait(PATIENCE) == 0
    assert list(tmp_path.glob("mq-serve-*")) == []


def test_a_store_on_disk_is_not_reset(store: Path) -> None:
    with running_server(store) as server, pytest.raises(HTTPError) as caught:
        urlopen(Request(f"{server.url}/_mq/reset", b""))

    with caught.value as refused:
        assert refused.code == 403


def test_topology_files_are_applied_first(path: Path, tmp_path: Path) -> None:
    file = tmp_path / "shop.yaml"
    file.write_text("version: 1\nqueues:\n  emails: {lease: 45s}\n")

    with running_server(path, str(file)) as server:
        told = server.client().get_queue_attributes(
            QueueUrl="emails", AttributeNames=["VisibilityTimeout"]
        )

    assert told["Attributes"] == {"VisibilityTimeout": "45"}


def test_figures_and_health_have_a_port_of_their_own(store: Path) -> None:
    with running_server(store, "--metrics", "0") as server:
        server.client().send_message(QueueUrl="jobs", MessageBody="m")
        place = f"http://127.0.0.1:{server.ports['metrics']}"
        with urlopen(f"{place}/metrics") as answer:
            text = answer.read().decode()
        with urlopen(f"{place}/health") as answer:
            health = json.load(answer)

    assert 'mq_serve_requests_total{gateway="sqs",operation="SendMessage",status="200"} 1' in text
    assert text.endswith("# EOF\n")
    assert 'queue="jobs"' in text
    assert health == {"status": "running"}


def test_with_credentials_only_signed_requests_of_users_are_answered(
    store: Path, secrets: Path
) -> None:
    with running_server(store, "--credentials", str(secrets)) as server:

        def code_of(user: str, secret: str) -> str:
            client = server.client(user=user, secret=secret)
            try:
                client.get_queue_url(QueueName="jobs")
            except ClientError as error:
                return str(error.response["Error"]["Code"])
            return "ok"

        assert code_of("alice", "open sesame") == "ok"
        assert code_of("alice", "guessed") == "SignatureDoesNotMatch"
        assert code_of("bob", "open sesame") == "InvalidClientTokenId"
        with pytest.raises(HTTPError) as caught:
            urlopen(f"{server.url}/000000000000/jobs?Action=PurgeQueue")
        with caught.value as refused:
            assert refused.code == 403
            assert b"MissingAuthenticationToken" in refused.read()
        with urlopen(f"{server.url}/health") as answer:
            assert answer.status == 200


def test_v_tells_a_line_for_each_request(store: Path) -> None:
    server = start_server(store, "-v")
    server.client().get_queue_url(QueueName="jobs")

    _, said = server.end()

    (line,) = [line for line in said.splitlines() if "GetQueueUrl" in line]
    assert line.startswith("mq: sqs 127.0.0.1:")
    assert " 200 " in line


Words = list[str]


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["--amqp"], 2, "unsupported"),
        (["--kafka", "9092"], 2, "unsupported"),
        (["--host", "0.0.0.0"], 2, "--allow-remote"),
        (["--credentials", "missing.toml"], 3, "missing.toml"),
        (["--memory"], 2, "--memory has a store of its own"),
        (["missing.yaml"], 3, "missing.yaml"),
    ],
)
def test_a_server_that_can_not_be_is_refused(
    words: Words, code: int, told: str, store: Path
) -> None:
    done = serve("-s", store, "-o", "json", "serve", "--sqs", "0", *words)

    assert done.returncode == code
    assert told in done.stderr


def test_a_secret_that_others_can_read_is_refused(store: Path, secrets: Path) -> None:
    secrets.chmod(0o644)

    done = serve("-s", store, "serve", "--sqs", "0", "--credentials", secrets)

    assert (done.returncode, "chmod 600" in done.stderr) == (2, True)


def test_a_missing_store_is_not_made(path: Path) -> None:
    done = serve("-s", path, "serve", "--sqs", "0")

    assert (done.returncode, path.exists()) == (3, False)


def test_a_port_in_use_is_named(store: Path) -> None:
    with running_server(store) as server:
        port = server.ports["sqs"]
        done = serve("-s", store, "serve", "--sqs", port)

    assert done.returncode == 2
    assert f"127.0.0.1:{port}" in done.stderr


def test_chaos_is_survived_by_the_retries_of_a_client(store: Path) -> None:
    with running_server(store, "--chaos") as server:
        patient = server.client(retries={"total_max_attempts": 10, "mode": "standard"})
        for number in range(60):
            patient.send_message(QueueUrl="jobs", MessageBody=str(number))
    with Store.open(store) as beside:
        bodies = {message.value for message in beside.messages("jobs")}

    assert bodies == {str(number).encode() for number in range(60)}
