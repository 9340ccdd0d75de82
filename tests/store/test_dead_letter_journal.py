"""What is done to dead letters by hand: in steps, edited, restored, taken back, and told later."""

from __future__ import annotations

import random
from contextlib import suppress

import pytest
from hypothesis import given, settings, strategies as st

from store import BadInput, BadRecord, Conflict, Message, NewMessage, NotFound, Store
from store.model.clock import ManualClock
from tests.support.invariants import check_invariants


@pytest.fixture
def post(store: Store) -> Store:
    """A store whose DLQ graves holds five rejected messages of emails."""
    store.create_queue("graves", retention=60 * 86_400)
    store.create_queue("emails", dlq="graves", max_deliveries=2)
    store.send_many("emails", [NewMessage(b"%d" % n, key=b"k", headers={"n": n}) for n in range(5)])
    kill(store, "bad")
    return store


def kill(store: Store, error: str) -> None:
    for message in store.receive("emails", 10):
        store.reject([message.receipt or ""], error=error)


def sequences(store: Store) -> list[int]:
    return [letter.sequence for letter in store.dead_letters("graves")]


def essence(letter: Message) -> object:
    """What a dead letter is, wherever it stands."""
    return (letter.id, letter.timestamp, letter.value, letter.key, letter.headers, letter.dead)


def test_a_redrive_in_steps_is_undone_as_one(post: Store) -> None:
    before = [essence(letter) for letter in post.dead_letters("graves")]
    batch = post.redrive_more("graves", [0, 1]).batch
    assert post.redrive_more("graves", [3], batch=batch).batch == batch
    assert len(post.undo_redrive(batch).moved) == 3
    assert sorted(map(str, before)) == sorted(
        str(essence(letter)) for letter in post.dead_letters("graves")
    )


def test_a_step_passes_over_what_has_gone_or_is_leased(post: Store) -> None:
    (leased,) = post.receive("graves")
    post.redrive_more("graves", [1])
    moved = post.redrive_more("graves", [leased.sequence, 1, 2, 99]).moved
    assert [one.source for one in moved] == ["graves@2"]


def test_a_step_that_moves_nothing_is_no_batch(post: Store) -> None:
    assert post.redrive_more("graves", [99]).batch is None
    with pytest.raises(NotFound):
        post.undo_redrive()


def test_a_redriven_letter_has_the_whole_retention_before_it(
    post: Store, clock: ManualClock
) -> None:
    clock.advance(10 * 86_400)
    post.redrive("graves")
    assert len(post.receive("emails", 9)) == 5


def test_an_undone_redrive_keeps_a_letter_as_long_as_a_new_one(
    post: Store, clock: ManualClock
) -> None:
    clock.advance(59 * 86_400)
    post.redrive("graves", limit=1)
    clock.advance(3 * 86_400)
    post.undo_redrive()
    assert len(post.receive("graves", 9)) == 1


def test_what_became_of_a_redrive_is_told(post: Store) -> None:
    batch = post.redrive("graves", limit=3).batch
    assert batch is not None
    done, bad = post.receive("emails", 2)
    post.ack([done.receipt or ""])
    post.reject([bad.receipt or ""], error="bad again")
    first, second, third = post.became_of_redrive(batch)
    assert (first.is_present, first.dead_letter) == (False, None)
    assert (second.is_present, second.dead_letter, second.error) == (False, "graves@5", "bad again")
    assert (third.is_present, third.dead_letter) == (True, None)


