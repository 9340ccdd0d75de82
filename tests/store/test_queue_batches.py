"""A batch is stored as its messages would be one by one, whatever each of them asks for."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path

import pytest

from store import BadInput, BadRecord, Message, NewMessage, Store
from store.model.clock import ManualClock
from store.model.queues import QueueSettings
from store.sqlite.file.transactions import Row

QUEUES: dict[str, QueueSettings] = {
    "standard": {},
    "delayed": {"delay": 3},
    "prioritized": {"priorities": 3},
    "short-lived": {"ttl": 60},
    "fair": {"fair": True},
    "fifo": {"fifo": True, "delay": 2},
    "deduplicating": {"dedup": 60, "content_dedup": True},
}


@pytest.fixture
def other(tmp_path: Path, clock: ManualClock) -> Iterator[Store]:
    """Another store, as empty as the first."""
    with Store.open(tmp_path / "other.db", create=True, durability="normal", clock=clock) as opened:
        yield opened


def mixed(messages: int, clock: ManualClock, *, fifo: bool) -> list[NewMessage]:
    """Messages of which each asks for something else; many are like others, too."""
    groups = cycle(["a", "b", None] if not fifo else ["a", "b"])
    return [
        NewMessage(
            value=[f"value {n % 7}", None, b"bytes"][n % 3],
            key=[None, "key"][n % 2],
            headers=[None, {"n": n}, {}][n % 3],
            timestamp=[None, clock.wall() - 5, clock.wall() + n][n % 3],
            delay=None if fifo else [None, 0, 1.5, None][n % 4],
            message_group=group,
            priority=n % 5,
            ttl=[None, 5, 500][n % 3],
        )
        for n, group in enumerate(islice(groups, messages))
    ]


def stored(store: Store) -> list[Row]:
    with store._read() as tx:
        return tx.rows(
            "select id, timestamp, message_group, key, headers, value, expires, checksum"
            " from mq_records order by id"
        ) + tx.rows("select number, next, records, bytes, last_timestamp from mq_partitions")


def without_ids(messages: list[Message]) -> list[Message]:
    return [message._replace(id="") for message in messages]


@pytest.mark.parametrize("kind", QUEUES)
@pytest.mark.parametrize("plain", [False, True])
def test_a_batch_is_stored_as_its_messages_are_one_by_one(
    store: Store, other: Store, clock: ManualClock, kind: str, plain: bool
) -> None:
    fifo = kind == "fifo"
    messages = mixed(40, clock, fifo=fifo)
    if plain:
        messages = [
            NewMessage(each.value, message_group="a" if fifo else None) for each in messages
        ]
    for each in (store, other):
        each.create_queue("jobs", **QUEUES[kind])

    together = store.send_many("jobs", messages)
    singly = [id for message in messages for id in other.send_many("jobs", [message])]

    assert [id._replace(id="") for id in together] == [id._replace(id="") for id in singly]
    assert stored(store) == stored(other)
    assert without_ids(store.messages("jobs")) == without_ids(other.messages("jobs"))


def test_the_ids_of_a_batch_are_those_of_its_messages(store: Store) -> None:
    store.create_queue("jobs", priorities=2)

    ids = store.send_many("jobs", [NewMessage("x", priority=n % 2) for n in range(600)])

    assert [(m.id, m.sequence) for m in store.messages("jobs")] == [
        (id.id, id.sequence) for id in ids
    ]


def test_what_is_no_message_is_named_by_its_place(store: Store) -> None:
    store.create_queue("jobs")

    with pytest.raises(BadRecord, match="NewMessage, bytes or str, not int") as refused:
        store.send_many("jobs", [NewMessage("good"), 1])  # type: ignore[list-item]
    assert refused.value.index == 1
    assert store.messages("jobs") == []


@pytest.mark.parametrize("kind", [kind for kind in QUEUES if kind != "fifo"])
def test_values_alone_are_messages_that_ask_for_nothing(
    store: Store, other: Store, kind: str
) -> None:
    for each in (store, other):
        each.create_queue("jobs", **QUEUES[kind])
    values: list[bytes | str] = [b"bytes", "text", b"", "text"]

    store.send_many("jobs", values)
    store.send_many("jobs", [*values, NewMessage(None)])
    other.send_many("jobs", [NewMessage(value) for value in values])
    other.send_many("jobs", [NewMessage(value) for value in [*values, None]])

    assert stored(store) == stored(other)


def test_one_value_is_no_list_of_messages(store: Store) -> None:
    store.create_queue("jobs")

    with pytest.raises(BadInput, match="not a list"):
        store.send_many("jobs", "abc")
