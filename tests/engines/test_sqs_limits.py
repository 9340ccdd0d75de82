"""The limits of SQS are checked before a call, and the way out is told."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mq.command_line import run
from store import BadInput, NewMessage, Unreachable, Unsupported, open_place
from store.engine.broker import Broker
from store.model.topics import Headers
from store.sqs import limits
from store.sqs.features import features
from store.sqs.messages import QueueType, batches, encoded
from tests.support import sqs_server

STANDARD, FIFO = QueueType(False, False), QueueType(True, False)


@pytest.mark.parametrize(
    ("name", "fifo", "taken"),
    [
        ("emails.dlq", False, "emails-dlq"),
        ("a%40b", False, "a-b"),
        ("billing", True, "billing.fifo"),
        ("shop.billing", True, "shop-billing.fifo"),
        ("x" * 81, False, "x" * 80),
        ("x" * 80, True, "x" * 75 + ".fifo"),
    ],
)
def test_a_name_that_it_does_not_have_is_refused_with_the_one_to_take(
    name: str, fifo: bool, taken: str
) -> None:
    with pytest.raises(BadInput) as raised:
        limits.check_name(name, fifo=fifo)
    assert raised.value.hint == f"take {taken}"
    limits.check_name(taken, fifo=fifo)


def test_a_prefix_counts_as_part_of_the_name() -> None:
    limits.check_name("x" * 75, "shop-")
    with pytest.raises(BadInput, match="80 characters with shop-"):
        limits.check_name("x" * 76, "shop-")


def test_only_a_fifo_queue_may_be_called_one() -> None:
    with pytest.raises(BadInput, match="only a FIFO queue"):
        limits.check_name("a.fifo", fifo=False)


def refusal(
    value: bytes | str | None = b"v", queue: QueueType = STANDARD, **parts: Any
) -> BadInput:
    """The error of a message that can't be sent."""
    with pytest.raises(BadInput) as raised:
        encoded([NewMessage(value, **parts)], queue, features())
    return raised.value


@pytest.mark.parametrize("value", ["a\x00", "\ufffe", b"\xff", b""])
def test_characters_that_it_does_not_take_are_refused(value: bytes | str) -> None:
    error = refusal(value)
    assert isinstance(error, Unsupported)
    assert error.feature == "binary values"


def test_all_other_text_is_taken() -> None:
    text = "\t\n\r é😀\ud7ff\ue000\ufffd"
    assert encoded([NewMessage(text)], STANDARD, features())[0].entry["MessageBody"] == text


def test_value_and_attributes_together_are_at_most_a_mebibyte() -> None:
    assert encoded([NewMessage("x" * (1 << 20))], STANDARD, features())
    # mq-key, Binary and a byte.
    assert encoded([NewMessage("x" * ((1 << 20) - 13), key="k")], STANDARD, features())
    assert "1,048,577" in refusal("x" * ((1 << 20) - 12), key="k").message


@pytest.mark.parametrize(
    "headers",
    [
        {f"h{n}": "x" for n in range(11)},
        {"AWS.x": "x"},
        {"amazon.x": "x"},
        {".x": "x"},
        {"x..y": "x"},
        {"é": "x"},
        {"x" * 257: "x"},
        {"x": "\x01"},
        {"mq-key": "x"},
    ],
)
def test_headers_that_are_no_attributes_are_refused(headers: Headers) -> None:
    refusal(headers=headers)


def test_ten_attributes_are_taken_and_the_key_is_one_of_them() -> None:
    nine: Headers = {f"h{n}": "x" for n in range(9)}
    assert encoded([NewMessage(b"v", key=b"k", headers=nine)], STANDARD, features())
    refusal(key=b"k", headers={**nine, "tenth": "x"})


@pytest.mark.parametrize(
    ("queue", "parts"),
    [
        (STANDARD, {"delay": 901}),
        (STANDARD, {"dedup_id": "a"}),
        (STANDARD, {"message_group": "a b"}),
        (STANDARD, {"message_group": "x" * 129}),
        (FIFO, {}),
        (FIFO, {"message_group": "g", "delay": 1}),
        (FIFO, {"message_group": "g", "dedup_id": ""}),
        (STANDARD, {"priority": 1}),
        (STANDARD, {"ttl": 1}),
    ],
)
def test_options_that_it_does_not_take_are_refused(queue: QueueType, parts: Any) -> None:
    refusal(queue=queue, **parts)


def test_a_batch_has_ten_messages_and_a_mebibyte_at_most() -> None:
    small = encoded([NewMessage(b"x")] * 25, STANDARD, features())
    assert batches(small) == [range(0, 10), range(10, 20), range(20, 25)]
    large = encoded([NewMessage("x" * (400 << 10))] * 5, STANDARD, features())
    assert batches(large) == [range(0, 2), range(2, 4), range(4, 5)]


@pytest.fixture(scope="module")
def place() -> Iterator[str]:
    """A part of an account for all tests here, with a queue."""
    with sqs_server.account() as url:
        with open_place(url) as opened:
            opened.create_queue("emails")
        yield url


@pytest.fixture
def broker(place: str) -> Iterator[Broker]:
    """The account."""
    with open_place(place) as opened:
        yield opened


pytestmark = pytest.mark.xdist_group("sqs")


@pytest.mark.parametrize(
    "settings",
    [
        {"lease": 43_201}, {"lease": 0.5}, {"delay": 901}, {"retention": 59},
        {"retention": 1_209_601}, {"wait": 21}, {"max_message": 1023},
        {"max_message": (1 << 20) + 1}, {"dlq": "emails", "max_deliveries": 1001},
        {"dlq": "exchange:e"}, {"dedup": 300}, {"content_dedup": True},
    ],
    ids=str,
)  # fmt: skip
def test_settings_beyond_its_limits_are_refused_at_creation_and_change(
    broker: Broker, settings: Any
) -> None:
    with pytest.raises(BadInput):
        broker.create_queue("other", **settings)
    with pytest.raises(BadInput):
        broker.alter_queue("emails", **settings)
    assert [queue.name for queue in broker.queues()] == ["emails"]


