"""The deliveries of a blocker: those that ended, the one under way, and the next one."""

from __future__ import annotations

from store import NewRecord, Store
from store.model.clock import ManualClock


def fail(store: Store, error: str, delay: float = 0) -> None:
    """Let a worker fail the first invoice."""
    (message,) = store.receive("invoices", holder="bookkeeper")
    store.nack([message.receipt or ""], error=error, delay=delay)


def send_invoices(store: Store, number: int = 3) -> None:
    store.create_queue("invoices", fifo=True, lease=60)
    for at in range(number):
        store.send("invoices", b"%d" % at, message_group="acct-1")


def test_a_message_group_has_the_attempts_and_the_lease_of_its_head(
    store: Store, clock: ManualClock
) -> None:
    send_invoices(store)
    began = clock.wall()
    fail(store, "no such account")
    clock.advance(5)
    store.receive("invoices", holder="bookkeeper", lease=60)
    clock.advance(40)

    (stall,) = store.stalls()
    detail = store.stall_detail(stall)

    (attempt,) = detail.attempts
    assert (attempt.number, attempt.holder, attempt.started) == (1, "bookkeeper", began)
    assert (attempt.outcome, attempt.error) == ("nacked", "no such account")
    assert (detail.earlier, detail.held_since) == (0, began + 5_000)
    assert detail.next_try == began + 65_000


def test_a_message_that_waits_has_no_holder_and_a_next_try(
    store: Store, clock: ManualClock
) -> None:
    send_invoices(store)
    fail(store, "busy", delay=100)
    clock.advance(40)

    (stall,) = store.stalls()
    detail = store.stall_detail(stall)

    assert (detail.held_since, detail.next_try) == (None, clock.wall() + 60_000)


def test_a_group_has_the_failures_of_its_record_and_no_known_next_try(
    store: Store, clock: ManualClock
) -> None:
    store.create_topic("orders")
    store.produce_many("orders", [NewRecord(b"v")] * 3)
    with store.consumer("billing", ["orders"], member="worker-7", session_timeout=3600) as billing:
        (record,) = billing.poll(1, timeout=0)
        polled = clock.wall()
        clock.advance(14)
        billing.fail(record, "card_api 502")
        clock.advance(60)

        (stall,) = store.stalls()
        detail = store.stall_detail(stall)

    (attempt,) = detail.attempts
    assert (attempt.number, attempt.error) == (1, "card_api 502")
    assert (attempt.started, attempt.ended) == (polled, polled + 14_000)
    assert (detail.held_since, detail.next_try) == (None, None)


def test_the_first_record_of_a_full_window_has_the_lease_of_its_share(
    store: Store, clock: ManualClock
) -> None:
    store.create_topic("uploads")
    store.create_share("thumbnails", "uploads", max_in_flight=2, lease=300)
    store.produce_many("uploads", [NewRecord(b"v")] * 4)
    store.acquire("thumbnails", 2, holder="resizer")
    began = clock.wall()
    clock.advance(40)

    (stall,) = store.stalls()
    detail = store.stall_detail(stall)

    assert (detail.attempts, detail.held_since) == ((), began)
    assert detail.next_try == began + 300_000


def test_only_the_last_attempts_are_told_and_the_others_counted(
    store: Store, clock: ManualClock
) -> None:
    send_invoices(store)
    for _ in range(5):
        fail(store, "busy")
    fail(store, "busy", delay=100)
    clock.advance(40)

    (stall,) = store.stalls()
    detail = store.stall_detail(stall, limit=2)

    assert ([one.number for one in detail.attempts], detail.earlier) == ([5, 6], 4)
