"""Leases of a process that is gone: attached ones end with it, others only by time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from time import monotonic

import pytest

from store import Message, NewMessage, Store
from tests.support import processes


@pytest.fixture
def post(path: Path) -> Iterator[Store]:
    """A store by this machine's clock, with three messages in emails and in the FIFO billing."""
    with Store.open(path, create=True, durability="normal") as store:
        store.create_queue("emails")
        store.create_queue("billing", fifo=True)
        for queue in ("emails", "billing"):
            store.send_many(queue, [NewMessage(b"%d" % n, message_group="g") for n in range(3)])
        yield store


def die_holding(path: Path, queue: str, how: str = "attached") -> None:
    holder = processes.start("lease", path, queue, how)
    assert processes.hear(holder) == "3"
    processes.kill(holder)


@pytest.mark.parametrize("queue", ["emails", "billing"])
def test_what_a_dead_process_held_is_delivered_again_in_order(
    post: Store, path: Path, queue: str
) -> None:
    die_holding(path, queue)

    messages = post.receive(queue, 10)

    assert [message.value for message in messages] == [b"0", b"1", b"2"]
    assert {(message.deliveries, message.redelivered) for message in messages} == {(2, True)}


def test_the_first_receive_of_a_process_finds_what_a_dead_one_held_in_its_place(
    post: Store, path: Path
) -> None:
    die_holding(path, "emails")
    post.send_many("emails", [NewMessage(b"later")] * 100)

    with Store.open(path) as another:
        first = [another.receive("emails")[0].value for _ in range(4)]
    assert first == [b"0", b"1", b"2", b"later"]


def test_a_reader_that_finds_enough_to_do_looks_once_a_second(post: Store, path: Path) -> None:
    post.send("emails", b"later")
    holder = processes.start("lease", path, "emails", "attached", 3)
    assert processes.hear(holder) == "3"
    looked = monotonic()
    first = post.receive("emails")
    processes.kill(holder)
    received = first
    while received[0].value == b"later":
        assert monotonic() - looked < processes.PATIENCE
        post.unreceive([received[0].receipt or ""])
        received = post.receive("emails")
    assert (first[0].value, received[0].value) == (b"later", b"0")


def test_a_reader_that_finds_nothing_looks_again_within_a_second(post: Store, path: Path) -> None:
    holder = processes.start("lease", path, "emails", "attached", 3)
    assert processes.hear(holder) == "3"
    assert post.receive("emails") == []
    processes.kill(holder)
    died = monotonic()
    while not (received := post.receive("emails")):
        assert monotonic() - died < processes.PATIENCE
    assert received[0].value == b"0"


def test_a_lease_that_is_not_attached_outlives_its_process(post: Store, path: Path) -> None:
    die_holding(path, "emails", "detached")
    assert post.receive("emails", 10) == []
    assert post.queue("emails").leased == 3


def test_a_living_process_keeps_its_leases(post: Store, path: Path) -> None:
    holder = processes.start("lease", path, "emails", "attached")
    assert processes.hear(holder) == "3"
    assert post.receive("emails", 10) == []
    processes.kill(holder)


def test_the_retry_delay_counts_from_when_it_is_noticed(post: Store, path: Path) -> None:
    post.alter_queue("emails", retry_delays=[3600])
    die_holding(path, "emails")
    assert post.receive("emails", 10) == []
    status = post.queue("emails")
    assert (status.ready, status.leased, status.delayed) == (0, 0, 3)


def test_the_last_delivery_leads_to_the_dlq(post: Store, path: Path) -> None:
    post.create_queue("graves")
    post.alter_queue("emails", dlq="graves", max_deliveries=1)
    die_holding(path, "emails")
    assert post.receive("emails", 10) == []
    assert {letter.dead and letter.dead.reason for letter in post.dead_letters("graves")} == {
        "max_deliveries"
    }
    assert post.queue("graves").ready == 3


def test_who_waits_gets_them_soon_after_the_death(post: Store, path: Path) -> None:
    holder = processes.start("lease", path, "emails", "attached")
    assert processes.hear(holder) == "3"
    received: list[Message] = []
    waiter = Thread(target=lambda: received.extend(post.receive("emails", 10, wait=30)))
    waiter.start()
    processes.kill(holder)
    died = monotonic()
    waiter.join(30)
    assert len(received) == 3
    assert monotonic() - died < 25
