"""The topologies that come with mq: each is sound, applies, and does what its first lines say."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from store import NewRecord, QueueFull, Shift, Store
from store.model.clock import ManualClock
from store.topology.checks import validate
from store.topology.examination import examine
from store.topology.reading import TopologyFile

CONFIGS = Path(__file__).parents[2] / "configs"
FILES = sorted(path.name for path in CONFIGS.glob("*.yaml"))
MINUTE = 60.0


def config(name: str) -> TopologyFile:
    return TopologyFile(name, (CONFIGS / name).read_bytes())


@pytest.fixture
def applied(store: Store) -> Callable[[str], Store]:
    """The store with one of the topologies applied."""

    def apply(name: str) -> Store:
        store.apply([config(name)])
        return store

    return apply


def values(store: Store, queue: str) -> list[bytes | None]:
    return [message.value for message in store.messages(queue)]


def fail_once(store: Store, queue: str) -> int:
    """Receive one message and give it back; how many there were."""
    messages = store.receive(queue)
    store.nack([message.receipt or "" for message in messages], error="connection refused")
    return len(messages)


@pytest.mark.parametrize("name", FILES)
def test_it_has_no_problems_and_the_doctor_no_advice(name: str) -> None:
    assert validate([config(name)]) == []
    assert examine([config(name)]) == []


@pytest.mark.parametrize("name", FILES)
def test_its_first_lines_say_what_it_is_for_and_how_to_apply_it(name: str) -> None:
    head = (CONFIGS / name).read_text().partition("version:")[0]
    assert f"mq apply {name}" in head
    assert all(line.startswith("#") for line in head.splitlines())


@pytest.mark.parametrize("name", FILES)
def test_exported_and_planned_again_it_has_no_changes(
    applied: Callable[[str], Store], name: str
) -> None:
    store = applied(name)
    assert store.plan([config(name)]).steps == ()
    assert store.plan([TopologyFile("exported.yaml", store.export().encode())]).steps == ()


class TestOrders:
    @pytest.fixture
    def shop(self, applied: Callable[[str], Store]) -> Store:
        store = applied("orders.yaml")
        store.publish("events", "order.eu.created", b"17")
        store.publish("events", "order.eu.paid", b"17 paid")
        store.publish("events", "refund.eu.asked", b"what is this?")
        return store

    def test_an_event_goes_where_its_key_says(self, shop: Store) -> None:
        assert values(shop, "emails") == [b"17"]
        assert values(shop, "shipping") == [b"17 paid"]
        assert values(shop, "unrouted") == [b"what is this?"]
        logged = [record.value for n in range(6) for record in shop.read("orders", n)]
        assert sorted(logged, key=str) == [b"17 paid", b"17"]

    def test_a_mail_that_fails_five_times_is_dead_and_can_be_redriven(
        self, shop: Store, clock: ManualClock
    ) -> None:
        for _ in range(5):
            assert fail_once(shop, "emails") == 1
            clock.advance(10 * MINUTE)
        assert shop.receive("emails") == []
        (letter,) = shop.dead_letters("emails")
        assert letter.dead
        assert (letter.dead.reason, letter.dead.error) == ("max_deliveries", "connection refused")
        shop.redrive("emails")
        assert [message.value for message in shop.receive("emails")] == [b"17"]

    def test_accounting_can_work_through_it_again(self, shop: Store) -> None:
        with shop.consumer("accounting", ["orders"]) as consumer:
            assert len(consumer.poll(10, timeout=0)) == 2
            consumer.commit()
        assert sum(row.lag for row in shop.lag("accounting")) == 0
        shop.reset_group("accounting", Shift(-10))
        assert sum(row.lag for row in shop.lag("accounting")) == 2


class TestFourGroups:
    def test_each_has_its_own_place_in_the_log(self, applied: Callable[[str], Store]) -> None:
        store = applied("four-groups.yaml")
        store.produce_many("events", [NewRecord(b"1", key=f"user-{n}") for n in range(20)])
        with store.consumer("search", ["events"]) as consumer:
            assert len(consumer.poll(100, timeout=0)) == 20
            consumer.commit()
        behind = {group.name: sum(row.lag for row in group.offsets) for group in store.groups()}
        assert behind == {"audit": 20, "billing": 20, "experiments": 20, "search": 0}

    def test_a_replay_of_one_moves_no_other(self, applied: Callable[[str], Store]) -> None:
        store = applied("four-groups.yaml")
        store.produce_many("events", [NewRecord(b"1", key=f"user-{n}") for n in range(20)])
        for group in ("search", "audit"):
            with store.consumer(group, ["events"]) as consumer:
                consumer.poll(100, timeout=0)
                consumer.commit()
        store.reset_group("audit", Shift(-100))
        assert sum(row.lag for row in store.lag("audit")) == 20
        assert sum(row.lag for row in store.lag("search")) == 0


class TestFifoBilling:
    def test_one_customer_waits_and_the_others_go_on(self, applied: Callable[[str], Store]) -> None:
        store = applied("fifo-billing.yaml")
        for charge in (b"a1", b"a2", b"b1"):
            store.send("billing", charge, message_group=f"customer-{charge[:1].decode()}")
        assert fail_once(store, "billing") == 1
        assert [message.value for message in store.receive("billing", 10)] == [b"b1"]
        assert [message.state for message in store.messages("billing")][1] == "blocked"

    def test_the_same_charge_twice_is_stored_once(self, applied: Callable[[str], Store]) -> None:
        store = applied("fifo-billing.yaml")
        ids = [store.send("billing", b"charge 12", message_group="c") for _ in range(2)]
        assert [id.duplicate for id in ids] == [False, True]
        assert len(values(store, "billing")) == 1


class TestRetryLadder:
    def test_a_call_is_tried_again_less_and_less_often(
        self, applied: Callable[[str], Store], clock: ManualClock
    ) -> None:
        store = applied("retry-ladder.yaml")
        store.send("webhooks", b"call")
        for wait in (10, MINUTE, 10 * MINUTE, 60 * MINUTE, 360 * MINUTE):
            assert fail_once(store, "webhooks") == 1
            clock.advance(wait - 1)
            assert store.receive("webhooks") == []
            clock.advance(1)
        assert fail_once(store, "webhooks") == 1
        assert [m.value for m in store.dead_letters("webhooks")] == [b"call"]

    def test_an_old_call_is_never_made(
        self, applied: Callable[[str], Store], clock: ManualClock
    ) -> None:
        store = applied("retry-ladder.yaml")
        store.send("webhooks", b"call")
        clock.advance(49 * 60 * MINUTE)
        assert store.receive("webhooks") == []


class TestPriorities:
    def test_what_is_urgent_comes_first(self, applied: Callable[[str], Store]) -> None:
        store = applied("priorities.yaml")
        for level in (0, 2, 1):
            store.send("pictures", b"%d" % level, priority=level)
        assert [m.value for m in store.receive("pictures", 3)] == [b"2", b"1", b"0"]

    def test_a_full_queue_refuses_what_is_new(self, applied: Callable[[str], Store]) -> None:
        store = applied("priorities.yaml")
        store.alter_queue("pictures", max_length=2)
        store.send("pictures", b"1")
        store.send("pictures", b"2")
        with pytest.raises(QueueFull):
            store.send("pictures", b"3")

    def test_a_tenant_with_much_in_progress_waits_behind_the_others(
        self, applied: Callable[[str], Store]
    ) -> None:
        store = applied("priorities.yaml")
        for n in range(40):
            store.send("reports", b"noisy %d" % n, message_group="noisy")
        store.send("reports", b"quiet", message_group="quiet")
        store.receive("reports", 30)
        assert [message.value for message in store.receive("reports")] == [b"quiet"]

    def test_one_works_on_the_ledger_at_a_time(self, applied: Callable[[str], Store]) -> None:
        store = applied("priorities.yaml")
        store.send("ledger", b"1")
        store.send("ledger", b"2")
        assert len(store.receive("ledger", holder="first")) == 1
        assert store.receive("ledger", holder="second") == []


class TestSharePipeline:
    def test_a_slow_record_holds_up_nobody_in_the_share(
        self, applied: Callable[[str], Store]
    ) -> None:
        store = applied("share-pipeline.yaml")
        store.produce_many("uploads", [NewRecord(b"%d" % n, partition=0) for n in range(4)])
        (slow,) = store.acquire("thumbnails", 1)
        others = store.acquire("thumbnails", 10)
        store.ack([record.receipt for record in others])
        assert (slow.value, [record.value for record in others]) == (b"0", [b"1", b"2", b"3"])
        (partition, *_) = store.share("thumbnails").partitions
        assert (partition.lag, partition.leased) == (1, 1)

    def test_a_record_that_fails_three_times_is_dead_and_stays_in_the_log(
        self, applied: Callable[[str], Store]
    ) -> None:
        store = applied("share-pipeline.yaml")
        store.produce("uploads", b"broken", key="k")
        for _ in range(3):
            store.nack([record.receipt for record in store.acquire("thumbnails")], delay=0)
        assert store.acquire("thumbnails") == []
        assert values(store, "uploads.dead") == [b"broken"]
        with store.consumer("index", ["uploads"]) as consumer:
            assert [record.value for record in consumer.poll(10, timeout=0)] == [b"broken"]