class TestEdit:
    def test_only_the_value_is_another(self, post: Store) -> None:
        before = post.message("graves", 0)
        post.edit_dead_letter("graves", 0, b"better than that", before=b"0")
        after = post.message("graves", 0)
        assert after.value == b"better than that"
        assert (after.id, after.dead, after.headers) == (before.id, before.dead, before.headers)
        check_invariants(post.path)

    def test_it_is_redriven_as_edited(self, post: Store) -> None:
        post.edit_dead_letter("graves", 0, b"better", before=b"0")
        post.redrive("graves", limit=1)
        assert post.messages("emails")[0].value == b"better"

    def test_undo_restores_the_bytes(self, post: Store) -> None:
        before = post.message("graves", 0)
        post.edit_dead_letter("graves", 0, None, before=b"0")
        post.undo_redrive()
        assert post.message("graves", 0) == before
        check_invariants(post.path)

    def test_a_redrive_and_then_the_edit_before_it_are_undone(self, post: Store) -> None:
        before = essence(post.message("graves", 0))
        post.edit_dead_letter("graves", 0, b"better", before=b"0")
        post.redrive("graves", limit=1)
        post.undo_redrive()
        post.undo_redrive()
        assert essence(post.dead_letters("graves")[-1]) == before

    def test_an_edit_below_a_later_one_is_not_undone(self, post: Store) -> None:
        first = post.edit_dead_letter("graves", 0, b"better", before=b"0").batch
        post.edit_dead_letter("graves", 0, b"best", before=b"better")
        with pytest.raises(Conflict):
            post.undo_redrive(first)
        post.undo_redrive()
        post.undo_redrive(first)
        assert post.message("graves", 0).value == b"0"

    def test_one_that_was_changed_meanwhile_is_refused(self, post: Store) -> None:
        with pytest.raises(Conflict, match="meanwhile"):
            post.edit_dead_letter("graves", 0, b"better", before=b"other")

    def test_one_in_somebodys_hands_is_refused(self, post: Store) -> None:
        post.receive("graves")
        with pytest.raises(Conflict, match="leased"):
            post.edit_dead_letter("graves", 0, b"better", before=b"0")

    def test_a_living_message_is_refused(self, post: Store) -> None:
        post.send("graves", b"alive")
        with pytest.raises(BadInput, match="not a dead letter"):
            post.edit_dead_letter("graves", 5, b"better", before=b"alive")

    def test_one_too_large_is_refused(self, post: Store) -> None:
        post.alter_queue("graves", max_message=9)
        with pytest.raises(BadInput, match="at most 9"):
            post.edit_dead_letter("graves", 0, b"x" * 10, before=b"0")

    def test_key_and_headers_count_for_its_size(self, post: Store) -> None:
        post.alter_queue("graves", max_message=9)
        with pytest.raises(BadInput, match="would have 10 bytes"):
            post.edit_dead_letter("graves", 0, b"xx", before=b"0")


class TestRestore:
    def test_letters_come_back_as_they_were(self, post: Store) -> None:
        before = post.dead_letters("graves")
        post.purge_queue("graves")
        assert post.restore_dead_letters("graves", before) == before
        assert [*map(essence, post.dead_letters("graves"))] == [*map(essence, before)]

    def test_those_there_already_are_passed_over(self, post: Store) -> None:
        before = post.dead_letters("graves")
        post.redrive("graves", limit=2)
        assert post.restore_dead_letters("emails", [*before, *before]) == []
        assert len(sequences(post)) == 3

    def test_one_bad_letter_keeps_all_of_them_out(self, post: Store) -> None:
        before = post.dead_letters("graves")
        post.purge_queue("graves")
        post.send("emails", b"alive")
        (alive,) = post.messages("emails")
        with pytest.raises(BadRecord) as error:
            post.restore_dead_letters("graves", [*before, alive])
        assert error.value.index == 5
        assert sequences(post) == []

    def test_an_old_letter_has_the_whole_retention_before_it(
        self, post: Store, clock: ManualClock
    ) -> None:
        before = post.dead_letters("graves")
        clock.advance(70 * 86_400)
        post.purge_queue("graves")
        post.restore_dead_letters("graves", before)
        assert len(post.receive("graves", 9)) == 5

    def test_the_priority_it_was_sent_with_comes_back(self, store: Store) -> None:
        store.create_queue("graves")
        store.create_queue("emails", dlq="graves", priorities=9)
        store.send("emails", b"urgent", priority=7)
        kill(store, "bad")
        letters = store.dead_letters("graves")
        store.purge_queue("graves")
        store.restore_dead_letters("graves", letters)
        store.redrive("graves")
        assert store.messages("emails")[0].priority == 7


