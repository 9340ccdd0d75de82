"""Letters dropped, and the last move or edit of letters taken back, each after its preview."""

from __future__ import annotations

import pytest

from store import NotFound, Store
from tui.actions.dead_letter_choices import Alike
from tui.actions.dead_letter_deeds import prepare_drop, prepare_edit, prepare_redrive, prepare_undo
from tui.widgets.spans import plain


@pytest.fixture
def post(store: Store) -> Store:
    """Three mails that died of one error."""
    store.create_queue("emails.dlq")
    store.create_queue("emails", max_deliveries=1, dlq="emails.dlq")
    for number in range(3):
        store.send("emails", b"mail %d" % number)
    store.nack([message.receipt or "" for message in store.receive("emails", 3)], error="busy")
    return store


def alike(post: Store) -> Alike:
    return Alike.of(post.letter_rows()[0])


def test_only_the_chosen_letters_are_dropped(post: Store) -> None:
    letters = post.dead_letters("emails.dlq")

    deed = prepare_drop(alike(post), [letters[1].address])(post)

    assert deed.command == f"mq dlq purge emails.dlq --id {letters[1].id} --yes"
    assert "emails.dlq@1  mail 1" in plain(deed.preview[1])
    assert deed.run(post) == "1 dead letter removed from emails.dlq"
    assert [left.sequence for left in post.dead_letters("emails.dlq")] == [0, 2]


def test_the_command_of_a_drop_does_what_the_dashboard_did(post: Store) -> None:
    letters = post.dead_letters("emails.dlq")
    deed = prepare_drop(alike(post), [letter.address for letter in letters[:2]])(post)

    (action,) = deed.steps
    post.perform(action)  # type: ignore[arg-type]

    assert [left.sequence for left in post.dead_letters("emails.dlq")] == [2]


def test_letters_that_are_leased_are_not_dropped(post: Store) -> None:
    group = alike(post)
    (leased,) = post.receive("emails.dlq")

    with pytest.raises(NotFound, match="gone or leased"):
        prepare_drop(group, [leased.address])(post)


def test_the_last_redrive_comes_back(post: Store) -> None:
    prepare_redrive([alike(post)])(post).run(post)

    deed = prepare_undo(post)

    assert deed.command == "mq dlq undo 1"
    assert plain(deed.preview[1]) == "3 messages of it still there: they come back"
    assert deed.run(post) == "3 messages taken back by undo 1"
    assert len(post.dead_letters("emails.dlq")) == 3


def test_an_edit_is_undone_before_the_redrive_that_came_before_it(post: Store) -> None:
    first, second, _ = post.dead_letters("emails.dlq")
    prepare_redrive([alike(post)], [first.address])(post).run(post)
    post.edit_dead_letter("emails.dlq", second.sequence, b"mended", before=second.value)

    deed = prepare_undo(post)
    deed.run(post)

    assert plain(deed.preview[0]).startswith("the last edit, 2, of 1 message")
    assert post.message("emails.dlq", second.sequence).value == second.value
    assert prepare_undo(post).command == "mq dlq undo 1"


def test_there_is_nothing_to_undo_before_the_first_redrive(post: Store) -> None:
    letter = post.dead_letters("emails.dlq")[0]
    prepare_edit(letter, b"never done")(post)

    with pytest.raises(NotFound, match="no redrive or edit to undo"):
        prepare_undo(post)
