"""What a share promises: its window, its partitions, what leaves its log, and other processes."""

from __future__ import annotations

from datetime import timedelta

import pytest

from store import BadInput, Conflict, LeaseLost, NewRecord, NotFound, Position, Store
from store.model.clock import ManualClock


@pytest.fixture
def packers(store: Store) -> Store:
    """A topic `t` of two partitions with ten records each, and its share `s`; the DLQ is `dead`."""
    store.create_topic("t", partitions=2)
    store.create_queue("dead")
    store.create_share("s", "t", dlq="dead")
    store.produce_many("t", [NewRecord(b"%d" % n, partition=n % 2) for n in range(20)])
    return store


@pytest.fixture
def gap(store: Store) -> Store:
    """A compacted topic `t` with what was at offsets 0, 6 and 7, and its share `s`."""
    store.create_topic("t", cleanup="compact")
    store.produce("t", "x", key="first")
    store.produce_many("t", [NewRecord("x", key) for key in ("k",) * 6 + ("last",)])
    store.compact_topic("t")
    store.create_share("s", "t")
    return store


def offsets(store: Store, most: int = 100) -> list[tuple[int, int]]:
    return [(record.partition, record.offset) for record in store.acquire("s", most)]


class TestStart:
    def test_latest_begins_behind_what_is_there(self, packers: Store) -> None:
        packers.create_share("late", "t", start="latest")
        packers.produce("t", "new", partition=1)

        assert [record.value for record in packers.acquire("late", 10)] == [b"new"]

    def test_a_time_begins_at_the_first_record_from_then_on(
        self, packers: Store, clock: ManualClock
    ) -> None:
        clock.advance(60)
        packers.produce("t", "new", partition=0)
        packers.create_share("late", "t", start="30s")

        assert [record.value for record in packers.acquire("late", 10)] == [b"new"]

    def test_a_partition_that_is_added_is_read_from_its_beginning(self, packers: Store) -> None:
        packers.alter_topic("t", partitions=3)
        packers.produce("t", "new", partition=2)

        assert (2, 0) in offsets(packers)


class TestTurns:
    def test_partitions_take_turns(self, packers: Store) -> None:
        assert [offsets(packers, 1)[0] for _ in range(4)] == [(0, 0), (1, 0), (0, 1), (1, 1)]

    def test_a_full_window_does_not_keep_other_partitions_waiting(self, packers: Store) -> None:
        packers.alter_share("s", max_in_flight=2)

        assert offsets(packers) == [(0, 0), (0, 1), (1, 0), (1, 1)]


class TestWindow:
    def test_a_stuck_record_bounds_what_is_handed_out_behind_it(self, packers: Store) -> None:
        packers.alter_share("s", max_in_flight=5)
        held = packers.acquire("s", 10)
        packers.ack([record.receipt for record in held if record.offset])

        assert offsets(packers) == []
        place = packers.share("s").partitions[0]
        assert (place.start, place.next, place.finished, place.full) == (0, 5, 4, True)

    def test_finishing_the_stuck_record_moves_it_past_all_that_is_finished(
        self, packers: Store
    ) -> None:
        packers.alter_share("s", max_in_flight=5)
        held = packers.acquire("s", 10)
        packers.ack([record.receipt for record in held if record.offset])
        packers.ack([record.receipt for record in held if not record.offset])

        assert [place.start for place in packers.share("s").partitions] == [5, 5]

    def test_what_was_given_back_is_handed_out_although_it_is_full(self, packers: Store) -> None:
        packers.alter_share("s", max_in_flight=1)
        held = packers.acquire("s", 10)
        packers.nack([held[0].receipt])

        assert offsets(packers) == [(0, 0)]

    def test_a_lease_that_lapsed_is_handed_out_again(
        self, packers: Store, clock: ManualClock
    ) -> None:
        packers.acquire("s")
        clock.advance(31)

        (again,) = packers.acquire("s")
        assert (again.partition, again.offset, again.deliveries) == (0, 0, 2)


class TestDeadLetters:
    def test_the_last_delivery_ends_in_the_dlq_and_the_record_stays(self, packers: Store) -> None:
        packers.alter_share("s", max_deliveries=2)
        for _ in range(2):
            record = next(one for one in packers.acquire("s") if one.offset == 0)
            packers.nack([record.receipt], error="torn")

        (letter,) = packers.messages("dead")
        assert letter.dead is not None
        assert (letter.dead.source, letter.dead.reason) == ("t/0@0", "max_deliveries")
        assert (letter.dead.deliveries, letter.dead.error) == (2, "torn")
        assert [hop.source for hop in letter.dead.hops] == ["t/0"]
        assert packers.read("t")[0].value == b"0"

    def test_a_lapse_of_the_last_lease_ends_there_too(
        self, packers: Store, clock: ManualClock
    ) -> None:
        packers.alter_share("s", max_deliveries=1)
        packers.acquire("s")
        clock.advance(31)
        packers.acquire("s", 100)

        assert [letter.value for letter in packers.messages("dead")] == [b"0"]

    def test_without_a_dlq_the_record_is_archived(self, packers: Store) -> None:
        packers.alter_share("s", dlq=None)
        (record,) = packers.acquire("s")
        packers.reject([record.receipt])

        assert packers.share("s").partitions[0].start == 1

    def test_two_shares_send_letters_of_their_own(self, packers: Store) -> None:
        packers.create_share("other", "t", dlq="dead")
        for share in ("s", "other"):
            packers.reject([packers.acquire(share)[0].receipt])

        first, second = packers.messages("dead")
        assert first.value == second.value == b"0"
        assert first.id != second.id

    def test_a_letter_of_an_old_record_is_kept_as_long_as_its_dlq_says(
        self, packers: Store, clock: ManualClock
    ) -> None:
        packers.alter_topic("t", retention=None)
        clock.advance(30 * 86_400)
        packers.reject([packers.acquire("s")[0].receipt])

        assert len(packers.messages("dead")) == 1