class TestHistory:
    def test_failed_deliveries_are_told_with_who_and_why(
        self, store: Store, clock: ManualClock
    ) -> None:
        store.create_queue("graves")
        store.create_queue("emails", dlq="graves", max_deliveries=2)
        store.send("emails", b"x")
        (message,) = store.receive("emails", holder="ann")
        store.nack([message.receipt or ""], error="first")
        store.receive("emails", holder="bob")
        clock.advance(31)
        store.receive("emails")
        events = store.message_events("graves", 0)
        assert [(e.what, e.address, e.delivery, e.holder, e.error) for e in events] == [
            ("sent", "emails@0", None, None, None),
            ("nacked", "emails@0", 1, "ann", "first"),
            ("expired", "emails@0", 2, "bob", None),
            ("dead-lettered", "emails@0", None, None, None),
        ]
        assert (events[-1].reason, events[-1].target) == ("max_deliveries", "graves@0")

    def test_it_leads_back_through_redrives(self, post: Store) -> None:
        post.redrive("graves", limit=1)
        kill(post, "bad again")
        events = post.message_events("graves", 5)
        assert [(e.what, e.address, e.error) for e in events] == [
            ("sent", "emails@0", None),
            ("rejected", "emails@0", "bad"),
            ("dead-lettered", "emails@0", None),
            ("redriven", "graves@0", None),
            ("rejected", "emails@5", "bad again"),
            ("dead-lettered", "emails@5", None),
        ]

    def test_a_delivery_under_way_is_told(self, post: Store) -> None:
        post.receive("graves", holder="bob")
        last = post.message_events("graves", 0)[-1]
        assert (last.what, last.delivery, last.holder, last.at) == ("leased", 1, "bob", None)

    def test_a_delivery_that_nobody_noted_is_unknown(self, post: Store, clock: ManualClock) -> None:
        for error in ("first", "second"):
            post.nack([m.receipt or "" for m in post.receive("graves")], error=error)
            # Deliveries are remembered for 14 days; another one's end prunes them.
            clock.advance(20 * 86_400)
        events = [e for e in post.message_events("graves", 0) if e.address == "graves@0"]
        assert [(e.what, e.delivery, e.error) for e in events] == [
            ("unknown", 1, None),
            ("nacked", 2, "second"),
        ]

    def test_a_record_tells_whose_attempts_failed(self, orders: Store) -> None:
        orders.create_queue("graves")
        orders.create_group("billing", max_deliveries=2, dlq="graves")
        with orders.consumer("billing", ["orders"], member="w1") as consumer:
            (record,) = consumer.poll(1)
            consumer.fail(record, "first")
            consumer.fail(record, "second")
        events = orders.record_events("orders", 0, 0)
        assert [(e.what, e.reader, e.delivery, e.error) for e in events] == [
            ("failed", "billing", 1, "first"),
            ("failed", "billing", 2, "second"),
            ("dead-lettered", None, None, None),
        ]
        assert events[-1].target == "graves@0"
        letter = orders.message_events("graves", 0)
        assert [e.what for e in letter] == ["sent", "failed", "failed", "dead-lettered"]


STEPS = ["redrive", "edit", "undo", "ack", "reject", "wait", "restore"]


class Post:
    """A queue with its DLQ, what was sent and what was acknowledged."""

    def __init__(self, store: Store, clock: ManualClock, chance: random.Random) -> None:
        self.store, self.clock, self.chance = store, clock, chance
        self.acknowledged: set[str] = set()
        self.before: list[str] | None = None
        store.create_queue("graves")
        store.create_queue("emails", dlq="graves", max_deliveries=3)
        new = [NewMessage(b"%d" % n, key=b"\xff", headers={"n": n, "x": 1.5}) for n in range(6)]
        self.sent = {one.id for one in store.send_many("emails", new)}
        kill(store, "bad")

    def letters(self) -> list[str]:
        return sorted(str(essence(letter)) for letter in self.store.dead_letters("graves"))

    def do(self, step: str) -> None:
        """One step; an undo right after what it takes back must leave no trace of it."""
        before, expected, self.before = self.letters(), self.before, None
        match step:
            case "redrive":
                if self.store.redrive("graves", limit=self.chance.randint(1, 4)).moved:
                    self.before = before
            case "edit":
                for letter in self.store.dead_letters("graves", limit=1):
                    value = self.chance.choice([None, b"", self.chance.randbytes(9)])
                    self.store.edit_dead_letter(
                        "graves", letter.sequence, value, before=letter.value
                    )
                    self.before = before
            case "undo":
                with suppress(Conflict, NotFound):
                    self.store.undo_redrive()
                    assert expected in (None, self.letters())
            case "ack":
                for message in self.store.receive("emails", 2):
                    self.store.ack([message.receipt or ""])
                    self.acknowledged.add(message.id)
            case "reject":
                kill(self.store, f"bad {self.chance.random()}")
            case "wait":
                self.store.receive("emails", 1)
                self.clock.advance(self.chance.choice([10, 40]))
            case "restore":
                letters = self.store.dead_letters("graves")
                self.store.purge_queue("graves")
                assert self.store.restore_dead_letters("graves", letters) == letters
                assert self.letters() == before


@settings(deadline=None, max_examples=20)
@given(steps=st.lists(st.sampled_from(STEPS), min_size=8, max_size=16), seed=st.integers(0, 999))
def test_nothing_is_lost_and_an_undo_restores_bytes_id_reason_and_hops(
    tmp_path_factory: pytest.TempPathFactory, steps: list[str], seed: int
) -> None:
    path = tmp_path_factory.mktemp("letters") / "store.db"
    clock = ManualClock()
    with Store.open(path, create=True, durability="normal", clock=clock) as store:
        post = Post(store, clock, random.Random(seed))
        for step in steps:
            post.do(step)
            present = [m.id for queue in ("emails", "graves") for m in store.messages(queue)]
            assert len(present) == len(set(present))
            assert post.sent == set(present) | post.acknowledged
            assert not set(present) & post.acknowledged
    check_invariants(path)
