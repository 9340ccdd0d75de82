"""A damaged record of a topic is never given out, and every reader of the log can get past it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from store import Damaged, NewRecord, RecordId, Store
from store.model.addresses import parse_address
from store.model.clock import ManualClock
from store.model.positions import Position
from tests.support.damage import WRONG, alter, damage

AT = parse_address("orders/0@4")


@pytest.fixture
def hurt(orders: Store) -> Store:
    """Ten records, of which the one at offset 4 is damaged."""
    damage(orders, "4")
    return orders


def poll_all(store: Store, group: str = "billing") -> list[bytes | None]:
    with store.consumer(group, ["orders"]) as consumer:
        records = consumer.poll(timeout=0)
        consumer.commit()
        return [record.value for record in records]


class TestRead:
    def test_it_can_come_marked_and_without_its_content(self, hurt: Store) -> None:
        third, fourth = hurt.read("orders", offset=3, limit=2, mark_damaged=True)

        assert (third.value, third.damaged) == (b"3", None)
        assert (fourth.address, fourth.value, fourth.key, fourth.headers) == (
            "orders/0@4", None, None, {},
        )  # fmt: skip
        assert fourth.damaged is not None
        assert fourth.damaged.value == WRONG

    def test_one_record_is_refused_or_marked(self, hurt: Store) -> None:
        with pytest.raises(Damaged, match="orders/0@4") as told:
            hurt.record("orders", 0, 4)
        assert told.value.addresses == ("orders/0@4",)
        assert hurt.record("orders", 0, 4, mark_damaged=True).damaged is not None

    @pytest.mark.parametrize(
        "change",
        [
            "headers = '{\"a'", "headers = cast(x'ff' as text)", "headers = '[1]'",
            "timestamp = -1", "timestamp = 9000000000000000000",
        ],
    )  # fmt: skip
    def test_parts_that_nothing_can_read_are_damage_like_any_other(
        self, orders: Store, change: str
    ) -> None:
        alter(orders, f"update mq_records set {change} where id & 0xff = 4")

        assert len(orders.read("orders")) == 4
        with pytest.raises(Damaged, match="orders/0@4"):
            orders.read("orders", offset=4)
        assert orders.read("orders", offset=4, mark_damaged=True)[0].damaged is not None
        assert len(orders.read("orders", offset=5)) == 5


class TestConsumer:
    def test_the_error_says_how_to_get_past_it(self, hurt: Store) -> None:
        assert poll_all(hurt) == [b"0", b"1", b"2", b"3"]
        with pytest.raises(Damaged) as told:
            poll_all(hurt)

        assert told.value.shell_hint == "mq group skip billing orders/0@4"
        assert hurt.skip("billing", AT) == RecordId("orders", 0, 4)
        assert poll_all(hurt) == [b"5", b"6", b"7", b"8", b"9"]

    def test_a_seek_passes_over_it(self, hurt: Store) -> None:
        with hurt.consumer("billing", ["orders"]) as consumer:
            consumer.poll(timeout=0)
            with pytest.raises(Damaged):
                consumer.poll(timeout=0)
            consumer.seek("orders", 0, 5)
            assert len(consumer.poll(timeout=0)) == 5

    def test_other_partitions_are_read_while_one_is_held_up(self, store: Store) -> None:
        store.create_topic("orders", partitions=2)
        store.produce_many("orders", [NewRecord(b"bad", partition=0), NewRecord(b"1", partition=1)])
        damage(store, "bad")
        found, told = [], 0
        with store.consumer("billing", ["orders"]) as consumer:
            for _ in range(4):
                try:
                    found += [record.value for record in consumer.poll(timeout=0)]
                except Damaged:
                    told += 1
                store.produce("orders", b"more", partition=1)

        assert found[:2] == [b"1", b"more"]
        assert told >= 1

    def test_failing_it_for_good_copies_it_damaged_to_the_dlq(self, hurt: Store) -> None:
        hurt.create_queue("graves")
        hurt.create_group("billing", topics=["orders"], dlq="graves", max_deliveries=3)
        with hurt.consumer("billing", ["orders"]) as consumer:
            consumer.poll(timeout=0)
            consumer.commit()
            consumer.fail(RecordId("orders", 0, 4), "it is damaged", final=True)
            assert len(consumer.poll(timeout=0)) == 5
        (letter,) = hurt.dead_letters("graves")

        assert letter.dead is not None
        assert (letter.dead.source, letter.value) == ("orders/0@4", None)
        assert letter.damaged is not None
        with pytest.raises(Damaged):
            hurt.receive("graves")


class TestSkip:
    def test_a_copy_in_a_queue_is_damaged_too(self, hurt: Store) -> None:
        hurt.create_queue("graves")
        poll_all(hurt)
        hurt.skip("billing", AT, "graves")

        (letter,) = hurt.dead_letters("graves")
        assert letter.damaged is not None
        assert letter.damaged.value == WRONG

    def test_it_works_while_a_member_reads(self, hurt: Store) -> None:
        with hurt.consumer("billing", ["orders"]) as consumer:
            consumer.poll(timeout=0)
            consumer.commit()
            hurt.skip("billing", AT)
            assert [r.value for r in consumer.poll(timeout=0)] == [b"5", b"6", b"7", b"8", b"9"]

    def test_it_names_the_next_record_that_is_there(self, store: Store) -> None:
        store.create_topic("orders", cleanup="compact")
        store.create_group("billing", topics=["orders"])
        store.produce_many("orders", [NewRecord(b"%d" % n, b"k") for n in range(3)])
        store.compact_topic("orders")
        damage(store, "2")
        store.skip("billing", parse_address("orders/0@2"))

        assert store.group("billing").offsets[0].committed == 3


class TestStall:
    @pytest.fixture
    def stalled(self, hurt: Store, clock: ManualClock) -> Store:
        """A group that has committed up to the damaged record, a minute ago."""
        poll_all(hurt)
        clock.advance(60)
        return hurt

    def test_its_cause_is_damaged_and_it_says_what_to_do(self, stalled: Store) -> None:
        (stall,) = stalled.stalls()

        assert (stall.kind, stall.cause, stall.blocker) == ("group", "damaged", "orders/0@4")
        assert stall.blocked == 5
        assert stall.do[0] == "mq group skip billing orders/0@4"
        assert (stall.key, stall.produced) == (None, None)

    def test_it_is_one_also_while_a_member_is_there(self, stalled: Store) -> None:
        with stalled.consumer("billing", ["orders"]) as consumer:
            with pytest.raises(Damaged):
                consumer.poll(timeout=0)
            (stall,) = stalled.stalls()
            assert stall.cause == "damaged"
            assert not any("--force" in command for command in stall.do)

    def test_the_skip_ends_it(self, stalled: Store) -> None:
        stalled.skip("billing", AT)

        assert [stall for stall in stalled.stalls() if stall.cause == "damaged"] == []

    @pytest.mark.parametrize("time", [-1, 0, 9_000_000_000_000_000_000])
    def test_whatever_its_time_has_become(self, stalled: Store, time: int) -> None:
        with pytest.raises(Damaged):
            poll_all(stalled)
        alter(stalled, "update mq_records set timestamp = ? where id & 0xff = 4", time)

        assert [stall.cause for stall in stalled.stalls(over=0)] == ["damaged"]

    def test_the_doctor_names_it_with_the_groups_and_shares_it_holds_up(
        self, stalled: Store
    ) -> None:
        with pytest.raises(Damaged):
            poll_all(stalled)
        found = {one.address: one.do for one in stalled.doctor() if one.code == "damaged_record"}

        assert found == {"orders/0@4": ("mq group skip billing orders/0@4",)}

    def test_looking_at_records_writes_nothing_down(self, hurt: Store) -> None:
        with pytest.raises(Damaged):
            hurt.read("orders", offset=4)

        assert "damaged_record" not in [one.code for one in hurt.doctor()]


class TestCompaction:
    @pytest.fixture
    def prices(self, store: Store) -> Store:
        """Two values of `a`, two of `b`, compacted by key."""
        store.create_topic("prices", cleanup="compact")
        pairs = [(b"a", b"a1"), (b"b", b"b1"), (b"a", b"a2"), (b"b", b"b2")]
        store.produce_many("prices", [NewRecord(value, key) for key, value in pairs])
        return store

    @staticmethod
    def left(store: Store) -> list[bytes | None]:
        records = store.read("prices", mark_damaged=True)
        return [b"?" if record.damaged else record.value for record in records]

    def test_a_damaged_record_replaces_none(self, prices: Store) -> None:
        damage(prices, "a2")
        prices.compact_topic("prices")

        assert self.left(prices) == [b"a1", b"?", b"b2"]

    def test_one_whose_key_has_become_another_replaces_none(self, prices: Store) -> None:
        alter(prices, "update mq_records set key = cast('b' as blob) where id & 0xff = 2")
        prices.compact_topic("prices")

        assert self.left(prices) == [b"a1", b"?", b"b2"]

    def test_a_damaged_old_value_stays_to_be_found(self, prices: Store) -> None:
        damage(prices, "a1")
        prices.compact_topic("prices")

        assert self.left(prices) == [b"?", b"a2", b"b2"]

    def test_the_latest_of_every_key_is_not_known_then(self, prices: Store) -> None:
        damage(prices, "a2")

        with pytest.raises(Damaged, match="prices/0@2"):
            prices.latest("prices")
        assert [record.value for record in prices.latest("prices", "b")] == [b"b2"]


class TestRetention:
    @pytest.fixture
    def daily(self, store: Store, clock: ManualClock) -> Store:
        """Twenty records, one an hour, that are kept for a day."""
        store.create_topic("orders", retention=86_400)
        for number in range(20):
            store.produce("orders", b"%d" % number)
            clock.advance(3600)
        return store

    @staticmethod
    def hurt_time(store: Store, offset: int, time: int) -> None:
        alter(store, "update mq_records set timestamp = ? where id & 0xff = ?", time, offset)

    @pytest.mark.parametrize("offset", range(19))
    def test_a_time_that_fell_takes_no_intact_record_along(self, daily: Store, offset: int) -> None:
        self.hurt_time(daily, offset, 5)
        daily.produce("orders", b"last")

        status = daily.topic("orders").partitions[0]
        assert status.records == 21 - status.start
        assert status.start <= offset
        assert daily.read("orders", offset=20)[0].value == b"last"

    def test_a_time_that_rose_keeps_nothing_for_ever(
        self, daily: Store, clock: ManualClock
    ) -> None:
        self.hurt_time(daily, 0, 9_000_000_000_000_000_000)
        clock.advance(86_400)
        for _ in range(3):
            clock.advance(600)
            daily.produce("orders", b"last")

        assert daily.topic("orders").partitions[0].start == 20

    def test_a_trim_by_time_takes_no_newer_record_along(
        self, daily: Store, clock: ManualClock
    ) -> None:
        self.hurt_time(daily, 9, 5)
        old = clock.wall() - 17 * 3_600_000
        daily.trim("orders", Position("time", old))

        assert daily.topic("orders").partitions[0].start == 3


class TestProjection:
    @pytest.fixture
    def parts(self, store: Store) -> Store:
        """Three JSON objects, of which the second is damaged."""
        store.create_topic("parts", partitions=2)
        for id in (1, 2, 3):
            store.produce("parts", f'{{"id": {id}}}', partition=0)
        damage(store, '{"id": 2}')
        return store

    @staticmethod
    def rows(store: Store) -> list[int]:
        with store.transaction() as tx:
            return [id for (id,) in tx.execute("select id from stock order by 1")]

    def test_what_came_before_it_is_kept_and_the_way_past_is_told(self, parts: Store) -> None:
        with pytest.raises(Damaged) as told:
            parts.project("parts", "stock", "id")

        assert told.value.shell_hint == "mq project parts stock --pk id --skip parts/0@1"
        assert self.rows(parts) == [1]

    def test_it_is_passed_over_when_asked_for(self, parts: Store) -> None:
        assert parts.project("parts", "stock", "id", passing=[parse_address("parts/0@1")]) == 2
        assert self.rows(parts) == [1, 3]
        parts.produce("parts", '{"id": 4}', partition=0)
        assert parts.project("parts", "stock", "id") == 1

    def test_so_is_one_that_is_no_object(self, store: Store) -> None:
        store.create_topic("parts")
        store.produce_many("parts", [b'{"id": 1}', b"no", b'{"id": 2}'])

        assert store.project("parts", "stock", "id", passing=[parse_address("parts/0@1")]) == 2

    def test_other_partitions_are_taken_in_all_the_same(self, parts: Store) -> None:
        parts.produce("parts", '{"id": 9}', partition=1)
        for _ in range(3):
            with pytest.raises(Damaged):
                parts.project("parts", "stock", "id")

        assert self.rows(parts) == [1, 9]


def test_an_error_leaves_no_reader_behind_that_sees_the_past(hurt: Store) -> None:
    with pytest.raises(Damaged) as kept:
        hurt.read("orders", offset=4)
    hurt.produce("orders", b"new")

    assert hurt.topic("orders").partitions[0].end == 11
    assert kept.value.addresses


def test_a_message_is_damaged_for_whoever_opens_the_store_next(
    hurt: Store, open_store: Callable[..., Store]
) -> None:
    with pytest.raises(Damaged):
        open_store().read("orders", offset=4)
