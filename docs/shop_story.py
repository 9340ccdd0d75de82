"""The story in the pictures of the dashboard: a shop has a bad quarter of an hour.

A card fails again and again and blocks a partition, a bookkeeper keeps a message group waiting, one
topic has lost its reader, webhooks come faster than they go, and mails and reports are catching up.
"""

from __future__ import annotations

from store import Consumer, NewMessage, NewRecord, Store
from store.model.clock import ManualClock
from store.model.topics import Record
from store.topology.reading import TopologyFile

NOON = 1_767_268_800_000
"""The story's clock begins at 2026-01-01 12:00 UTC."""
TOPOLOGY = b"""version: 1
name: orders
topics: {orders: {partitions: 6, retention: 7d}, uploads: {}}
queues:
  emails: {lease: 45s, max_deliveries: 3, dlq: emails.dead}
  emails.dead: {retention: 14d}
  orders.dlq: {retention: 14d}
  webhooks: {lease: 30s, max_deliveries: 6, dlq: emails.dead, retry_delays: [5s, 1m]}
  invoices: {fifo: true, lease: 1h}
  shipping: {lease: 5m}
  unrouted: {}
exchanges: {events: {type: topic, alternate: unrouted}, unrouted: {type: fanout}}
bindings:
  - {from: events, to: orders, key: "order.#"}
  - {from: events, to: emails, key: "order.*.created"}
  - {from: events, to: shipping, key: "order.*.paid"}
  - {from: unrouted, to: unrouted}
groups:
  billing: {topics: [orders]}
  reports: {topics: [orders]}
  search: {topics: [orders]}
shares:
  thumbnails: {topic: uploads, max_in_flight: 400, lease: 1h}
"""
_STEPS = 84
_TRIES = {0: 14, 2: 15, 6: 15, 13: 15, 30: 32, 57: 15}
"""The steps in which the poison record is tried, and for how many seconds it is held."""
_POISON = 2
_INVOICE_TAKEN = 36


class StoryClock(ManualClock):
    """The clock of the story: it stands still unless the story goes on."""

    def __init__(self) -> None:
        super().__init__(wall=NOON)


def tell(store: Store, clock: ManualClock) -> list[Consumer]:
    """Let the shop's quarter of an hour happen; what is returned holds on to partitions."""
    store.apply([TopologyFile("orders.yaml", TOPOLOGY)])
    _leave_clicks(store)
    _sell(store, 600)
    clock.advance(4_000)
    billing, reports, search = (
        store.consumer(group, ["orders"], member=member, session_timeout=7_200)
        for group, member in (
            ("billing", "worker-7"), ("reports", "nightly-1"), ("search", "indexer-1"),
        )
    )  # fmt: skip
    for reader in (billing, search):
        _read_on(reader)
    poison = _sell_to_a_bad_card(store)
    _fail_to_mail(store, clock)
    _begin(store)
    ends: dict[tuple[str, int], int] = {}
    for step in range(_STEPS):
        clock.advance(max(0, 10 - _try(billing, clock, poison, _TRIES.get(step, 0))))
        _sell(store, 14 + step % 9)
        _read_on(billing, besides=_POISON)
        _read_on(search)
        _catch_up(reports, ends, 170 - step)
        _mail(store, step)
        _call_webhooks(store, step)
        _pack(store)
        _number_invoices(store, step)
        _make_thumbnails(store)
    _read_on(billing, besides=_POISON)
    _hold(store, clock)
    _catch_up(reports, ends, 150 - _STEPS)
    store.publish("events", "refund.901", '{"order": 901}')
    store.alter_queue("shipping", lease=240)
    return [billing, reports, search]


def _begin(store: Store) -> None:
    _send(store, "emails", 600)
    _send(store, "webhooks", 90)
    for number in range(36):
        store.send("invoices", _invoice(number), message_group=f"acct-{86 + number % 3}")


def _send(store: Store, queue: str, count: int, delay: float = 0) -> None:
    store.send_many(queue, [NewMessage(b'{"n": %d}' % n, delay=delay) for n in range(count)])


def _finish(store: Store, queue: str, count: int, holder: str) -> None:
    taken = store.receive(queue, count, holder=holder)
    store.ack([message.receipt or "" for message in taken])


def _leave_clicks(store: Store) -> None:
    store.create_topic("clicks")
    store.produce_many(
        "clicks", [NewRecord(f"click {n}", key=f"page-{n % 22}") for n in range(250)]
    )
    with store.consumer("heatmap", ["clicks"], member="heatmap-1") as heatmap:
        heatmap.poll(90, timeout=0)
        heatmap.commit()


def _read_on(consumer: Consumer, besides: int | None = None) -> None:
    while records := consumer.poll(500, timeout=0):
        consumer.commit(
            {(r.topic, r.partition): r.offset + 1 for r in records if r.partition != besides}
        )


