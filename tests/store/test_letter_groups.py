"""Dead letters in groups: errors of one kind read as one."""

from __future__ import annotations

import pytest

from store import NewMessage, Store
from store.clock import ManualClock
from store.delivery.letter_groups import Field, normalise_error


@pytest.mark.parametrize(
    ("errors", "normal"),
    [
        (["timeout after 30s", "timeout after 5s"], "timeout after Ns"),
        (["HTTP 503 in 1.25 s", "HTTP 500 in 0.5 s"], "HTTP N in N s"),
        (["10.0.0.1:5432 refused", "10.0.0.22:80 refused"], "N refused"),
        (["no user 'ann'", "no user 'b o b'", 'no user "eve"', "no user ``"], "no user '…'"),
        (
            [
                "order 21daffdf-c01f-8000-8000-020000000000 is gone",
                "order 6F9619FF-8B86-D011-B42D-00CF4FC964FF is gone",
            ],
            "order ID is gone",
        ),
        (["at 0x7f27873ff560", "at 0xDEADBEEF"], "at HEX"),
        (["commit 743df31 failed", "commit 9be5c1eaa0 failed"], "commit HEX failed"),
        (["req req_8Kq2LmNp0Xz1 failed", "req aZ93bbQQ0zLmw1 failed"], "req ID failed"),
        (["a\n  b", "a b", " a\tb "], "a b"),
    ],
)
def test_what_differs_each_time_is_left_out(errors: list[str], normal: str) -> None:
    assert {normalise_error(error) for error in errors} == {normal}


@pytest.mark.parametrize(
    "error",
    [
        "connection refused",
        "can't open the file, don't ask",
        "decade of facade",
        "KeyError: internationalization",
        "",
    ],
)
def test_plain_words_stay(error: str) -> None:
    assert normalise_error(error) == error


def test_a_long_error_is_cut() -> None:
    assert len(normalise_error("word " * 10_000)) <= 500


@pytest.fixture
def graves(store: Store, clock: ManualClock) -> Store:
    """A store whose DLQ holds two timeouts of emails and, after them, a letter's rejection."""
    store.create_queue("graves")
    for queue, error in (("emails", "timeout after 3s"), ("letters", None)):
        store.create_queue(queue, dlq="graves")
        store.send_many(queue, [NewMessage(b"x")] * (2 if error else 1))
        for message in store.receive(queue, 9):
            clock.advance(1.0)
            store.reject([message.receipt or ""], error=error)
    return store


@pytest.mark.parametrize(
    ("field", "values"),
    [
        (Field.REASON, [("rejected", 3)]),
        (Field.SOURCE, [("emails", 2), ("letters", 1)]),
        (Field.ERROR, [("timeout after Ns", 2), (None, 1)]),
    ],
)
def test_the_largest_group_comes_first(
    graves: Store, field: Field, values: list[tuple[str | None, int]]
) -> None:
    groups = graves.dead_letter_groups("graves", field)
    assert [(group.value, group.count) for group in groups] == values


def test_a_group_tells_when_its_first_and_its_last_died(graves: Store) -> None:
    emails, letters = graves.dead_letter_groups("graves", Field.SOURCE)
    assert emails.last - emails.first == 1000
    assert letters.first == letters.last == emails.last + 1000


def test_what_is_not_chosen_is_not_counted(graves: Store) -> None:
    (group,) = graves.dead_letter_groups(
        "graves", Field.REASON, lambda letter: letter.dead is not None and not letter.dead.error
    )
    assert group.count == 1


def test_a_former_dlq_is_listed_while_it_holds_dead_letters(graves: Store) -> None:
    for queue in ("emails", "letters"):
        graves.alter_queue(queue, dlq=None, max_deliveries=None)
    (listed,) = graves.dead_letter_queues()
    assert (listed.name, listed.dead_letters, listed.sources) == ("graves", 3, ())
    graves.purge_queue("graves")
    assert graves.dead_letter_queues() == []


def test_a_queue_that_holds_dead_letters_does_not_stand_for_its_dlq(graves: Store) -> None:
    graves.create_queue("deeper")
    for queue in ("emails", "letters"):
        graves.alter_queue(queue, dlq="deeper")
    graves.alter_queue("graves", dlq="deeper")
    assert len(graves.dead_letters("graves")) == 3
