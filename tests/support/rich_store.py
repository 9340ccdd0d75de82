"""A store in which every table of mq has rows, and every column of them a value somewhere."""

from __future__ import annotations

from pathlib import Path

from store import NewMessage, NewRecord, Store
from store.model.clock import ManualClock
from store.model.topics import Headers
from tests.support.damage import alter


def make(path: Path, clock: ManualClock, *, size: int = 8) -> None:
    """Fill a new store; `size` is about how many records each of its things holds."""
    with Store.open(path, create=True, durability="normal", clock=clock) as store:
        _topics(store, clock, size)
        _queues(store, clock, size)
        _routes(store, size)
        _readers(store, size)
        _accounts(store, size)
        _leave_at_work(store)
    _rarities(path)


def _topics(store: Store, clock: ManualClock, size: int) -> None:
    store.create_topic("orders", partitions=2, retention_bytes=1 << 30)
    store.create_topic("prices", cleanup="compact")
    store.create_topic("parts", retention=None, labels={"team": "shop"})
    for n in range(size):
        headers: Headers = {"source": "web", "n": n}
        wide = b"%d " % n + b"x" * (n % 7 * 150)
        store.produce_many(
            "orders", [NewRecord(wide, b"key %d" % n, headers, partition=p) for p in range(2)]
        )
        store.produce("prices", b"price %d" % n, key=b"%d" % (n % 3))
        clock.advance(1)
    store.produce("orders", b"large" * 3_000, partition=0)
    store.produce("prices", None, key="0")
    store.compact_topic("prices")
    for n in range(size):
        store.produce("parts", f'{{"id": {n}, "name": "part {n}"}}')
    store.project("parts", "stock", "id")


def _queues(store: Store, clock: ManualClock, size: int) -> None:
    store.create_queue("graves")
    store.create_queue("lines.graves", fifo=True)
    store.create_queue(
        "emails", dlq="graves", max_deliveries=5, retry_delays=[1, 60], priorities=3, ttl=86_400,
        max_length=10_000, max_bytes=1 << 30, overflow="reject", dedup=300,
    )  # fmt: skip
    store.create_queue("lines", fifo=True, dlq="lines.graves", dedup=300, content_dedup=True)
    store.create_queue("tenants", fair=True)
    store.create_queue("one", single_active=True, redrive_allow="emails,lines")
    store.create_queue("unruly", chaos="seed=1,duplicate=5%", labels={"team": "shop"})
    for n in range(size):
        message = NewMessage(
            b"mail %d" % n, b"key", {"n": n}, priority=n % 3, dedup_id=f"id-{n}", ttl=3600 + n
        )
        store.send_many("emails", [message, NewMessage(b"later %d" % n, delay=600)])
        store.send("lines", b"line %d" % n, message_group=f"group-{n % 3}")
        store.send("tenants", b"tenant %d" % n, message_group=f"tenant-{n % 2}")
        store.send("one", b"one %d" % n, properties={"content_type": "text/plain"})
        store.send("unruly", b"unruly %d" % n)
        clock.advance(1)
    for queue in ("emails", "lines"):
        for _ in range(3):
            (taken,) = store.receive(queue)
            store.reject([str(taken.receipt)], "it could not be parsed: é")
    letters = store.dead_letters("graves")
    store.edit_dead_letter("graves", letters[0].sequence, b"mended", before=letters[0].value)
    store.redrive("graves", limit=1)
    store.start_move("lines.graves", rate=2)
    (taken,) = store.receive("emails")
    store.nack([str(taken.receipt)], delay=30, error="not now")
    for _ in range(2):
        store.ack([str(store.receive("one")[0].receipt)])


def _routes(store: Store, size: int) -> None:
    store.create_exchange("events", "topic", alternate="rest")
    store.create_exchange("rest", "fanout", labels={"team": "shop"})
    store.create_exchange("sorted", "headers")
    store.bind("events", "emails", key="mail.*")
    store.bind("events", "exchange:sorted", key="all.#")
    store.bind("sorted", "orders", headers={"kind": "order", "n": 1}, match="any")
    store.bind("rest", "graves")
    for n in range(size):
        store.publish("events", "mail.new", b"published %d" % n)


def _readers(store: Store, size: int) -> None:
    store.create_group("declared", topics=["orders", "prices"], max_lag=100, max_lag_time=60,
                       dlq="graves", max_deliveries=3, labels={"team": "shop"})  # fmt: skip
    with store.consumer("billing", ["orders", "parts"]) as consumer:
        for _ in range(3):
            consumer.poll(size // 2, timeout=0)
            consumer.commit()
    store.create_share("packers", "orders", max_in_flight=50, max_deliveries=4, dlq="graves",
                       labels={"team": "shop"})  # fmt: skip
    taken = store.acquire("packers", 3, lease=600)
    store.ack([taken[0].receipt])
    store.nack([taken[1].receipt], delay=900, error="no box")


def _accounts(store: Store, size: int) -> None:
    store.note_copied("emails", "rabbitmq://rabbit.example.org/shop", 0)
    producer = store.producer("importer")
    producer.produce_many("orders", [NewRecord(b"in sequence %d" % n) for n in range(size)], 0)
    with store.transaction() as tx:
        tx.send_in_sequence(producer, "emails", [NewMessage(b"sent in sequence")], 0)
        tx.publish_in_sequence(producer, "events", [NewMessage(b"x", b"mail.x")], 0)
        tx.first_time("billing", "order 1")
        tx.execute("create table own (id integer primary key, note text, price real)")
        tx.execute("insert into own values (1, 'mine', 1.5), (2, 'too', 2)")


def _leave_at_work(store: Store) -> None:
    """A member, leases and a consumer in line that are there when the store is closed."""
    consumer = store.consumer("working", ["orders"], member="a")
    consumer.poll(2, timeout=0)
    for queue in ("emails", "lines", "tenants", "one"):
        store.receive(queue, 2, lease=3600)


def _rarities(path: Path) -> None:
    # What topology files, and a sample of many acknowledged deliveries, would leave.
    for table in ("mq_channels", "mq_readers", "mq_exchanges", "mq_bindings"):
        alter(path, f"update {table} set label = 'team.yaml' where id = 1")
    alter(path, "insert into mq_processing_times values (1, 20, 3)")
    alter(path, "update mq_move_tasks set target = 'lines', error = 'it is gone'")
    alter(path, "update mq_readers set dead_letter_key = 'k' where name = 'emails'")
