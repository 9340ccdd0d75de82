"""A time in the future: ages count from when its record came, and the doctor says so."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from store import Diagnosis, NewMessage, NewRecord, Position, Store, parse_position
from store.model.clock import ManualClock

HOUR = 3600
DAY = 86_400
YEAR = 365 * DAY


@pytest.fixture(params=[5, 120, HOUR, YEAR], ids=["5 s", "2 m", "1 h", "1 y"])
def ahead(request: pytest.FixtureRequest) -> int:
    """By how many seconds the time of the first record lies in the future."""
    return int(request.param)


@pytest.fixture
def topic(store: Store, clock: ManualClock, ahead: int) -> Store:
    """A topic `orders` whose first record has a time in the future; another came 100 s later."""
    store.create_topic("orders")
    store.produce("orders", "first", timestamp=clock.wall() + ahead * 1000)
    clock.advance(100)
    store.produce("orders", "second")
    return store


@pytest.fixture
def queue(store: Store, clock: ManualClock, ahead: int) -> Store:
    """The same in a queue `jobs`."""
    store.create_queue("jobs")
    store.send("jobs", "first", timestamp=clock.wall() + ahead * 1000)
    clock.advance(100)
    store.send("jobs", "second")
    return store


def findings(store: Store) -> list[Diagnosis]:
    return [one for one in store.doctor() if one.code == "future_times"]


class TestTopics:
    def test_the_lag_in_time_counts_from_when_a_record_came(
        self, topic: Store, clock: ManualClock
    ) -> None:
        topic.create_group("billing", topics=["orders"])
        clock.advance(50)

        assert [row.lag_seconds for row in topic.lag("billing")] == [150.0]

    def test_it_counts_so_for_what_bears_the_time_of_one_before(
        self, topic: Store, clock: ManualClock
    ) -> None:
        topic.create_group("billing", topics=["orders"])
        with topic.transaction() as tx:
            tx.commit("billing", {("orders", 0): 1})
        clock.advance(50)

        assert [row.lag_seconds for row in topic.lag("billing")] == [50.0]

    def test_the_lag_of_a_share_does_so_too(self, topic: Store, clock: ManualClock) -> None:
        topic.create_share("packers", "orders")
        clock.advance(50)

        assert [row.lag_seconds for row in topic.lag("packers")] == [150.0]

    def test_a_partition_that_nobody_reads_stalls(self, topic: Store, clock: ManualClock) -> None:
        topic.create_group("billing", topics=["orders"])
        clock.advance(HOUR)
        (stall,) = topic.stalls(idle_after=HOUR)

        assert (stall.blocker, stall.seconds, stall.oldest_seconds) == ("orders/0@0", 3700, 3700)

    def test_a_trim_by_time_removes_what_came_before(
        self, topic: Store, clock: ManualClock
    ) -> None:
        clock.advance(50)
        (result,) = topic.trim("orders", Position("time", clock.wall() - 60_000))

        assert result.removed == 1

    def test_retention_removes_what_came_long_ago(
        self, store: Store, clock: ManualClock, ahead: int
    ) -> None:
        store.create_topic("orders", retention=DAY)
        store.produce("orders", "first", timestamp=clock.wall() + ahead * 1000)
        clock.advance(DAY - 1)
        store.produce("orders", "kept")
        assert store.topic("orders").partitions[0].start == 0
        # A time up to an hour ahead is heeded.
        clock.advance(301 + min(ahead, HOUR))
        store.produce("orders", "new")

        assert store.topic("orders").partitions[0].start == 1

    def test_so_long_ago_is_when_a_record_came(self, topic: Store, clock: ManualClock) -> None:
        clock.advance(50)

        assert topic.resolve("orders", parse_position("60s", clock.wall())) == 1

    def test_a_record_tells_when_it_came(self, topic: Store, clock: ManualClock) -> None:
        first, second = topic.read("orders")

        assert (first.came, second.came) == (clock.wall() - 100_000, clock.wall())

    def test_its_timestamp_stays_as_given_and_never_falls(self, topic: Store, ahead: int) -> None:
        first, second = topic.read("orders")

        assert first.timestamp == first.came + ahead * 1000
        assert second.timestamp == max(first.timestamp, second.came)

    def test_the_overview_counts_so(self, topic: Store, clock: ManualClock) -> None:
        topic.create_group("billing", topics=["orders"])
        clock.advance(50)
        (subject,) = topic.snapshot().subjects

        assert (subject.oldest_seconds, subject.state) == (150.0, "lagging")

    def test_the_doctor_sees_retention_come_near(
        self, store: Store, clock: ManualClock, ahead: int
    ) -> None:
        store.create_topic("orders", retention=DAY)
        store.create_group("billing", topics=["orders"])
        store.produce("orders", "first", timestamp=clock.wall() + ahead * 1000)
        clock.advance(0.9 * DAY)

        assert "retention_near" in [one.code for one in store.doctor()]

    def test_what_a_tombstone_or_compaction_waits_for_counts_so(
        self, store: Store, clock: ManualClock, ahead: int
    ) -> None:
        store.create_topic("users", cleanup="compact", compaction_lag=60)
        times = [clock.wall() + ahead * 1000, None]
        for value, timestamp in zip(["old", "new"], times, strict=True):
            store.produce("users", value, key="k", timestamp=timestamp)
        clock.advance(61)
        store.compact_topic("users")

        assert [record.value for record in store.read("users")] == [b"new"]


class TestQueues:
    def test_the_oldest_counts_from_when_it_came(self, queue: Store, clock: ManualClock) -> None:
        clock.advance(50)

        assert queue.queue("jobs").oldest_seconds == 150.0

    def test_retention_drops_what_came_long_ago(
        self, store: Store, clock: ManualClock, ahead: int
    ) -> None:
        store.create_queue("jobs", retention=DAY)
        store.send("jobs", "first", timestamp=clock.wall() + ahead * 1000)
        clock.advance(DAY - 1)
        store.send("jobs", "second")
        clock.advance(1)

        assert [message.value for message in store.receive("jobs", 10)] == [b"second"]

    def test_a_message_tells_when_it_came(self, queue: Store, clock: ManualClock) -> None:
        first, second = queue.messages("jobs")

        assert (first.came, second.came) == (clock.wall() - 100_000, clock.wall())

    def test_a_dead_letter_is_kept_for_its_retention_and_no_longer(
        self, store: Store, clock: ManualClock, ahead: int
    ) -> None:
        store.create_queue("graves", retention=DAY)
        store.create_queue("jobs", dlq="graves", max_deliveries=1)
        store.send("jobs", "first", timestamp=clock.wall() + ahead * 1000)
        store.reject([message.receipt or "" for message in store.receive("jobs")])
        assert len(store.dead_letters("graves")) == 1
        clock.advance(DAY)
        store.send("graves", "passes by")

        assert store.dead_letters("graves") == []

    def test_a_dead_letter_tells_when_it_came(
        self, store: Store, clock: ManualClock, ahead: int
    ) -> None:
        store.create_queue("graves")
        store.create_queue("jobs", dlq="graves", max_deliveries=1)
        store.send("jobs", "first", timestamp=clock.wall() + ahead * 1000)
        store.reject([message.receipt or "" for message in store.receive("jobs")])
        (letter,) = store.dead_letters("graves")

        assert letter.came == clock.wall()

    def test_the_time_to_live_counts_from_the_send(
        self, store: Store, clock: ManualClock, ahead: int
    ) -> None:
        store.create_queue("jobs", ttl=60)
        store.send("jobs", "first", timestamp=clock.wall() + ahead * 1000)
        clock.advance(60)

        assert store.receive("jobs") == []

    def test_a_fifo_delay_counts_from_the_send(
        self, store: Store, clock: ManualClock, ahead: int
    ) -> None:
        store.create_queue("steps", fifo=True, delay=10)
        moment = clock.wall() + ahead * 1000
        store.send("steps", "first", message_group="g", timestamp=moment)
        clock.advance(9.9)
        assert store.receive("steps") == []
        clock.advance(0.1)

        assert len(store.receive("steps")) == 1

    def test_a_fifo_stall_counts_so(self, store: Store, clock: ManualClock, ahead: int) -> None:
        store.create_queue("steps", fifo=True)
        moment = clock.wall() + ahead * 1000
        for _ in range(2):
            store.send("steps", "x", message_group="g", timestamp=moment)
        store.receive("steps", lease=HOUR)
        clock.advance(100)
        (stall,) = store.stalls()

        assert stall.oldest_seconds == 100.0


class TestTheDoctor:
    @pytest.mark.parametrize(("seconds", "number"), [(59, 0), (61, 1)])
    def test_it_finds_times_further_ahead_than_clocks_differ(
        self, orders: Store, clock: ManualClock, seconds: int, number: int
    ) -> None:
        orders.produce("orders", "x", timestamp=clock.wall() + seconds * 1000)

        assert len(findings(orders)) == number

    def test_it_names_the_first_record_and_the_way_out(
        self, orders: Store, clock: ManualClock
    ) -> None:
        orders.produce("orders", "x", timestamp=clock.wall() + YEAR * 1000)
        orders.produce("orders", "y")
        (found,) = findings(orders)

        assert (found.severity, found.address) == ("warning", "orders/0")
        assert found.evidence == "orders/0@10 and what follows is up to 365d 0h ahead of the clock"
        assert found.do == (
            "mq peek orders/0@10",
            "mq topic trim orders/0 --before latest --yes",
        )

    def test_it_tells_once_of_a_topic_however_many_partitions(
        self, store: Store, clock: ManualClock
    ) -> None:
        store.create_topic("orders", partitions=3)
        for number in (1, 2):
            moment = clock.wall() + number * YEAR * 1000
            store.produce("orders", "x", partition=number, timestamp=moment)
        (found,) = findings(store)

        assert found.evidence == (
            "orders/1@0 and what follows is up to 730d 0h ahead of the clock, and so in 1 more"
            " partitions"
        )

    def test_it_says_when_a_near_time_ends_by_itself(
        self, orders: Store, clock: ManualClock
    ) -> None:
        orders.produce("orders", "x", timestamp=clock.wall() + 2 * HOUR * 1000)
        (found,) = findings(orders)
        assert found.why.endswith("It ends in 2h00m")
        assert found.do == ("mq peek orders/0@10",)
        clock.advance(2 * HOUR)

        assert findings(orders) == []

    def test_it_names_the_first_message_in_any_lane(self, store: Store, clock: ManualClock) -> None:
        store.create_queue("jobs", priorities=3)
        store.send("jobs", "right", priority=1)
        message = NewMessage("x", timestamp=clock.wall() + YEAR * 1000, priority=2)
        store.send_many("jobs", [message, NewMessage("y", priority=1)])
        (found,) = findings(store)

        assert (found.address, found.do[0]) == ("jobs", "mq peek jobs@1")

    def test_a_trim_to_the_end_is_a_way_out(self, orders: Store, clock: ManualClock) -> None:
        orders.produce("orders", "x", timestamp=clock.wall() + YEAR * 1000)
        orders.trim("orders", parse_position("latest", 0))
        orders.produce("orders", "right")

        assert findings(orders) == []
        assert [record.timestamp for record in orders.read("orders")] == [clock.wall()]

    def test_a_queue_that_is_empty_is_a_way_out(self, store: Store, clock: ManualClock) -> None:
        store.create_queue("jobs")
        store.send("jobs", "x", timestamp=clock.wall() + YEAR * 1000)
        store.ack([message.receipt or "" for message in store.receive("jobs")])
        store.send("jobs", "right")

        assert findings(store) == []
        assert [message.timestamp for message in store.messages("jobs")] == [clock.wall()]

    def test_a_queue_that_keeps_a_message_in_another_lane_keeps_its_time(
        self, store: Store, clock: ManualClock
    ) -> None:
        store.create_queue("jobs", priorities=2)
        ahead = clock.wall() + YEAR * 1000
        store.send("jobs", "stays", priority=1, timestamp=ahead)
        store.send("jobs", "later")

        assert [message.timestamp for message in store.messages("jobs")] == [ahead, ahead]


class TestClocks:
    def test_a_clock_that_is_set_back_silences_no_lag(
        self, orders: Store, clock: ManualClock
    ) -> None:
        orders.create_group("billing", topics=["orders"])
        clock.jump_wall(-HOUR)
        clock.advance(100)

        assert [row.lag_seconds for row in orders.lag("billing")] == [100.0]

    def test_nor_does_one_that_was_ahead_for_a_while(
        self, store: Store, clock: ManualClock
    ) -> None:
        store.create_topic("orders")
        store.create_group("billing", topics=["orders"])
        clock.jump_wall(YEAR)
        store.produce("orders", "ahead")
        clock.jump_wall(-YEAR)
        clock.advance(100)

        assert [row.lag_seconds for row in store.lag("billing")] == [100.0]

    @pytest.mark.parametrize("trusts", [False, True])
    def test_nor_does_one_that_was_ahead_at_an_earlier_boot(
        self,
        store: Store,
        clock: ManualClock,
        open_store: Callable[..., Store],
        trusts: bool,
    ) -> None:
        store.create_topic("orders")
        store.create_group("billing", topics=["orders"])
        store.close()
        clock.reboot()
        clock.jump_wall(YEAR)
        wrong = open_store()
        wrong.produce_many("orders", [NewRecord("ahead")])
        wrong.close()
        clock.reboot()
        clock.jump_wall(-YEAR)
        right = open_store()
        if trusts:
            right.trust_clock()
        clock.advance(100)

        assert [row.lag_seconds for row in right.lag("billing")] == [100.0]
