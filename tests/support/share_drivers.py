"""A driver for the cases of Kafka's share groups: a share `s` of the one partition of `t`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from store import GroupActive, LeaseLost, NewRecord, Position, SharedRecord
from store.engine.broker import Broker
from store.model.clock import ManualClock
from store.model.shares import SharePartition
from store.sqlite import leases, shares
from store.sqlite.leases.rows import Lease
from tests.support.kafka_drivers import in_file

Case = dict[str, Any]
ALL = 10_000


class Share:
    """The share, by what Kafka's tests say of a partition."""

    def __init__(self, store: Broker, records: int, *, first: int = 0, **settings: Any) -> None:
        self.store = store
        self.held: dict[int, SharedRecord] = {}
        store.create_topic("t")
        store.produce_many("t", [NewRecord(b"%d" % n) for n in range(records)])
        store.create_share("s", "t", start=str(first), **settings)

    def acquire(self, most: int = ALL) -> list[int]:
        """The offsets that are handed out."""
        found = self.store.acquire("s", most)
        self.held |= {record.offset: record for record in found}
        return [record.offset for record in found]

    def receipts(self, offsets: Sequence[int]) -> list[str]:
        """The receipts of the last delivery of these."""
        return [self.held[offset].receipt for offset in offsets]

    def accept(self, offsets: Sequence[int]) -> None:
        """Kafka's accept."""
        self.store.ack(self.receipts(offsets))

    def release(self, offsets: Sequence[int]) -> None:
        """Kafka's release."""
        self.store.nack(self.receipts(offsets))

    def reject(self, offsets: Sequence[int]) -> None:
        """Kafka's reject."""
        self.store.reject(self.receipts(offsets))

    def renew(self, offsets: Sequence[int], seconds: float = 30.0) -> None:
        """Kafka's renew."""
        self.store.extend(self.receipts(offsets), seconds)

    @property
    def window(self) -> SharePartition:
        """Where the share stands."""
        return self.store.share("s").partitions[0]

    def ready(self) -> list[int]:
        """The offsets in the window that anybody may be given."""
        flying = self.store.in_flight("s")
        return [int(one.address.partition("@")[2]) for one in flying if one.state == "ready"]

    def next_fetch(self) -> int:
        """The offset that would be handed out next, were the window not full."""
        return min(self.ready(), default=self.window.next)


def span(text: str) -> range:
    """`5-9` as a range."""
    first, _, last = text.partition("-")
    return range(int(first), int(last) + 1)


def states(case: Case, store: Broker, clock: ManualClock) -> None:
    """Only what is acquired can go anywhere, and what is final stays so."""
    share = Share(store, 4)
    moves: list[Callable[[Sequence[int]], None]] = [share.accept, share.reject, share.release]
    assert share.acquire() == [0, 1, 2, 3]
    for offset, move in enumerate(moves):
        move([offset])
    assert share.ready() == [2]
    for move in (share.reject, share.release, share.renew):
        with pytest.raises(LeaseLost):
            move([0])
    for offset in (1, 2):
        for move in (*moves, share.renew):
            with pytest.raises(LeaseLost):
                move([offset])
    assert share.acquire() == [2]


def limit(case: Case, store: Broker, clock: ManualClock) -> None:
    """What used up its deliveries is archived when it is released."""
    offsets = span(case["setup"]["offsets"])
    share = Share(store, 15, first=5, max_deliveries=case["setup"]["delivery_limit"])
    for _ in range(2):
        assert share.acquire() == list(offsets)
        share.release(offsets)
    expected = case["expected"]
    assert (share.window.start, share.next_fetch()) == (expected["spso"], expected["next_fetch"])
    assert store.in_flight("s") == []


def with_full_window(case: Case, store: Broker) -> Share:
    """As if a batch had overshot the window: mq keeps it to the record, so it is narrowed."""
    batches = [span(text) for text in case["setup"]["acquired"]]
    share = Share(store, batches[-1][-1] + 10, max_in_flight=batches[-1][-1] + 1)
    for batch in batches:
        assert share.acquire(len(batch)) == list(batch)
    store.alter_share("s", max_in_flight=case["setup"]["max_locks"])
    return share


def window_mid_reject(case: Case, store: Broker, clock: ManualClock) -> None:
    """What is final in the middle of the window does not open it."""
    share, expected = with_full_window(case, store), case["expected"]
    share.reject(span("10-14"))
    window = share.window
    assert (window.start, window.next - 1) == (expected["spso"], expected["end"])
    assert window.finished == expected["terminal_in_window"]
    assert share.next_fetch() == expected["next_fetch"]
    assert bool(share.acquire()) is expected["can_acquire"]


def all_accepted(case: Case, store: Broker, clock: ManualClock) -> None:
    """Accepting everything opens a full window."""
    share, expected = with_full_window(case, store), case["expected"]
    assert bool(share.acquire()) is expected["can_acquire_before"]
    share.accept(span("0-249"))
    assert (share.window.start, share.window.next) == (expected["spso"], expected["end"])
    assert bool(share.acquire()) is expected["can_acquire_after"]


def next_fetch(case: Case, store: Broker, clock: ManualClock) -> None:
    """What was released is handed out before what is new."""
    share = Share(store, 30)
    for batch in case["setup"]["acquired"].values():
        assert share.acquire(10) == list(span(batch))
    share.release(span("5-9"))
    found = [share.next_fetch()]
    share.acquire(5)
    assert [*found, share.next_fetch()] == case["expected"]["next_fetch"]


