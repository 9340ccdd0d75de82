"""The overview: everything that holds messages, worst first."""

from __future__ import annotations

from store import NewMessage, NewRecord, Store, Subject
from store.model.clock import ManualClock


def subject(store: Store, name: str) -> Subject:
    (found,) = [one for one in store.snapshot().subjects if one.name == name]
    return found


def test_a_topic_shows_what_it_holds_and_who_is_furthest_behind(
    read_three: Store, clock: ManualClock
) -> None:
    read_three.create_group("audit", topics=["orders"])
    clock.advance(61)
    orders = subject(read_three, "orders")
    assert (orders.kind, orders.depth, orders.lag, orders.note) == (
        "topic", 10, 10, "audit 10 behind, steady",
    )  # fmt: skip


def test_a_queue_shows_its_messages_by_state(store: Store) -> None:
    store.create_queue("mails")
    for _ in range(3):
        store.send("mails", "m")
    store.send("mails", "later", delay=60)
    store.receive("mails")
    mails = subject(store, "mails")
    assert (mails.depth, mails.ready, mails.leased, mails.delayed) == (4, 2, 1, 1)


def states(store: Store) -> list[tuple[str, str]]:
    return [(one.state, one.name) for one in store.snapshot().subjects]


def test_the_worst_stand_first(store: Store, clock: ManualClock) -> None:
    store.create_topic("quiet")
    store.create_topic("stuck")
    store.produce("stuck", "v")
    store.create_group("billing", topics=["stuck"])
    store.create_queue("mails.dlq")
    store.create_queue("mails", dlq="mails.dlq")
    store.send("mails", "bad")
    store.reject([store.receive("mails")[0].receipt or ""])
    store.create_queue("late")
    store.send("late", "v")
    clock.advance(3600)
    store.create_topic("busy")
    store.produce("busy", "v")
    assert states(store) == [
        ("stalled", "stuck"),
        ("dead letters", "mails.dlq"),
        ("lagging", "late"),
        ("ok", "busy"),
        ("idle", "mails"),
        ("idle", "quiet"),
    ]


def test_a_group_without_objectives_lags_after_a_minute(orders: Store, clock: ManualClock) -> None:
    orders.create_group("billing", topics=["orders"])
    clock.advance(60)
    assert subject(orders, "orders").state == "ok"
    clock.advance(1)
    assert subject(orders, "orders").state == "lagging"


def test_a_group_with_objectives_lags_when_it_is_over_them(
    orders: Store, clock: ManualClock
) -> None:
    orders.create_group("billing", topics=["orders"], max_lag=9)
    assert subject(orders, "orders").state == "lagging"
    orders.alter_group("billing", max_lag=10)
    clock.advance(600)
    assert subject(orders, "orders").state == "ok"


def test_it_adds_up_rates_dead_letters_and_stalls(store: Store, clock: ManualClock) -> None:
    store.create_topic("orders")
    store.create_queue("mails")
    for _ in range(50):
        store.produce("orders", "v")
        store.send("mails", "v")
    store.create_group("billing", topics=["orders"])
    store.create_queue("dead")
    store.alter_queue("mails", dlq="dead")
    store.reject([store.receive("mails")[0].receipt or ""])
    clock.advance(10)
    taken = store.snapshot(idle_after=10)
    assert (taken.in_rate, taken.out_rate) == (10.1, 0.1)
    assert (taken.dead_letters, taken.stall_count, len(taken.stalls)) == (1, 1, 1)
    assert (taken.taken, taken.status.queues) == (clock.wall(), 2)


