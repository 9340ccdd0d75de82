"""Many dead letters at once: in steps that hold up nobody for long, and taken back whole."""

from __future__ import annotations

import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from store import Conflict, Message, NotFound, Store
from store.model.dead_letters import Chosen, Dead
from store.model.letter_groups import Field
from store.model.steps import MESSAGES, cut
from tests.support.invariants import check_invariants
from tests.support.kills import dies
from tests.support.transactions import counted_writes

MANY = 2 * MESSAGES + 100
Handle = Callable[..., Store]


def fill(store: Store, number: int, *, fifo: bool = False, sources: int = 3) -> list[Message]:
    """A DLQ graves with so many letters, which came from several queues in turn."""
    store.create_queue("graves", fifo=fifo)
    for source in range(sources):
        store.create_queue(f"q{source}", fifo=fifo, dlq="graves")
    return store.restore_dead_letters(
        "graves", [_letter(store, n, f"q{n % sources}", fifo) for n in range(number)]
    )


def _letter(store: Store, number: int, source: str, fifo: bool) -> Message:
    now = store.clock.wall()
    return Message(
        queue="graves", id=str(uuid.UUID(int=number)), sequence=0, timestamp=now,
        message_group=f"g{number % 7}" if fifo else None, priority=0, headers={}, key=b"k",
        value=b"%d" % number, deliveries=1, redelivered=False, state="ready",
        dead=Dead(f"{source}@{number}", "rejected", now, 1, f"bad {number}", ()),
    )  # fmt: skip


def essence(letter: Message) -> object:
    return (letter.id, letter.timestamp, letter.value, letter.message_group, letter.dead)


def redrive(store: Store) -> object:
    return store.redrive("graves")


def redrive_and_undo(store: Store) -> object:
    store.redrive("graves")
    return store.undo_redrive()


def purge(store: Store) -> object:
    return store.purge_dead_letters("graves", lambda letter: True)


def export_and_import(store: Store) -> object:
    letters = store.dead_letters("graves")
    purge(store)
    return store.restore_dead_letters("graves", letters)


CALLS = [redrive, redrive_and_undo, purge, export_and_import]


@pytest.mark.parametrize("fifo", [False, True])
@pytest.mark.parametrize("call", CALLS)
def test_twice_as_many_letters_take_twice_the_work_and_no_longer_a_transaction(
    tmp_path: Path, call: Callable[[Store], object], fifo: bool
) -> None:
    total, longest = {}, {}
    for number in (MANY, 2 * MANY):
        with Store.open(tmp_path / f"{number}.db", create=True, durability="normal") as store:
            fill(store, number, fifo=fifo)
            with counted_writes(store) as steps:
                call(store)
            total[number], longest[number] = sum(steps), max(steps)
    assert total[2 * MANY] < 2.3 * total[MANY]
    assert longest[2 * MANY] < 1.15 * longest[MANY]


def test_up_to_a_step_is_one_transaction(store: Store) -> None:
    fill(store, MESSAGES)
    for call in (redrive, lambda store: store.undo_redrive(), purge):
        with counted_writes(store) as steps:
            call(store)
        assert len([done for done in steps if done]) == 1


def test_a_step_has_no_more_bytes_than_it_may_unless_it_is_one_message() -> None:
    mebibyte = 1 << 20
    assert [*cut([3 * mebibyte, mebibyte, 1, 9 * mebibyte, 1])] == [
        slice(0, 2),
        slice(2, 3),
        slice(3, 4),
        slice(4, 5),
    ]
    assert [*cut([])] == []


@pytest.mark.parametrize(
    "call",
    [
        lambda store, choice: store.redrive("graves", choice=choice),
        lambda store, choice: store.redrive_preview("graves", choice=choice),
        lambda store, choice: store.purge_dead_letters("graves", choice),
        lambda store, choice: store.dead_letters("graves", choice),
        lambda store, choice: store.dead_letter_groups("graves", Field.ERROR, choice),
    ],
)
def test_a_choice_is_asked_while_no_transaction_is_open(
    store: Store, open_store: Handle, call: Callable[[Store, Callable[[Message], bool]], object]
) -> None:
    fill(store, 3)
    other = open_store(timeout=0.0)

    def choice(letter: Message) -> bool:
        # Refused at once if the caller held the lock, and refused if it had a transaction open.
        other.send("q0", letter.value)
        store.send("q1", letter.value)
        return not store._database.read_only().in_transaction

    call(store, choice)
    assert other.queue("q0").ready >= 3


