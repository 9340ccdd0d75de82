"""A full disk has a way out: what frees room, or settles, has some kept for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from store import NewRecord, Position, Store, StoreFull
from store.model.addresses import Address
from store.model.clock import ManualClock
from store.sqlite.file import files, reserve
from tests.support.small_disk import MIB, fill, mounted, room

Call = Callable[[Store, list[str]], object]
FREEING: dict[str, Call] = {
    "receive": lambda store, _: store.receive("mails", 20),
    "acquire": lambda store, _: store.acquire("packers", 20),
    "ack": lambda store, receipts: store.ack(receipts),
    "nack": lambda store, receipts: store.nack(receipts),
    "reject": lambda store, receipts: store.reject(receipts),
    "extend": lambda store, receipts: store.extend(receipts, 60),
    "unreceive": lambda store, receipts: store.unreceive(receipts),
    "release": lambda store, _: store.release("mails", 20),
    "purge": lambda store, _: store.purge_queue("mails"),
    "purge but for leased ones": lambda store, _: store.purge_queue("mails", keep_leased=True),
    "purge of one": lambda store, _: store.purge_message("mails", 30),
    "delete a queue": lambda store, _: store.delete_queue("mails"),
    "delete a topic": lambda store, _: store.delete_topic("plain"),
    "delete a share": lambda store, _: store.delete_share("packers"),
    "delete a group": lambda store, _: store.delete_group("billing"),
    "trim": lambda store, _: store.trim("orders", Position("latest", 0)),
    "compact": lambda store, _: store.compact_topic("table"),
    "vacuum": lambda store, _: store.vacuum(),
    "purge dead letters": lambda store, _: store.purge_dead_letters("graves", lambda letter: True),
    "skip": lambda store, _: store.skip("billing", Address("orders", 0, 0)),
    "reset": lambda store, _: store.reset_group("billing", Position("latest", 0)),
    "commit": lambda store, _: read_and_commit(store),
    "alter": lambda store, _: store.alter_queue("mails", retention=60),
    "set a limit": lambda store, _: store.set_max_bytes(None),
}
STORING: dict[str, Call] = {
    "produce": lambda store, _: store.produce_many("orders", large(20)),
    "send": lambda store, _: store.send_many("mails", [b"x" * 20_000] * 20),
    "publish": lambda store, _: store.publish("events", "key", b"x" * 400_000),
}


def in_transaction(store: Store, receipts: list[str]) -> None:
    with store.transaction() as tx:
        tx.ack(receipts)
        tx.reset_group("billing", Position("latest", 0))
        tx.delete_exchange("events")


def send_in_transaction(store: Store, _: list[str]) -> None:
    with store.transaction() as tx:
        tx.send_many("mails", [b"x" * 20_000] * 20)


of_either_size = pytest.mark.parametrize("mib", [4, 8], indirect=True)
FREEING["a transaction"] = in_transaction
STORING["a transaction"] = send_in_transaction


def large(number: int) -> list[NewRecord]:
    return [NewRecord(b"x" * 20_000)] * number


def read_and_commit(store: Store) -> None:
    with store.consumer("readers", ["orders"]) as consumer:
        consumer.poll(20, timeout=0)
        consumer.commit()


@pytest.fixture
def mib(request: pytest.FixtureRequest) -> int:
    """The size of the disk; tests to which it may matter name several."""
    return getattr(request, "param", 4)


@pytest.fixture
def disk(tmp_path: Path, mib: int) -> Iterator[Path]:
    with mounted(tmp_path / "disk", mib * MIB) as folder:
        yield folder


@pytest.fixture
def path(disk: Path) -> Path:
    return disk / "store.db"


@pytest.fixture
def receipts(store: Store) -> list[str]:
    """A store with something of everything; the receipts of five messages."""
    for topic in ("orders", "plain"):
        store.create_topic(topic)
        store.produce_many(topic, [NewRecord(b"%d" % n) for n in range(100)])
    store.create_topic("table", cleanup="compact")
    store.produce_many("table", [NewRecord(b"%d" % n, key="k") for n in range(100)])
    store.create_queue("graves")
    store.create_queue("mails", dlq="graves")
    store.create_exchange("events", "fanout")
    store.bind("events", "mails")
    store.create_share("packers", "orders")
    store.create_group("billing", topics=["orders"])
    store.send_many("mails", [b"%d" % n for n in range(100)])
    store.reject([str(message.receipt) for message in store.receive("mails", 20)])
    return [str(message.receipt) for message in store.receive("mails", 5, lease=3600)]


def store_until_full(store: Store) -> int:
    """Store as much as there is room for; how many records were confirmed."""
    confirmed = 0
    for size in (50_000, 5_000, 100):
        with suppress(StoreFull):
            while True:
                store.produce("orders", b"x" * size)
                confirmed += 1
    return confirmed


@pytest.fixture(params=["by others", "by itself", "by itself, and closed"])
def full(
    request: pytest.FixtureRequest, store: Store, receipts: list[str], disk: Path,
    open_store: Callable[..., Store],
) -> Store:  # fmt: skip
    """The store on a disk without a free block."""
    if request.param != "by others":
        assert store_until_full(store) > 5
    if "closed" in request.param:
        store.close()
    fill(disk)
    return open_store() if "closed" in request.param else store


@pytest.mark.parametrize("name", FREEING)
def test_what_frees_room_or_settles_works_on_a_full_disk(
    full: Store, receipts: list[str], name: str
) -> None:
    FREEING[name](full, receipts)

    assert full.verify() == []


@pytest.mark.parametrize("name", STORING)
def test_what_stores_anything_new_is_refused_on_a_full_disk_and_names_it(
    full: Store, receipts: list[str], name: str
) -> None:
    with pytest.raises(StoreFull, match="No space left on device"):
        STORING[name](full, receipts)

    assert full.verify() == []


@of_either_size
def test_everything_can_be_taken_from_a_full_disk_and_nothing_is_lost_meanwhile(
    full: Store, open_store: Callable[..., Store]
) -> None:
    end = full.topic("orders").partitions[0].end
    messages = sum(len(full.receive("mails", 10)) for _ in range(8))
    with full.consumer("readers", ["orders"]) as consumer:
        read = 0
        while records := consumer.poll(50, timeout=0):
            read += len(records)
            consumer.commit()

    assert (messages, read) == (75, end)
    assert full.verify() == []


@of_either_size
def test_no_reader_or_sender_takes_the_reserve_from_those_who_free_room(
    store: Store, receipts: list[str], disk: Path, open_store: Callable[..., Store]
) -> None:
    store.close()
    fill(disk)
    kept = reserve.reserved(disk / "store.db")
    for _ in range(20):
        with open_store() as again, pytest.raises(StoreFull, match="in reserve"):
            again.produce("orders", b"x")

    # The first one had to have the index of the log, and left it to the others.
    assert kept - reserve.reserved(disk / "store.db") <= 512 << 10


@of_either_size
def test_once_there_is_room_again_the_reserve_is_whole_and_senders_go_on(
    full: Store, receipts: list[str], disk: Path
) -> None:
    full.ack(receipts)
    (disk / "filler").unlink()
    full.purge_queue("mails")
    full.trim("orders", Position("latest", 0))
    full.vacuum()
    full.produce("orders", b"new")

    assert reserve.reserved(disk / "store.db") == files.reserve_size(disk / "store.db")
    assert [record.value for record in full.read("orders", offset=0)][-1] == b"new"


@of_either_size
def test_purge_trim_and_vacuum_make_room_for_senders_without_help_from_outside(
    store: Store, receipts: list[str], disk: Path
) -> None:
    store_until_full(store)
    fill(disk)
    store.purge_queue("mails")
    store.trim("orders", Position("latest", 0))

    assert store.vacuum() > 0
    store.produce("orders", b"new")
    assert store.verify() == []


def test_vacuum_removes_what_retention_keeps_no_longer_as_no_send_is_there_to_do_it(
    store: Store, receipts: list[str], disk: Path, clock: ManualClock
) -> None:
    store.alter_topic("orders", retention=3600)
    store_until_full(store)
    fill(disk)
    clock.advance(7200)

    assert store.vacuum() > 0
    assert store.topic("orders").partitions[0].records == 0
    store.produce("orders", b"new")


def test_the_doctor_says_what_to_do_on_a_full_disk_and_that_works(full: Store, disk: Path) -> None:
    (diagnosis,) = [one for one in full.doctor() if one.code == "disk_full"]

    assert diagnosis.severity == "critical"
    assert "of the reserve" in diagnosis.evidence
    assert "mq vacuum" in diagnosis.do
    full.vacuum()


def test_a_store_at_its_own_size_limit_has_a_way_out_within_that_limit(
    tmp_path: Path, clock: ManualClock
) -> None:
    small = tmp_path / "small.db"
    with Store.open(small, create=True, clock=clock) as store:
        store.set_max_bytes(MIB)
    with Store.open(small, clock=clock) as store:
        store.create_queue("mails")
        for size, number in ((100, 10), (1, 1)):
            with suppress(StoreFull):
                while True:
                    store.send_many("mails", [b"x" * size] * number)
        while held := store.receive("mails", 200):
            store.ack([str(message.receipt) for message in held[:150]])
            store.nack([str(message.receipt) for message in held[150:]], delay=60)
        store.purge_queue("mails")
        store.vacuum()
        store.send("mails", b"new")
        assert store.verify() == []
    assert small.stat().st_size <= MIB


@of_either_size
def test_the_reserve_lies_in_the_lock_file_and_an_eighth_of_a_small_disk_is_enough(
    store: Store, disk: Path
) -> None:
    size = room(disk)
    store.create_topic("orders")
    store.produce("orders", b"x")

    assert 0 < reserve.reserved(store.path) <= size // 7
    assert {file.name for file in disk.iterdir()} <= {
        f"store.db{suffix}" for suffix in ("", "-wal", "-shm", "-lock")
    }