def test_a_list_is_a_call_for_the_names_and_one_for_each_queue(place: str) -> None:
    from store.sqs.broker import SQS

    calls: list[str] = []
    with open_place(place) as broker:
        assert isinstance(broker, SQS)
        broker._client._open().meta.events.register(
            "before-call.sqs", lambda model, **_: calls.append(model.name)
        )
        broker.queues()
    assert calls == ["ListQueues", "GetQueueAttributes"]


@pytest.mark.parametrize(
    "url",
    [
        "sqs://eu-west-1:4566",
        "sqs://localhost",
        "sqs://eu-west-1/123",
        "sqs://me@eu-west-1",
        "sqs://eu-west-1?endpoint=localhost:4566",
        "sqs+tls://eu-west-1?endpoint=http://localhost:4566",
        "sqs://eu-west-1?region=x",
    ],
)
def test_a_place_that_it_can_not_be_is_refused(url: str) -> None:
    with pytest.raises(BadInput):
        open_place(url)


def test_nothing_that_listens_is_unreachable(place: str) -> None:
    with (
        open_place("sqs://eu-west-1?endpoint=http://127.0.0.1:1", timeout=2) as nowhere,
        pytest.raises(Unreachable),
    ):
        nowhere.queues()


def test_without_credentials_the_ways_of_aws_are_named(
    place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in sqs_server.CREDENTIALS:
        monkeypatch.delenv(name)
    with open_place(place) as broker, pytest.raises(BadInput, match="no credentials") as raised:
        broker.queues()
    assert "AWS_PROFILE" in raised.value.hint


def test_without_its_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith(("store.sqs.", "botocore"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "botocore", None)
    with pytest.raises(BadInput) as raised:
        open_place("sqs://eu-west-1")
    assert raised.value.hint == "pip install 'mq[sqs]'"


def test_no_output_holds_a_secret(
    place: str, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for words in (["status"], ["queue", "show", "nothing", "--debug"], ["doctor"]):
        run(["-s", place, "-o", "json", *words])
    captured = capfd.readouterr()
    assert os.environ["AWS_SECRET_ACCESS_KEY"] not in captured.out + captured.err


def mq(capfd: pytest.CaptureFixture[str], *words: str) -> tuple[int, list[Any], str]:
    """Run a command; return its exit code, the documents that it printed, and its errors."""
    code = run(["-o", "ndjson", *words])
    out, err = capfd.readouterr()
    return code, [json.loads(line) for line in out.splitlines()], err


def test_what_one_command_receives_another_one_settles(
    place: str, capfd: pytest.CaptureFixture[str]
) -> None:
    at = ("-s", place)
    assert mq(capfd, *at, "produce", "emails", "hello", "-k", "k")[0] == 0
    _, (message,), _ = mq(capfd, *at, "receive", "emails", "--lease", "2m")
    assert (message["value"], message["key"], message["deliveries"]) == ("hello", "k", 1)
    assert mq(capfd, *at, "extend", message["receipt"], "--for", "5m")[0] == 0
    assert mq(capfd, *at, "nack", message["receipt"])[0] == 0
    _, (again,), _ = mq(capfd, *at, "receive", "emails")
    assert again["deliveries"] == 2
    assert mq(capfd, *at, "ack", again["receipt"])[0] == 0
    assert mq(capfd, *at, "receive", "emails", "--fail-empty")[0] == 10


def test_a_line_that_it_does_not_take_is_named(
    place: str, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    lines = tmp_path / "lines"
    lines.write_bytes(b"good\nb\x00d\ngood\n")
    code, _, err = mq(capfd, "-s", place, "produce", "emails", "-f", str(lines))
    assert code == 2
    assert "line 2: " in err


def test_a_worker_works_off_what_is_there(place: str, capfd: pytest.CaptureFixture[str]) -> None:
    with open_place(place) as broker:
        broker.create_queue("jobs")
        broker.send_many("jobs", [b"%d" % n for n in range(12)])
        assert run(["-s", place, "work", "jobs", "--once", "--jobs", "2", "--", "cat"]) == 0
        out = capfd.readouterr().out
        assert sorted(out) == sorted("".join(map(str, range(12))))
        assert broker.queue("jobs").messages == 0
        broker.delete_queue("jobs")


def test_a_worker_can_not_dead_letter_by_itself(
    place: str, capfd: pytest.CaptureFixture[str]
) -> None:
    words = ["work", "emails", "--on-failure", "dead-letter", "--once", "--", "false"]
    code, _, err = mq(capfd, "-s", place, *words)
    assert (code, json.loads(err)["error"]["feature"]) == (2, "reject")


def test_a_redrive_is_moved_by_the_service_at_a_rate_and_counted(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with sqs_server.served() as served:
        with open_place(served) as broker:
            broker.create_queue("jobs-dlq")
            broker.create_queue("jobs", dlq="jobs-dlq", max_deliveries=1)
            broker.send_many("jobs", [b"a", b"b"])
            broker.nack([message.receipt or "" for message in broker.receive("jobs", 2)])
            assert broker.receive("jobs") == []
        code, (done,), _ = mq(capfd, "-s", served, "dlq", "redrive", "jobs", "--rate", "50/s")
        assert (code, done) == (0, {"batch": None, "moved": None, "count": 2})
        with open_place(served) as broker:
            assert len(broker.receive("jobs", 2, wait=10.0)) == 2