def test_what_left_after_it_was_chosen_is_passed_over(store: Store, open_store: Handle) -> None:
    fill(store, 4)
    other = open_store()
    taken: list[Any] = []

    def choice(letter: Message) -> bool:
        if not taken:
            taken.extend(other.receive("graves", 1))
            other.purge_dead_letters("graves", lambda one: one.sequence == 2)
        return True

    moved = store.redrive("graves", choice=choice).moved
    assert [one.sequence for one in moved] == [1, 3]
    check_invariants(store.path)


def test_many_letters_come_back_as_they_were_in_their_order(store: Store) -> None:
    before = [essence(letter) for letter in fill(store, MANY)]
    done = store.redrive("graves")
    assert [one.sequence for one in done.moved] == [*range(MANY)]
    assert [store.queue(f"q{n}").ready for n in range(3)] == [367, 367, 366]
    assert store.undo_redrive(done.batch).batch == done.batch
    assert [essence(letter) for letter in store.dead_letters("graves")] == before
    check_invariants(store.path)


def test_a_transaction_of_the_caller_takes_all_of_them_or_none(store: Store) -> None:
    fill(store, MANY)
    with suppress(ZeroDivisionError), store.transaction(timeout=60) as tx:
        assert len(tx.redrive("graves").moved) == MANY
        raise ZeroDivisionError
    assert store.redrives() == []
    with store.transaction(timeout=60) as tx:
        tx.redrive("graves")
    assert store.queue("graves").ready == 0


def test_steps_tell_how_far_they_are(store: Store) -> None:
    letters = fill(store, MANY)
    store.redrive("graves")
    told: list[tuple[int, int]] = []
    store.undo_redrive(progress=lambda done, total: told.append((done, total)))
    assert told == [(MESSAGES, MANY), (2 * MESSAGES, MANY), (MANY, MANY)]
    told.clear()
    chosen = [Chosen.of(letter) for letter in store.dead_letters("graves")]
    store.remove_dead_letters("graves", chosen, progress=lambda *done: told.append(done))
    assert told[-1] == (MANY, MANY)
    store.restore_dead_letters("graves", letters, progress=lambda *done: told.append(done))
    assert told[-1] == (MANY, MANY)


KILLED = """
import sys
from store import Store
with Store.open(sys.argv[1]) as store:
    getattr(store, sys.argv[2])(*sys.argv[3:])
"""


def killed(path: Path, at: int, *call: str) -> None:
    """Make a call in a process that dies just before its commit number `at`."""
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(path), *call],
        env={"MQ_CRASH_AT": f"commit.before:{at}", "PYTHONPATH": str(Path(__file__).parents[2])},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert dies(process)


@pytest.fixture
def shared(path: Path) -> Iterator[Store]:
    """A store by this machine's clock, as another process has it."""
    with Store.open(path, create=True, durability="normal") as store:
        yield store


def test_a_redrive_that_was_killed_is_taken_back_whole(shared: Store, path: Path) -> None:
    before = [essence(letter) for letter in fill(shared, MANY)]
    killed(path, 3, "redrive", "graves")
    assert shared.queue("graves").ready == MANY - 2 * MESSAGES
    assert len(shared.undo_redrive().moved) == 2 * MESSAGES
    assert sorted(map(str, before)) == sorted(
        str(essence(letter)) for letter in shared.dead_letters("graves")
    )


def test_an_undo_that_was_killed_goes_on_where_it_ended(shared: Store, path: Path) -> None:
    fill(shared, MANY)
    batch = shared.redrive("graves").batch
    killed(path, 2, "undo_redrive")
    assert shared.queue("graves").ready == MESSAGES
    done = shared.undo_redrive()
    assert (done.batch, len(done.moved)) == (batch, MANY - MESSAGES)
    assert shared.queue("graves").ready == MANY
    with pytest.raises(NotFound):
        shared.undo_redrive(batch)


def test_a_small_redrive_that_was_killed_did_nothing(shared: Store, path: Path) -> None:
    fill(shared, MESSAGES)
    killed(path, 1, "redrive", "graves")
    assert shared.queue("graves").ready == MESSAGES
    assert shared.redrives() == []


def test_an_undo_of_which_nothing_is_left_says_so(store: Store) -> None:
    fill(store, MANY)
    store.redrive("graves")
    for source in ("q0", "q1", "q2"):
        store.purge_queue(source)
    with pytest.raises(Conflict):
        store.undo_redrive()
