"""`mq dlq import` into a queue with limits of length: they hold as for new messages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from store import Message, NewMessage, QueueFull, Store

if TYPE_CHECKING:
    from tests.cli.conftest import RunMq

LETTERS = ["0", "1", "2", "3", "4"]


@pytest.fixture
def post(path: Path) -> Store:
    """A store with five dead letters of the queue `emails` in `graves`; closed."""
    with Store.open(path, create=True, durability="normal") as store:
        store.create_queue("further")
        store.create_queue("graves", dlq="further")
        store.create_queue("emails", dlq="graves")
        store.send_many("emails", [NewMessage(value) for value in LETTERS])
        store.reject([str(message.receipt) for message in store.receive("emails", 5)])
    return store


@pytest.fixture
def exported(call_mq: RunMq, post: Store, tmp_path: Path) -> Path:
    """A file of the five letters, which are nowhere else any more."""
    file = tmp_path / "letters.ndjson"
    file.write_bytes(call_mq("dlq", "export", "graves").out)
    call_mq("queue", "purge", "graves", "--yes")
    return file


def values(path: Path, queue: str) -> list[str]:
    with Store.open(path) as store:
        return [(message.value or b"").decode() for message in store.messages(queue)]


@pytest.mark.parametrize("limit", [("--max-length", "3"), ("--max-bytes", "3B")])
def test_a_queue_that_rejects_takes_all_or_none(
    call_mq: RunMq, exported: Path, path: Path, limit: tuple[str, str]
) -> None:
    call_mq("queue", "alter", "graves", *limit, "--overflow", "reject")

    run = call_mq("dlq", "import", "graves", exported.name)

    assert run.is_refused(5)
    assert "queue graves is full" in run.err
    assert values(path, "graves") == []


def test_what_fits_exactly_is_taken(call_mq: RunMq, exported: Path, path: Path) -> None:
    call_mq("queue", "alter", "graves", "--max-length", "5", "--overflow", "reject")

    assert call_mq("dlq", "import", "graves", exported.name).code == 0
    assert values(path, "graves") == LETTERS


def test_letters_that_are_there_already_need_no_room(
    call_mq: RunMq, exported: Path, path: Path
) -> None:
    call_mq("queue", "alter", "graves", "--max-length", "5", "--overflow", "reject")
    call_mq("dlq", "import", "graves", exported.name)

    run = call_mq("dlq", "import", "graves", exported.name, "--json")

    assert json.loads(run.out) == {"queue": "graves", "imported": 0, "present": 5}


@pytest.mark.parametrize("limit", [("--max-length", "3"), ("--max-bytes", "3B")])
def test_drop_head_lets_the_oldest_go_and_says_so(
    call_mq: RunMq, exported: Path, path: Path, limit: tuple[str, str]
) -> None:
    call_mq("queue", "alter", "graves", *limit)

    run = call_mq("dlq", "import", "graves", exported.name)

    assert run.code == 0
    assert "mq: warning: 2 messages went out of graves" in run.err
    assert (values(path, "graves"), values(path, "further")) == (["2", "3", "4"], ["0", "1"])


def test_dead_letter_sends_the_last_that_came_further(
    call_mq: RunMq, exported: Path, path: Path
) -> None:
    call_mq("queue", "alter", "graves", "--max-length", "3", "--overflow", "dead-letter")

    run = call_mq("dlq", "import", "graves", exported.name)

    assert run.code == 0
    assert "2 messages went out of graves" in run.err
    assert (values(path, "graves"), values(path, "further")) == (["0", "1", "2"], ["3", "4"])


def test_the_call_of_the_store_heeds_them_too(post: Store, path: Path) -> None:
    with Store.open(path) as store:
        letters: list[Message] = store.dead_letters("graves")
        store.purge_queue("graves")
        store.alter_queue("graves", max_length=4, overflow="reject")

        with pytest.raises(QueueFull):
            store.restore_dead_letters("graves", letters)

        assert len(store.restore_dead_letters("graves", letters[:4])) == 4
