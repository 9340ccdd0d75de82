"""A byte order mark at the beginning of a text is no part of it; in data it is data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from store import Store

if TYPE_CHECKING:
    from tests.cli.conftest import RunMq

MARK = b"\xef\xbb\xbf"


@pytest.fixture
def shop(path: Path) -> Store:
    """A store with a topic `orders` of two records, a queue `emails` and its DLQ; closed."""
    with Store.open(path, create=True, durability="normal") as store:
        store.create_topic("orders")
        store.produce_many("orders", [b"0", b"1"])
        store.create_queue("graves")
        store.create_queue("emails", dlq="graves")
    return store


def test_offsets_are_read_behind_it(
    call_mq: RunMq, shop: Store, tmp_path: Path, path: Path
) -> None:
    (tmp_path / "offsets.csv").write_bytes(MARK + b"orders,0,1\n")
    words = ["group", "reset", "billing", "--from-file", "offsets.csv"]

    assert call_mq(*words, "--apply").code == 0
    with Store.open(path) as store:
        assert store.lag("billing")[0].committed == 1


def test_offsets_of_a_group_are_read_behind_it(call_mq: RunMq, shop: Store, tmp_path: Path) -> None:
    (tmp_path / "offsets.csv").write_bytes(MARK + b"billing,orders,0,1\n")

    assert call_mq("group", "reset", "billing", "--from-file", "offsets.csv").code == 0


@pytest.mark.parametrize("line", [b'{"value":"v"}\n', b'\n{"value":"v"}\n'])
def test_envelopes_are_read_behind_it(run_mq: RunMq, shop: Store, path: Path, line: bytes) -> None:
    for words in (["produce", "orders"], ["produce", "emails"]):
        run = run_mq("-s", str(path), *words, "--framing", "ndjson", stdin=MARK + line)
        assert (run.code, run.err) == (0, "")

    shown = run_mq("-s", str(path), "consume", "orders", "--from", "2").out
    assert shown == run_mq("-s", str(path), "consume", "emails").out == b"v\n"


def test_envelopes_of_several_files_are_read_as_one(run_mq: RunMq, shop: Store, path: Path) -> None:
    both = MARK + b'{"value":"a"}\n' + MARK + b'{"value":"b"}\n'

    run_mq("-s", str(path), "produce", "orders", "--framing", "ndjson", stdin=both)

    assert run_mq("-s", str(path), "consume", "orders", "--from", "2").out == b"a\nb\n"


@pytest.mark.parametrize("framing", ["lines", "nul", "whole"])
def test_in_values_it_is_kept(run_mq: RunMq, shop: Store, path: Path, framing: str) -> None:
    run_mq("-s", str(path), "produce", "orders", "--framing", framing, stdin=MARK + b"v")

    assert run_mq("-s", str(path), "consume", "orders", "--from", "2").out == MARK + b"v\n"


def test_dead_letters_are_read_behind_it(call_mq: RunMq, shop: Store, tmp_path: Path) -> None:
    with Store.open(tmp_path / "store.db") as store:
        store.send("emails", b"v")
        store.reject([str(message.receipt) for message in store.receive("emails")])
    exported = call_mq("dlq", "export", "graves").out
    call_mq("dlq", "purge", "graves", "--yes")
    (tmp_path / "letters.ndjson").write_bytes(MARK + exported)

    assert call_mq("dlq", "import", "graves", "letters.ndjson").code == 0
    assert json.loads(call_mq("dlq", "export", "graves").out)["id"] == json.loads(exported)["id"]


def test_receipts_are_read_behind_it(run_mq: RunMq, shop: Store, path: Path) -> None:
    with Store.open(path) as store:
        store.send("emails", b"v")
    received = run_mq("-s", str(path), "receive", "emails").out

    assert run_mq("-s", str(path), "ack", "-", stdin=MARK + received).code == 0


def test_topologies_definitions_and_answers_are_read_behind_it(
    call_mq: RunMq, shop: Store, tmp_path: Path
) -> None:
    texts = {
        "shop.yaml": b"version: 1\nqueues: {q: {}}\n",
        "definitions.json": b'{"queues": [{"name": "r", "vhost": "/", "durable": true}]}',
        "answers.json": b'{"replay": true}',
    }
    for name, text in texts.items():
        (tmp_path / name).write_bytes(MARK + text)

    assert call_mq("validate", "shop.yaml").code == 0
    assert call_mq("import", "definitions.json").code == 0
    assert call_mq("advise", "answers.json").code == 0
