"""Headers of every type, and properties, are shown as JSON and read back from it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cli.conftest import RunMq

HEADERS: dict[str, Any] = {"raw": b"\xff", "list": ["a", 1], "table": {"x": {"y": None}}}
IN_JSON = {"raw": {"base64": "/w=="}, "list": ["a", 1], "table": {"x": {"y": None}}}
PROPERTIES: dict[str, Any] = {"content_type": "text/plain", "correlation_id": b"\x00"}


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    """A store whose clock is that of the commands."""
    with Store.open(path, create=True, durability="normal") as store:
        yield store


def test_peek_shows_headers_and_properties(call_mq: RunMq, store: Store) -> None:
    store.create_queue("mails")
    store.send("mails", "a", headers=HEADERS, properties=PROPERTIES)
    store.send("mails", "b")

    first, second = call_mq("peek", "mails", "-o", "ndjson").text.splitlines()

    assert json.loads(first)["headers"] == IN_JSON
    assert json.loads(first)["properties"] == {
        "content_type": "text/plain",
        "correlation_id": {"base64": "AA=="},
    }
    assert "properties" not in json.loads(second)


def test_records_in_json_are_read_back_with_headers_and_properties(
    call_mq: RunMq, store: Store, path: Path
) -> None:
    store.create_topic("orders")
    store.create_queue("mails")
    store.produce("orders", "a", headers=HEADERS, properties=PROPERTIES)
    copied = path.with_name("copied.ndjson")
    copied.write_bytes(call_mq("consume", "orders", "-o", "ndjson").out)

    call_mq("produce", "mails", "-f", str(copied), "--framing", "ndjson")

    (message,) = store.messages("mails")
    assert (message.headers, message.properties) == (HEADERS, PROPERTIES)


def test_exported_dead_letters_come_back_with_their_properties(
    call_mq: RunMq, store: Store, path: Path
) -> None:
    store.create_queue("graves")
    store.create_queue("mails", dlq="graves")
    store.send("mails", "a", headers=HEADERS, properties=PROPERTIES)
    store.reject([store.receive("mails")[0].receipt or ""])
    exported = path.with_name("letters.ndjson")
    exported.write_bytes(call_mq("dlq", "export", "graves").out)
    store.purge_queue("graves")

    call_mq("dlq", "import", "graves", str(exported))

    (letter,) = store.messages("graves")
    assert (letter.headers, letter.properties) == (HEADERS, PROPERTIES)


def test_bytes_can_be_given_as_a_header(call_mq: RunMq, store: Store) -> None:
    store.create_queue("mails")

    call_mq("produce", "mails", "a", "-H", 'raw:={"base64":"/w=="}')

    assert store.messages("mails")[0].headers == {"raw": b"\xff"}
