"""Dead letters at the dashboard: seen in groups, sent back, mended, removed."""

from __future__ import annotations

import shlex
from collections.abc import Callable

import pytest

from mq.text.conditions import parse_message_conditions
from store import NotFound, Store
from store.model.clock import ManualClock
from store.model.shell_texts import as_command
from tests.tui.conftest import HOSTILE, Person
from tui.actions.dead_letter_choices import Alike, redrive_step
from tui.actions.dead_letter_deeds import difference, prepare_edit, prepare_redrive
from tui.screens.dead_letter_editor import editable
from tui.widgets.spans import plain

Run = Callable[..., None]


@pytest.fixture
def post(store: Store, clock: ManualClock) -> Store:
    """Five mails dead of two kinds of errors, and one message nobody could read."""
    store.create_queue("emails.dlq")
    store.create_queue("emails", max_deliveries=1, dlq="emails.dlq")
    for number in range(6):
        store.send("emails", b'{"to": "a%d@exmaple.org"}' % number, key=b"cust-%d" % number)
    for message in store.receive("emails", 6, holder="mailer"):
        if message.sequence < 3:
            error = f"smtp 550: no such user a{message.sequence}@exmaple.org"
        else:
            error = f"timed out after {message.sequence}s [/x]\x1b[31m"
        store.nack([message.receipt or ""], error=error)
    store.send("emails", HOSTILE, key=HOSTILE)
    store.reject([message.receipt or "" for message in store.receive("emails")])
    clock.advance(90)
    return store


def test_dead_letters_are_counted_by_source_reason_and_error(post: Store, run: Run) -> None:
    async def errand(person: Person) -> None:
        await person.press("4")
        assert person.rows("letter-groups") == [
            "3|emails|max_deliveries|smtp …: no such user …|emails.dlq|1m30s|1m30s|emails.dlq@0",
            r"3|emails|max_deliveries|timed out after … [/x]\x1b[…|emails.dlq|1m30s|1m30s"
            "|emails.dlq@3",
            "1|emails|rejected|unknown|emails.dlq|1m30s|1m30s|emails.dlq@6",
        ]
        assert "7 letters in 1 queue" in person.screen()

    run(post, errand)


def test_a_kind_of_letters_goes_back_with_the_command_that_does_the_same(
    post: Store, run: Run
) -> None:
    async def errand(person: Person) -> None:
        await person.press("4", "r")
        assert "3 dead letters will be moved" in person.screen()
        assert "mq dlq redrive emails.dlq --where 'dead.reason = max_deliveries'" in person.screen()
        await person.press("enter")
        assert person.toasts == ["3 dead letters moved; undo with: mq dlq undo 1"]

    run(post, errand)
    assert [message.sequence for message in post.dead_letters("emails.dlq")] == [3, 4, 5, 6]


def test_only_the_marked_letters_of_a_kind_go_back(post: Store, run: Run) -> None:
    async def errand(person: Person) -> None:
        await person.press("4", "enter", "space", "down", "space")
        assert "2 marked" in person.screen()
        await person.press("r", "enter")

    run(post, errand)
    assert [message.sequence for message in post.dead_letters("emails.dlq")] == [1, 3, 4, 5, 6]


def test_a_letter_is_mended_and_sent_back_after_its_difference_was_seen(
    post: Store, run: Run
) -> None:
    async def errand(person: Person) -> None:
        await person.press("4", "enter", "e")
        await person.press("end", *["backspace"] * 2)
        await person.type('", "try": 2}')
        await person.press("ctrl+s")
        assert '+{"to": "a0@exmaple.org", "try": 2}' in person.screen()
        assert "mq dlq edit emails.dlq@0 --value=" in person.screen()
        await person.press("enter")

    run(post, errand)
    assert post.messages("emails")[0].value == b'{"to": "a0@exmaple.org", "try": 2}'
    assert all(letter.sequence for letter in post.dead_letters("emails.dlq"))


def test_a_dead_letter_queue_is_purged_only_after_its_name_is_typed(post: Store, run: Run) -> None:
    async def errand(person: Person) -> None:
        await person.press("4", "x", "enter")
        assert "that is not the name" in person.screen()
        await person.type("emails.dlq")
        await person.press("enter")
        assert "no dead letters" in person.screen()

    run(post, errand)
    assert post.dead_letters("emails.dlq") == []


def test_letters_are_filtered_like_all_else(post: Store, run: Run) -> None:
    async def errand(person: Person) -> None:
        await person.press("4", "slash")
        await person.type("!smtp")
        assert [row[:8] for row in person.rows("letter-groups")] == ["3|emails", "1|emails"]

    run(post, errand)


def test_whoever_may_only_read_sends_nothing_back(post: Store, run: Run) -> None:
    async def errand(person: Person) -> None:
        await person.press("4", "r", "x", "enter", "e")
        assert sum("--read-only" in toast for toast in person.toasts) == 3

    run(post, errand, read_only=True)


def test_the_command_of_each_kind_chooses_exactly_its_letters(post: Store) -> None:
    present = post.letter_rows()
    letters = post.dead_letters("emails.dlq")

    for group in present:
        step = redrive_step([Alike.of(group)], present)
        assert step is not None
        words = shlex.split(as_command(step))
        holds = parse_message_conditions(words[5::2], post.clock.wall())
        assert [m.sequence for m in letters if holds(m)] == [
            m.sequence for m in letters if Alike.of(group).holds(m)
        ]