def _catch_up(consumer: Consumer, ends: dict[tuple[str, int], int], behind: int) -> None:
    """Commit so many records before the end, fewer of some partitions."""
    while records := consumer.poll(500, timeout=0):
        ends |= {(record.topic, record.partition): record.offset + 1 for record in records}
    shares = {place: (10, 8, 1, 6, 9, 4)[place[1]] / 10 for place in ends}
    consumer.commit({p: max(0, end - round(behind * shares[p])) for p, end in ends.items()})


def _sell(store: Store, number: int) -> None:
    made = int(store.clock.wall()) // 1000
    store.produce_many(
        "orders",
        [
            NewRecord(f'{{"order": {n}, "at": {made}}}', key=f"cust-{(made + n) * 7 % 90}")
            for n in range(number)
        ],
    )
    for n in range(2):
        kind = "paid" if n else "created"
        store.publish("events", f"order.{number}.{kind}", f'{{"order": {number}}}')


def _sell_to_a_bad_card(store: Store) -> int:
    lines = ", ".join(f'{{"sku": {n}, "count": {n % 3 + 1}}}' for n in range(70))
    value = f'{{"order": 7120, "card": "4000 0000 0000 0002", "lines": [{lines}]}}'
    return store.produce("orders", value, key="cust-88", partition=_POISON).offset


def _try(billing: Consumer, clock: ManualClock, poison: int, held: int) -> int:
    """Let billing try the poison record, and fail after so many seconds; 0 is no try."""
    if held:
        others = {("orders", number) for number in range(4) if number != _POISON}
        billing.seek("orders", _POISON, poison)
        records: list[Record] = billing.poll(1, timeout=0, paused=others)
        clock.advance(held)
        billing.fail(records[0], "card_api 502 Bad Gateway")
    return held


def _fail_to_mail(store: Store, clock: ManualClock) -> None:
    errors = [
        "smtp 550: no such user c{}@exmaple.org",
        "timed out after {}s",
        "quota of {} MB used",
    ]
    for kind, error in enumerate(errors):
        for number in range(9 - 3 * kind):
            sent = store.send("emails", f'{{"to": "c{number}@exmaple.org"}}', key=f"cust-{number}")
            clock.advance(1)
            for _ in range(3):
                for message in store.receive("emails", 500, holder="mailer-1"):
                    if message.id == sent.id:
                        store.nack([message.receipt or ""], error=error.format(number), delay=0)
                    else:
                        store.ack([message.receipt or ""])


def _mail(store: Store, step: int) -> None:
    """Mails come in as always, then in a burst, and the mailers catch up with it."""
    is_burst = 28 <= step < 48
    _send(store, "emails", 96 if is_burst else 47)
    if step % 6 == 0:
        _send(store, "emails", 6, delay=900)
    _finish(store, "emails", 44 if step < 48 else 80, f"mailer-{1 + step % 3}")


def _call_webhooks(store: Store, step: int) -> None:
    """Webhooks come in faster than they are called, and some wait for a retry."""
    _send(store, "webhooks", 33 + step % 7)
    if step % 3 == 0:
        _send(store, "webhooks", 5, delay=900)
    _finish(store, "webhooks", 36 if step < 24 else 27, "hook-1")


def _pack(store: Store) -> None:
    _finish(store, "shipping", 8, "packer-2")


def _number_invoices(store: Store, step: int) -> None:
    if step == _INVOICE_TAKEN:
        store.receive("invoices", holder="bookkeeper-1")
    if step % 2 == 0:
        store.send("invoices", _invoice(step), message_group=f"acct-{86 + step % 3}")
    for message in store.receive("invoices", 1, holder="bookkeeper-2") if step % 5 == 1 else ():
        store.ack([message.receipt or ""])


def _invoice(number: int) -> bytes:
    return b'{"invoice": %d, "total": "%d.90"}' % (number, 20 + number)


def _make_thumbnails(store: Store) -> None:
    store.produce_many("uploads", [NewRecord(f"photo-{n}.jpg") for n in range(12)])
    taken = store.acquire("thumbnails", 12, holder="resizer-3")
    store.ack([record.receipt for record in taken[:11]])
    store.nack([record.receipt for record in taken[11:]])


def _hold(store: Store, clock: ManualClock) -> None:
    """Leave leases of every age with the workers."""
    again = store.receive("emails", 3, holder="mailer-2")
    store.nack([message.receipt or "" for message in again], delay=0)
    for number in range(9):
        store.receive("emails", 1, holder=f"mailer-{1 + number % 3}")
        store.receive("webhooks", 2, holder=f"hook-{1 + number % 4}", lease=60)
        clock.advance(4)
    store.receive("shipping", 2, holder="packer-2")
    store.acquire("thumbnails", 12, holder="resizer-3")
