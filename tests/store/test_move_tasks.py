"""A move task takes dead letters back in steps, at a rate, over a restart of who runs it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from store import BadInput, Conflict, NewMessage, NotFound, Store

if TYPE_CHECKING:
    from store.model.clock import ManualClock
    from store.model.dead_letters import MoveTask


@pytest.fixture
def graves(store: Store) -> Store:
    """A store whose DLQ graves holds five dead letters of mails."""
    store.create_queue("graves")
    store.create_queue("mails", dlq="graves")
    store.create_queue("other")
    store.send_many("mails", [NewMessage(f"{n}", properties={"n": n}) for n in range(5)])
    store.reject([message.receipt or "" for message in store.receive("mails", 5)])
    return store


def run(store: Store, task: MoveTask) -> MoveTask:
    while task.state == "running" and not task.pause:
        task = store.continue_move(task.id)
    return task


def values(store: Store, queue: str) -> list[str]:
    return [(message.value or b"").decode() for message in store.messages(queue)]


def test_it_moves_all_letters_to_their_sources(graves: Store) -> None:
    done = run(graves, graves.start_move("graves"))

    assert (done.state, done.wanted, done.moved, done.error) == ("completed", 5, 5, None)
    assert values(graves, "mails") == ["0", "1", "2", "3", "4"]
    assert graves.messages("mails")[3].properties == {"n": 3}


def test_it_moves_all_letters_to_another_queue(graves: Store) -> None:
    run(graves, graves.start_move("graves", "other"))

    assert (len(values(graves, "other")), values(graves, "mails")) == (5, [])


def test_a_rate_sets_the_pause_before_the_next_step(graves: Store, clock: ManualClock) -> None:
    task = graves.continue_move(graves.start_move("graves", rate=2).id)
    assert (task.moved, task.pause) == (1, 0.5)
    assert graves.continue_move(task.id).moved == 1

    clock.advance(0.5)
    assert graves.continue_move(task.id).moved == 2


def test_another_process_goes_on_with_it_at_the_same_rate(
    graves: Store, clock: ManualClock, open_store: Callable[..., Store]
) -> None:
    id = graves.continue_move(graves.start_move("graves", rate=2).id).id
    graves.close()

    with open_store(clock=clock) as reopened:
        (task,) = reopened.move_tasks()
        assert (task.id, task.state, task.pause) == (id, "running", 0.5)
        clock.advance(0.5)
        assert reopened.continue_move(id).moved == 2


def test_letters_that_come_later_are_not_moved(graves: Store) -> None:
    task = graves.start_move("graves")
    graves.send("mails", "later")
    graves.reject([graves.receive("mails")[0].receipt or ""])

    run(graves, task)

    assert values(graves, "graves") == ["later"]


def test_a_leased_letter_is_passed_over(graves: Store) -> None:
    graves.receive("graves")

    done = run(graves, graves.start_move("graves"))

    assert (done.state, done.moved, values(graves, "graves")) == ("completed", 4, ["0"])


def test_a_queue_has_one_running_task(graves: Store) -> None:
    graves.start_move("graves")

    with pytest.raises(Conflict, match="moves the dead letters of graves already"):
        graves.start_move("mails")


def test_a_cancelled_task_moves_no_more_and_keeps_its_moves(graves: Store) -> None:
    id = graves.continue_move(graves.start_move("graves", rate=1).id).id

    assert graves.cancel_move(id).state == "cancelled"

    assert graves.continue_move(id).moved == 1
    assert (values(graves, "mails"), len(values(graves, "graves"))) == (["0"], 4)
    with pytest.raises(Conflict, match="is cancelled"):
        graves.cancel_move(id)


def test_a_task_whose_target_is_gone_has_failed_and_the_rest_stays(
    graves: Store, clock: ManualClock
) -> None:
    task = graves.continue_move(graves.start_move("graves", "other", rate=1).id)
    graves.delete_queue("other")
    clock.advance(1)

    failed = graves.continue_move(task.id)

    assert (failed.state, failed.moved, failed.error) == (
        "failed",
        1,
        "queue other does not exist",
    )
    assert len(values(graves, "graves")) == 4


def test_the_moves_of_a_task_are_one_batch_for_undo(graves: Store, clock: ManualClock) -> None:
    task = graves.continue_move(graves.start_move("graves", rate=1).id)
    clock.advance(1)
    task = graves.continue_move(task.id)

    graves.undo_redrive(task.batch)

    assert len(values(graves, "graves")) == 5


def test_tasks_are_listed_newest_first(graves: Store) -> None:
    first = run(graves, graves.start_move("graves"))
    second = graves.start_move("graves")

    assert [task.id for task in graves.move_tasks("graves")] == [second.id, first.id]
    assert [task.id for task in graves.move_tasks(limit=1)] == [second.id]
    assert graves.move_tasks("other") == []
    assert graves.move_task(first.id) == first


def test_a_task_without_letters_is_completed_by_its_first_step(store: Store) -> None:
    store.create_queue("graves")
    store.create_queue("mails", dlq="graves")

    done = store.continue_move(store.start_move("graves").id)

    assert (done.state, done.batch) == ("completed", None)


@pytest.mark.parametrize("rate", [0, -1, float("nan"), float("inf"), "5", True])
def test_a_rate_that_is_none_is_refused(graves: Store, rate: float) -> None:
    with pytest.raises(BadInput, match="a rate is a number"):
        graves.start_move("graves", rate=rate)


def test_a_target_that_can_not_take_them_is_refused_at_the_start(graves: Store) -> None:
    graves.create_queue("line", fifo=True)

    with pytest.raises(NotFound):
        graves.start_move("graves", "nowhere")
    with pytest.raises(BadInput, match="don't mix"):
        graves.start_move("graves", "line")
    with pytest.raises(BadInput, match="are in graves already"):
        graves.start_move("graves", "graves")
    with pytest.raises(BadInput, match="no queue's DLQ"):
        graves.start_move("other")
    with pytest.raises(NotFound):
        graves.move_task(7)