class TestDetails:
    def test_of_a_topic_are_its_partitions_and_where_groups_stand(self, read_three: Store) -> None:
        detail = read_three.topic_detail("orders")
        assert [partition.end for partition in detail.status.partitions] == [10]
        assert [(row.group, row.committed) for row in detail.lags] == [("billing", 3)]
        assert detail.retention_seconds == {0: 7 * 86_400.0}

    def test_of_a_topic_tell_when_the_owners_of_its_partitions_were_last_seen(
        self, orders: Store, clock: ManualClock
    ) -> None:
        with orders.consumer("billing", ["orders"], member="billing-1") as consumer:
            consumer.poll(1, timeout=0)
            clock.advance(2)
            assert orders.topic_detail("orders").seen == {"billing-1": 2.0}
        assert orders.topic_detail("orders").seen == {}

    def test_of_a_queue_are_its_leases_and_then_what_waits(
        self, store: Store, clock: ManualClock
    ) -> None:
        store.create_queue("mails", lease=30)
        store.send_many("mails", [NewMessage(b"v")] * 2)
        store.send("mails", "later", delay=20)
        store.receive("mails", holder="worker-7")
        clock.advance(5)
        leased, waiting = store.queue_detail("mails").leases
        assert (waiting.address, waiting.holder, waiting.seconds_left) == ("mails@2", None, 15.0)
        assert (leased.address, leased.holder, leased.held_seconds) == ("mails@0", "worker-7", 5.0)
        assert (leased.seconds_left, leased.deliveries) == (25.0, 1)
        assert (leased.lease_seconds, leased.seen_seconds) == (30.0, 5.0)
        assert (waiting.lease_seconds, waiting.seen_seconds) == (None, None)

    def test_of_dead_letters_are_counts_of_what_is_alike(
        self, store: Store, clock: ManualClock
    ) -> None:
        store.create_queue("dead")
        store.create_queue("mails", dlq="dead")
        store.send_many("mails", [NewMessage(b"v")] * 3)
        for error in ("code 502", "code 503", "no such customer"):
            store.reject([store.receive("mails")[0].receipt or ""], error=error)
            clock.advance(1)
        alike, other = store.letter_rows()
        assert (alike.queue, alike.source, alike.reason, alike.count) == (
            "dead", "mails", "rejected", 2,
        )  # fmt: skip
        assert (alike.last - alike.first, alike.sample) == (1000, "dead@1")
        assert other.error == "no such customer"

    def test_are_bounded(self, store: Store) -> None:
        store.create_topic("wide", partitions=5)
        store.create_group("billing", topics=["wide"])
        detail = store.topic_detail("wide", limit=2)
        assert (len(detail.status.partitions), len(detail.lags)) == (2, 2)


def test_a_snapshot_is_one_transaction_and_writes_nothing(
    orders: Store,
) -> None:
    begun: list[str] = []
    orders.create_group("billing", topics=["orders"])
    reader = orders._database.read_only()
    reader.set_trace_callback(begun.append)
    orders.snapshot()
    reader.set_trace_callback(None)
    verbs = [statement.split()[0].lower() for statement in begun]
    assert verbs.count("begin") == 1
    assert set(verbs) <= {"begin", "select", "with", "pragma", "rollback"}


def test_the_backlog_of_a_topic_is_that_of_the_group_that_is_stalled(
    store: Store, clock: ManualClock
) -> None:
    store.create_topic("orders")
    store.produce_many("orders", [NewRecord(f"v{n}") for n in range(10)])
    store.create_group("audit", topics=["orders"])
    with store.consumer("billing", ["orders"], member="b", session_timeout=7200) as billing:
        billing.poll(4, timeout=0)
        billing.commit()
        clock.advance(3600)
        with store.consumer("audit", ["orders"], member="a") as audit:
            audit.poll(1, timeout=0)
            audit.commit()
            orders = subject(store, "orders")
    assert (orders.reader, orders.backlog, orders.groups) == ("billing", 6, 2)


def test_the_growth_is_what_came_less_what_went_in_the_last_minute(
    store: Store, clock: ManualClock
) -> None:
    store.create_queue("mails")
    for _ in range(12):
        store.send("mails", "m")
        clock.advance(5)
    store.ack([message.receipt or "" for message in store.receive("mails", 6)])
    mails = subject(store, "mails")
    assert (mails.backlog, round((mails.growth or 0.0) * 60)) == (6, 5)


def test_a_topic_that_no_group_reads_has_no_backlog(store: Store) -> None:
    store.create_topic("orders")
    store.produce("orders", "v")
    orders = subject(store, "orders")
    assert (orders.backlog, orders.growth, orders.groups) == (None, None, 0)


def test_a_share_names_the_topic_that_it_reads(store: Store) -> None:
    store.create_topic("uploads")
    store.create_share("thumbnails", "uploads")
    store.produce("uploads", "v")
    thumbnails = subject(store, "thumbnails")
    assert (thumbnails.topic, thumbnails.backlog) == ("uploads", 1)