def ack_after_expiry(case: Case, store: Broker, clock: ManualClock) -> None:
    """A lock that has expired is worth nothing, even while nobody else has taken the record."""
    share, offsets = Share(store, 10, first=5), span(case["setup"]["acquired"])
    share.acquire()
    clock.advance(31)
    for move in (share.accept, share.reject, share.renew):
        with pytest.raises(LeaseLost):
            move(offsets)
    assert share.ready() == list(offsets)


def ack_twice(case: Case, store: Broker, clock: ManualClock) -> None:
    """What was settled otherwise can't be settled again."""
    share, offsets = Share(store, 10, first=5), span(case["setup"]["acquired"])
    share.acquire()
    share.release(offsets)
    with pytest.raises(LeaseLost):
        share.accept(offsets)
    assert share.acquire() == list(offsets)
    share.reject(span("6-8"))
    assert share.window.finished == 3
    with pytest.raises(LeaseLost):
        share.reject(span("6-8"))
    assert share.window.finished == 3


def renew(case: Case, store: Broker, clock: ManualClock) -> None:
    """A renewal starts the lock anew, and counts nothing."""
    share = Share(store, 1, lease=case["setup"]["lock_ms"] / 1000)
    share.acquire()
    clock.advance(0.09)
    share.renew([0], 0.1)
    clock.advance(0.09)
    assert share.ready() == []
    clock.advance(0.02)
    assert [(one.state, one.deliveries) for one in store.in_flight("s")] == [("ready", 1)]


def retention_moves(case: Case, store: Broker, clock: ManualClock) -> None:
    """The window moves with the log's start; what is acquired above it stays so."""
    share, expected = Share(store, 37, first=2), case["expected"]
    for batch in case["setup"]["acquired"]:
        assert share.acquire(5) == list(span(batch))
    share.accept(span("2-6"))
    share.release([*span("12-16"), *span("22-26")])
    share.reject(span("27-31"))
    store.trim("t", Position("offset", 20))
    assert (share.window.start, share.window.next - 1) == (expected["spso"], expected["end"])
    assert share.next_fetch() == expected["next_fetch"]
    assert share.ready() == list(span("22-26"))
    held = {one.address for one in store.in_flight("s") if one.state == "leased"}
    assert held == {f"t/0@{offset}" for offset in (20, 21, *span("32-36"))}
    # Below the window an acknowledgement is ignored silently.
    share.accept(span("7-11"))


def throttle_mixed(case: Case, store: Broker, clock: ManualClock) -> None:
    """What failed often is handed out apart from the rest, and with few others."""
    share = Share(store, 31, first=5)
    persisted = {
        **dict.fromkeys([*span("7-14"), *span("23-25")], 0),
        **dict.fromkeys(span("15-19"), 2),
        **dict.fromkeys(span("26-30"), 3),
    }
    persist(store, persisted, end=31)
    first = share.acquire()
    counts = [share.held[offset].deliveries for offset in first]
    assert first == [*span("7-19"), *span("23-25")]
    assert counts == [1] * 8 + [3] * 5 + [1] * 3
    assert share.acquire() == [26, 27]
    assert share.held[26].deliveries == 4


def persist(store: Broker, deliveries: dict[int, int], end: int) -> None:
    """Put available records with their delivery counts where a share begins with its state."""
    with in_file(store)._write() as tx:
        reader = shares.catalog.find(tx, "s").reader
        slot = leases.rows.slots(tx, reader)[0]
        rows = [
            Lease(slot.lease_id(offset), 0, 0, 0, count, None, None, None, slot.record_id(offset))
            for offset, count in deliveries.items()
        ]
        leases.rows.insert(tx, reader, rows)
        tx.execute("update mq_slots set cursor = :end where id = :id", {"end": end, "id": slot.id})


def lag(case: Case, store: Broker, clock: ManualClock) -> None:
    """The log's end, less the start of the window and what is final in it."""
    setup = case["setup"]
    share = Share(store, setup["log_end"], first=setup["spso"])
    share.acquire(20)
    share.accept(range(setup["spso"] + 1, setup["spso"] + 1 + setup["terminal_in_window"]))
    assert store.lag("s")[0].lag == case["expected"]["lag"] == share.window.lag


def reset_active(case: Case, store: Broker, clock: ManualClock) -> None:
    """While somebody holds a record, a share is neither reset nor deleted."""
    share = Share(store, 5)
    share.acquire()
    with pytest.raises(GroupActive):
        store.reset_share("s", Position("earliest"))
    with pytest.raises(GroupActive):
        store.delete_share("s")
    share.accept(range(5))
    store.reset_share("s", Position("earliest"))
    assert share.acquire() == [0, 1, 2, 3, 4]


SHARES: dict[str, Callable[[Case, Broker, ManualClock], None]] = {
    "share-states": states,
    "share-limit-2": limit,
    "share-window-mid-reject": window_mid_reject,
    "share-all-accepted": all_accepted,
    "share-next-fetch": next_fetch,
    "share-ack-after-expiry": ack_after_expiry,
    "share-ack-twice": ack_twice,
    "share-renew": renew,
    "share-retention-moves": retention_moves,
    "share-throttle-mixed": throttle_mixed,
    "share-lag": lag,
    "share-reset-active": reset_active,
}
"""By id."""