def test_all_kinds_of_a_queue_need_no_condition(post: Store) -> None:
    present = post.letter_rows()

    step = redrive_step([Alike.of(group) for group in present], present)

    assert step is not None
    assert as_command(step) == "mq dlq redrive emails.dlq"


def test_letters_that_no_conditions_tell_apart_are_named_by_their_ids(post: Store) -> None:
    present = post.letter_rows()
    two = [Alike.of(group) for group in present[:2]]

    assert redrive_step(two, present) is None
    step = redrive_step(two, present, ["a", "b"])
    assert step is not None
    assert as_command(step) == "mq dlq redrive emails.dlq --id a --id b"


def test_letters_that_are_gone_by_now_are_refused_with_a_way_out(post: Store) -> None:
    alike = Alike.of(post.letter_rows()[0])
    post.purge_queue("emails.dlq")

    with pytest.raises(NotFound):
        prepare_redrive([alike])(post)


def test_a_letter_without_a_way_back_is_only_edited(post: Store) -> None:
    letter = post.dead_letters("emails.dlq")[0]
    post.delete_queue("emails")

    deed = prepare_edit(letter, b"mended\nin two lines")(post)

    assert deed.command == "mq dlq edit emails.dlq@0 --value=$'mended\\nin two lines'"
    assert "stays a dead letter" in plain(deed.preview[-1])


def test_what_a_terminal_would_obey_is_not_put_into_the_editor(post: Store) -> None:
    letters = post.dead_letters("emails.dlq")

    assert editable(letters[0]) == '{"to": "a0@exmaple.org"}'
    assert editable(letters[-1]) is None


def test_the_difference_shows_what_goes_and_what_comes() -> None:
    lines = [plain(one) for one in difference(b"one\ntwo\x1b", b"one\nthree")]

    assert lines == ["@@ -1,2 +1,2 @@", " one", r"-two\x1b", "+three"]


def test_one_letter_is_dropped_and_the_others_stay(post: Store, run: Run) -> None:
    async def errand(person: Person) -> None:
        await person.press("4", "enter", "down", "x")
        assert "1 dead letter will be gone for good" in person.screen()
        assert "mq dlq purge emails.dlq --id " in person.screen()
        await person.press("enter")
        assert person.toasts == ["1 dead letter removed from emails.dlq"]

    run(post, errand)
    assert [letter.sequence for letter in post.dead_letters("emails.dlq")] == [0, 2, 3, 4, 5, 6]


def test_the_last_redrive_is_undone_from_any_screen(post: Store, run: Run) -> None:
    async def errand(person: Person) -> None:
        await person.press("4", "r", "enter", "1", "u")
        assert "3 messages of it still there: they come back" in person.screen()
        assert "mq dlq undo 1" in person.screen()
        await person.press("enter")
        assert person.toasts[-1] == "3 messages taken back by undo 1"

    run(post, errand)
    assert len(post.dead_letters("emails.dlq")) == 7


def test_a_letter_is_edited_redriven_and_undone(post: Store, run: Run) -> None:
    async def errand(person: Person) -> None:
        await person.press("4", "enter", "e", "end", "backspace")
        await person.type(', "x": 1}')
        await person.press("ctrl+s", "enter", "u", "enter", "u", "enter")
        assert person.toasts[1:] == [
            "1 message taken back by undo 2",
            "1 message taken back by undo 1",
        ]

    run(post, errand)
    assert post.queue("emails").messages == 0
    values = [letter.value for letter in post.dead_letters("emails.dlq")]
    assert b'{"to": "a0@exmaple.org"}' in values


def test_a_value_is_read_as_json_that_folds_as_text_and_in_hex(post: Store, run: Run) -> None:
    post.send("emails", b'{"order": {"lines": [{"sku": 1, "note": "%s"}]}}' % (b"long " * 12))

    async def errand(person: Person) -> None:
        await person.press("colon")
        await person.type("emails@7")
        await person.press("enter", "left", "left")
        assert "[… 1 item]" in person.screen()
        await person.press("right", "right")
        assert '"sku": 1' in person.screen()
        await person.press("b")
        assert "as hex" in person.screen()
        await person.press("left")
        assert person.toasts == ["only JSON folds: b changes the form"]

    run(post, errand)


def test_a_message_that_failed_shows_its_deliveries_on_an_axis_of_time(
    store: Store, run: Run, clock: ManualClock
) -> None:
    store.create_queue("emails")
    store.send("emails", b"v")
    for _ in range(2):
        (message,) = store.receive("emails", holder="mailer")
        clock.advance(9)
        store.nack([message.receipt or ""], error="busy", delay=0)
        clock.advance(20)

    async def errand(person: Person) -> None:
        await person.press("colon")
        await person.type("emails@0")
        await person.press("enter")
        assert "DELIVERIES  2 deliveries ended without an ack" in person.screen()
        axis = next(row for row in person.screen().splitlines() if "✗" in row)
        assert axis.count("✗") == 2
        assert "┃" in axis

    run(store, errand)
