"""Calls of several threads share a commit, and each gets its own result or error."""

from __future__ import annotations

import errno
import subprocess
import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

import pytest

from store import BadRecord, Busy, LeaseLost, MqError, NewMessage, NotFound, QueueFull, Store
from store.api import committer
from tests.conftest import Fail
from tests.support.commit_programs import THREADS, start
from tests.support.processes import PATIENCE, ROOT

T = TypeVar("T")


def together(store: Store, calls: list[Callable[[], T]]) -> list[T | Exception]:
    """Make each call in a thread of its own while another one writes; what became of each."""
    outcomes: list[T | Exception] = [AssertionError("no outcome")] * len(calls)

    def make(number: int) -> None:
        try:
            outcomes[number] = calls[number]()
        except Exception as error:
            outcomes[number] = error

    threads = [threading.Thread(target=make, args=(number,)) for number in range(len(calls))]
    with store.transaction(timeout=PATIENCE):
        for waiting, thread in enumerate(threads, 1):
            thread.start()
            while len(store._database.queue) < waiting and thread.is_alive():
                thread.join(0.001)
    for thread in threads:
        thread.join(PATIENCE)
    return outcomes


def sending(store: Store, *values: str, queue: str = "jobs") -> Callable[[], object]:
    return lambda: store.send_many(queue, list(values))


def number_of_next_commit(store: Store) -> int:
    with store._database.write() as tx:
        return tx.number


def values(store: Store, queue: str = "jobs") -> list[str]:
    return [(message.value or b"").decode() for message in store.messages(queue)]


@pytest.fixture
def jobs(store: Store) -> Store:
    """A store with the queue `jobs`."""
    store.create_queue("jobs")
    return store


def test_sends_that_wait_for_another_writer_are_one_commit(jobs: Store) -> None:
    before = number_of_next_commit(jobs)

    together(jobs, [sending(jobs, str(n)) for n in range(20)])

    assert number_of_next_commit(jobs) == before + 1


def test_each_send_gets_the_ids_of_its_own_messages(jobs: Store) -> None:
    outcomes = together(
        jobs, [partial(jobs.send_many, "jobs", [f"{n}a", f"{n}b"]) for n in range(5)]
    )

    for n, ids in enumerate(outcomes):
        assert isinstance(ids, list)
        stored = [jobs.message("jobs", id.sequence or 0) for id in ids]
        assert [(m.value, m.id) for m in stored] == [
            (f"{n}a".encode(), ids[0].id),
            (f"{n}b".encode(), ids[1].id),
        ]


def test_a_refused_send_falls_out_and_the_others_are_stored(jobs: Store) -> None:
    jobs.alter_queue("jobs", max_message=3)
    outcomes = together(
        jobs, [sending(jobs, value) for value in ("a", "b", "too long", "c", "longer", "d")]
    )

    assert values(jobs) == ["a", "b", "c", "d"]
    assert [isinstance(outcome, BadRecord) for outcome in outcomes] == [
        False, False, True, False, True, False,
    ]  # fmt: skip


def test_a_refused_send_is_all_or_nothing_for_its_own_messages(jobs: Store) -> None:
    jobs.alter_queue("jobs", max_message=3)
    together(jobs, [sending(jobs, "a", "too long"), sending(jobs, "b", "c")])

    assert values(jobs) == ["b", "c"]


def test_a_full_queue_takes_as_many_sends_as_it_has_room_for(jobs: Store) -> None:
    jobs.alter_queue("jobs", max_length=5, overflow="reject")
    outcomes = together(jobs, [sending(jobs, str(n)) for n in range(8)])

    assert len(values(jobs)) == 5
    assert [type(outcome) for outcome in outcomes].count(QueueFull) == 3


def test_a_send_to_a_missing_queue_keeps_no_other_from_being_stored(jobs: Store) -> None:
    outcomes = together(
        jobs, [sending(jobs, "a"), sending(jobs, "b", queue="none"), sending(jobs, "c")]
    )

    assert values(jobs) == ["a", "c"]
    assert isinstance(outcomes[1], NotFound)


def test_receives_that_wait_are_one_commit_and_each_message_goes_to_one_of_them(
    jobs: Store,
) -> None:
    jobs.send_many("jobs", [str(n) for n in range(25)])
    before = number_of_next_commit(jobs)

    outcomes = together(jobs, [lambda: jobs.receive("jobs", 3) for _ in range(8)])

    assert number_of_next_commit(jobs) == before + 1
    taken = [m.value for messages in outcomes if isinstance(messages, list) for m in messages]
    assert len(taken) == len(set(taken)) == 24


def test_a_message_group_is_dealt_out_to_one_reader(store: Store) -> None:
    store.create_queue("fifo", fifo=True)
    store.send_many("fifo", [NewMessage(str(n), message_group="g") for n in range(6)])

    outcomes = together(store, [lambda: store.receive("fifo", 2) for _ in range(3)])

    assert sorted(len(m) for m in outcomes if isinstance(m, list)) == [0, 0, 2]


def test_acks_that_wait_are_one_commit(jobs: Store) -> None:
    jobs.send_many("jobs", [str(n) for n in range(10)])
    receipts = [m.receipt or "" for m in jobs.receive("jobs", 10)]
    before = number_of_next_commit(jobs)

    outcomes = together(jobs, [partial(jobs.ack, [receipt]) for receipt in receipts])

    assert outcomes == [None] * 10
    assert number_of_next_commit(jobs) == before + 1
    assert values(jobs) == []