class TestWhatLeavesTheLog:
    def test_a_trim_moves_the_window(self, packers: Store) -> None:
        held = packers.acquire("s", 3)
        packers.trim("t", Position("offset", 2), 0)

        place = packers.share("s").partitions[0]
        assert (place.start, place.leased) == (2, 1)
        packers.ack([record.receipt for record in held])

    def test_retention_moves_it(self, packers: Store, clock: ManualClock) -> None:
        packers.acquire("s", 3)
        packers.alter_topic("t", retention=timedelta(hours=1))
        clock.advance(7200)
        packers.produce("t", "new", partition=0)

        place = packers.share("s").partitions[0]
        assert (place.start, place.leased, place.lag) == (10, 0, 1)

    def test_a_record_that_is_compacted_away_does_not_hold_it(self, store: Store) -> None:
        store.create_topic("t", cleanup="compact")
        store.create_share("s", "t")
        store.produce_many("t", [NewRecord("old", "k"), NewRecord("new", "k")])
        store.acquire("s")
        store.compact_topic("t")

        place = store.share("s").partitions[0]
        assert (place.start, place.leased, place.lag) == (1, 0, 1)
        assert [record.value for record in store.acquire("s", 10)] == [b"new"]

    @pytest.mark.parametrize("word", ["ack", "nack", "reject", "extend"])
    def test_whatever_is_said_of_it_afterwards_is_ignored(self, packers: Store, word: str) -> None:
        receipts = [record.receipt for record in packers.acquire("s", 2)]
        packers.trim("t", Position("offset", 2), 0)
        settle = getattr(packers, word)
        settle(receipts, 60) if word == "extend" else settle(receipts)

        assert packers.messages("dead") == []
        assert packers.share("s").partitions[0].leased == 0

    def test_what_is_compacted_away_counts_in_the_window(self, gap: Store) -> None:
        gap.alter_share("s", max_in_flight=3)
        (first,) = gap.acquire("s")

        assert gap.acquire("s", 10) == []
        assert gap.share("s").partitions[0].full
        gap.ack([first.receipt])
        assert [record.offset for record in gap.acquire("s", 10)] == [6, 7]

    def test_nothing_is_left_to_read_where_the_newest_was_compacted_away(self, gap: Store) -> None:
        gap.alter_topic("t", cleanup="compact", tombstone_delay=0)
        gap.produce("t", None, key="k")
        for _ in range(2):
            gap.compact_topic("t")
        gap.ack([record.receipt for record in gap.acquire("s", 10)])

        assert gap.acquire("s", 10) == []
        assert [gap.lag("s")[0].lag, gap.share("s").partitions[0].lag] == [0, 0]


class TestReset:
    def test_a_late_ack_after_a_forced_reset_is_refused(self, packers: Store) -> None:
        (record,) = packers.acquire("s")
        packers.reset_share("s", Position("earliest"), force=True)

        with pytest.raises(LeaseLost):
            packers.ack([record.receipt])
        assert (0, 0) in offsets(packers)

    def test_committed_is_where_the_window_starts(self, packers: Store) -> None:
        held = packers.acquire("s", 4)
        packers.ack([held[0].receipt, held[1].receipt])

        assert packers.plan_share_reset("s", Position("committed"))[0].new == 2


class TestThings:
    def test_a_topic_is_not_deleted_under_its_share(self, packers: Store) -> None:
        with pytest.raises(Conflict, match="share s reads"):
            packers.delete_topic("t")

    def test_deleting_a_share_leaves_its_topic(self, packers: Store) -> None:
        packers.acquire("s", 5)
        packers.delete_share("s", force=True)

        assert packers.kind("s") is None
        assert len(packers.read("t")) == 10
        assert packers.leases() == []

    def test_a_queue_is_no_share_and_a_share_no_queue(self, packers: Store) -> None:
        with pytest.raises(NotFound, match="is a queue, not a share"):
            packers.acquire("dead")
        with pytest.raises(NotFound, match="is a share, not a queue"):
            packers.receive("s")

    def test_one_call_acquires_no_more_than_ten_thousand(self, packers: Store) -> None:
        with pytest.raises(BadInput):
            packers.acquire("s", 10_001)


def test_what_a_transaction_acquires_and_acks_commits_with_it(packers: Store) -> None:
    with packers.transaction() as tx:
        (record,) = tx.acquire("s")
        tx.produce("t", "out", partition=1)
        tx.ack([record.receipt])

    assert packers.share("s").partitions[0].start == 1


def test_a_transaction_that_fails_has_acquired_nothing(packers: Store) -> None:
    def work() -> None:
        with packers.transaction() as tx:
            tx.ack([tx.acquire("s")[0].receipt])
            raise RuntimeError

    with pytest.raises(RuntimeError):
        work()

    assert packers.share("s").partitions[0].next == 0