def test_only_the_ack_of_a_lost_lease_is_refused(jobs: Store) -> None:
    jobs.send_many("jobs", [str(n) for n in range(4)])
    receipts = [m.receipt or "" for m in jobs.receive("jobs", 4)]
    jobs.nack([receipts[1]], delay=60)

    outcomes = together(jobs, [lambda: jobs.ack(receipts[:2]), lambda: jobs.ack(receipts[2:])])

    assert isinstance(outcomes[0], LeaseLost)
    assert list(outcomes[0].failures) == [receipts[1]]
    assert outcomes[1] is None
    assert values(jobs) == ["1"]


def test_the_second_of_two_nacks_of_a_message_is_refused(jobs: Store) -> None:
    jobs.send("jobs", "a")
    (message,) = jobs.receive("jobs")

    outcomes = together(jobs, [lambda: jobs.nack([message.receipt or ""]) for _ in range(2)])

    assert outcomes[0] is None
    assert isinstance(outcomes[1], LeaseLost)


def test_unlike_calls_share_a_commit_and_each_counts(
    jobs: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(committer, "LONGEST_UNDER_LOCK", PATIENCE)
    jobs.create_topic("orders")
    jobs.create_exchange("events", "fanout")
    jobs.bind("events", "jobs")
    jobs.send("jobs", "first")
    (held,) = jobs.receive("jobs")
    before = number_of_next_commit(jobs)

    calls: list[Callable[[], object]] = [
        lambda: jobs.produce("orders", "record"),
        lambda: jobs.ack([held.receipt or ""]),
        lambda: jobs.publish("events", "", "published"),
        lambda: jobs.send("jobs", "sent"),
    ]
    outcomes = together(jobs, calls)

    assert [outcome for outcome in outcomes if isinstance(outcome, Exception)] == []
    assert number_of_next_commit(jobs) == before + 1
    assert (values(jobs), len(jobs.read("orders"))) == (["published", "sent"], 1)


def test_past_its_time_a_batch_leaves_other_calls_to_the_next_one(
    jobs: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(committer, "LONGEST_UNDER_LOCK", 0)
    jobs.create_queue("others")
    before = number_of_next_commit(jobs)

    together(jobs, [sending(jobs, "a"), sending(jobs, "b"), sending(jobs, "c", queue="others")])

    assert number_of_next_commit(jobs) == before + 2
    assert (values(jobs), values(jobs, "others")) == (["a", "b"], ["c"])


def test_a_batch_is_no_longer_than_512_messages(jobs: Store) -> None:
    before = number_of_next_commit(jobs)

    together(jobs, [sending(jobs, *map(str, range(200))) for _ in range(6)])

    assert number_of_next_commit(jobs) == before + 3
    assert len(values(jobs)) == 1000  # as many as a look shows


def test_a_batch_that_a_broken_statement_ends_is_repeated_call_by_call(jobs: Store) -> None:
    with jobs._database.write() as tx:
        tx.execute(
            "create trigger theirs before insert on mq_records when new.value = cast('bad' as blob)"
            " begin select raise(abort, 'not that one'); end"
        )
    outcomes = together(jobs, [sending(jobs, value) for value in ("a", "bad", "b")])

    assert sorted(values(jobs)) == ["a", "b"]
    assert [isinstance(outcome, Exception) for outcome in outcomes] == [False, True, False]


def test_a_commit_that_leaves_open_whether_it_is_stored_says_so_to_every_call_in_it(
    path: Path, fail: Fail
) -> None:
    with Store.open(path, create=True) as store:
        store.create_queue("jobs")
    program = start("send_together", path, **fail("sync", errno.EIO, "-wal", 1, "+"))
    out, _ = program.communicate(timeout=PATIENCE)

    assert out.split() == ["outcome_unknown"] * THREADS


def test_a_call_that_waits_too_long_is_taken_back(path: Path) -> None:
    with Store.open(path, create=True, timeout=0.05) as store:
        store.create_queue("jobs")
        outcomes: list[BaseException] = []

        def send() -> None:
            with pytest.raises(Busy, match="other threads of this process") as caught:
                store.send("jobs", "late")
            outcomes.append(caught.value)

        thread = threading.Thread(target=send)
        with store.transaction(timeout=PATIENCE):
            thread.start()
            thread.join(PATIENCE)

        assert len(outcomes) == 1
        assert values(store) == []


def test_an_interrupted_receive_leaves_nothing_leased(jobs: Store) -> None:
    def interrupted() -> bool:
        raise KeyboardInterrupt

    def receive() -> object:
        with pytest.raises(KeyboardInterrupt):
            jobs.receive("jobs", until=interrupted)
        return None

    jobs.send("jobs", "a")
    together(jobs, [receive, lambda: jobs.queue("jobs")])

    assert jobs.queue("jobs").ready == 1


def test_a_call_within_a_transaction_of_its_own_thread_is_refused_at_once(jobs: Store) -> None:
    with jobs.transaction(), pytest.raises(MqError, match="transaction open"):
        jobs.send("jobs", "inner")


def test_a_lone_thread_loads_no_committer(path: Path) -> None:
    program = (
        "import sys; from store import Store\n"
        "with Store.open(sys.argv[1], create=True) as store:\n"
        "    store.create_queue('q'); store.send('q', 'v')\n"
        "    store.ack([m.receipt for m in store.receive('q')])\n"
        "print('store.api.committer' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, path], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == "False"
