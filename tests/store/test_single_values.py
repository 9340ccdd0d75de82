"""A single value is stored by fewer steps than a batch, and exactly as a batch of it would be."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from store import BadInput, NewMessage, NewRecord, Store
from store.model.clock import ManualClock
from store.model.queues import QueueSettings

TOPICS, QUEUES = ["events", "shared"], ["jobs", "urgent", "strict"]
# By name, the settings of queues whose messages need more than a record.
SETTINGS: dict[str, QueueSettings] = {
    "ordered": {"fifo": True, "delay": 2},
    "tenants": {"fair": True},
    "late": {"delay": 3, "ttl": 60},
    "once": {"dedup": 20, "dedup_scope": "group"},
    "twice": {"content_dedup": True},
    "levels": {"priorities": 3},
}
Write = Callable[[Store, str, dict[str, Any]], int]


def alone(store: Store, name: str, fields: dict[str, Any]) -> int:
    """Store a value by the call for one; return its offset or sequence."""
    if name in TOPICS:
        return store.produce(name, **fields).offset
    sequence = store.send(name, **fields).sequence
    assert sequence is not None
    return sequence


def as_batch(store: Store, name: str, fields: dict[str, Any]) -> int:
    """Store a value by the call for many; return its offset or sequence."""
    if name in TOPICS:
        return store.produce_many(name, [NewRecord(**fields)])[0].offset
    sequence = store.send_many(name, [NewMessage(**fields)])[0].sequence
    assert sequence is not None
    return sequence


class Place:
    """A store with topics and queues, in which values are written in one way."""

    def __init__(self, folder: Path, write: Write) -> None:
        folder.mkdir()
        self.path = folder / "store.db"
        self.clock = ManualClock()
        self.store = self._open()
        self.other = self._open()
        self._write = write
        self.answers: list[object] = []
        self.store.create_topic("events")
        self.store.create_topic("shared", partitions=3)
        self.store.create_queue("jobs")
        self.store.create_queue("urgent", priorities=3)
        self.store.create_queue("strict", fifo=True)
        for name, settings in SETTINGS.items():
            self.store.create_queue(name, **settings)

    def _open(self) -> Store:
        return Store.open(self.path, create=True, durability="normal", clock=self.clock)

    def write(self, name: str, value: object = b"value", /, **fields: Any) -> None:
        """Store a value, and note the answer or the refusal."""
        if name == "shared":
            # Without a key chance chooses the partition.
            fields = {"key": b"%d" % (len(self.answers) % 4), **fields}
        try:
            answer: object = self._write(self.store, name, {"value": value, **fields})
        except (BadInput, TypeError) as error:
            answer = type(error).__name__, str(error)
        self.answers.append(answer)

    def warm(self, name: str) -> None:
        """Store values until nothing else is due with the next one."""
        for _ in range(8):
            self.write(name)

    def rows(self) -> dict[str, list[Any]]:
        """Return what the tables hold, without the numbers of commits."""
        with closing(sqlite3.connect(self.path)) as connection:
            return {
                table: connection.execute(f"select {columns} from {table} order by 1").fetchall()
                for table, columns in (
                    ("mq_records", "*"),
                    ("mq_partitions", "id, start, next, records, bytes, last_timestamp, checked"),
                    ("mq_samples", "subject_id, subject, bucket, at, counter"),
                    ("mq_heads", "*"),
                    ("mq_leases", "id, reader, due, ends, priority"),
                    ("mq_slots", "id, cursor, leases, held, waiting"),
                    ("mq_tenants", "reader, name, first, in_flight, sent"),
                    ("mq_deduplications", "channel, scope, deduplication_id, record, until"),
                )
            }

    def close(self) -> None:
        """Close both handles."""
        self.store.close()
        self.other.close()


Story = Callable[[Place], None]


def in_a_row(place: Place) -> None:
    for name in [*TOPICS, *QUEUES]:
        place.warm(name)


def with_contents_of_all_kinds(place: Place) -> None:
    for name in [*TOPICS, "jobs"]:
        place.warm(name)
        for value in (b"", b"bytes", "text", "Zoë", bytearray(b"array"), None):
            place.write(name, value)
            place.write(name, value, key="k", headers={"a": 1})
            place.write(name, value, key=b"\xff", timestamp=place.clock.wall() - 5)


def with_what_is_refused(place: Place) -> None:
    for name in [*TOPICS, "jobs"]:
        place.warm(name)
        for fields in ({"key": 5}, {"headers": {"a": [1]}}, {"timestamp": -1}, {"timestamp": "x"}):
            place.write(name, **fields)
        for value in (5, "\ud800", b"x" * ((1 << 20) + 1)):
            place.write(name, value)
    for partition in (7, -1, "1", [1], 1.0, True, 2):
        place.write("shared", partition=partition)


def with_options(place: Place) -> None:
    for name in QUEUES:
        place.warm(name)
        place.write(name, message_group="g")
        place.write(name, message_group="g", dedup_id="d" if name == "strict" else None)
        place.write(name, message_group="g", priority=2)
        if name != "strict":
            place.write(name, delay=5)
            place.write(name, ttl=5)
        place.write(name, message_group="g")


def with_options_again_and_again(place: Place) -> None:
    for name in [*QUEUES, *SETTINGS]:
        for number in range(12):
            place.write(
                name,
                b"%d" % (number % 5),
                message_group=f"g{number % 3}" if name != "levels" else None,
                dedup_id=f"d{number % 4}" if name in {"strict", "ordered", "once"} else None,
                priority=number % 4,
                ttl=[None, 30, 90, 15][number % 4],
                delay=None if name in {"strict", "ordered"} else [None, 0, 1.5][number % 3],
            )
            place.clock.advance(0.003 if number < 10 else 25)


def with_options_that_are_refused(place: Place) -> None:
    for name in [*QUEUES, *SETTINGS]:
        for _ in range(4):
            place.write(name, message_group="g")
        for fields in (
            {"message_group": None}, {"message_group": ""}, {"message_group": 5},
            {"dedup_id": "d"}, {"dedup_id": "no space"}, {"priority": -1}, {"priority": "1"},
            {"delay": -1}, {"delay": 1}, {"ttl": "x"}, {"ttl": -5}, {"ttl": 0},
        ):  # fmt: skip
            place.write(name, **{"message_group": "g", **fields})
            place.write(name, b"x" * ((1 << 20) + 1), **{"message_group": "g", **fields})


def with_options_beside_another_writer(place: Place) -> None:
    for name in SETTINGS:
        dedup_id = "d" if name == "once" else None
        for number in range(9):
            place.write(name, message_group="g", dedup_id=dedup_id, delay=number % 2 or None)
            place.other.send(name, f"{number}", message_group=f"g{number % 2}")
        place.other.alter_queue(name, max_message=4)
        place.write(name, message_group="g")
        place.other.alter_queue(name, max_message=1024, ttl=7)
        place.write(name, message_group="g")
        place.other.purge_queue(name)
        place.write(name, message_group="g", dedup_id=dedup_id)
        place.write(name, message_group="g", dedup_id=dedup_id)


def while_time_passes(place: Place) -> None:
    for seconds in (0.001, 0.02, 1, 11, 400, 90_000):
        for name in [*TOPICS, "jobs"]:
            place.write(name)
            place.write(name)
        place.clock.advance(seconds)


def while_the_clock_is_set(place: Place) -> None:
    for seconds in (-10, 5, 7200, -7200, 100_000, -200_000):
        for name in [*TOPICS, "jobs"]:
            place.write(name)
            place.write(name)
        place.clock.jump_wall(seconds)


def with_times_ahead(place: Place) -> None:
    for name in [*TOPICS, "jobs"]:
        for ahead in (0, 900, 1_000, 1_001, 3_600_001):
            place.clock.advance(7200)
            place.warm(name)
            place.write(name, timestamp=place.clock.wall() + ahead)
            place.write(name)


def after_a_distant_time_has_left(place: Place) -> None:
    place.write("jobs", timestamp=place.clock.wall() + 100_000_000)
    place.store.ack([str(message.receipt) for message in place.store.receive("jobs")])
    place.write("jobs")
    place.write("jobs")


def beside_another_writer(place: Place) -> None:
    for name in [*TOPICS, "jobs"]:
        place.warm(name)
    for _ in range(3):
        for name in TOPICS:
            place.write(name)
            place.other.produce(name, b"theirs", key=b"1")
        place.write("jobs")
        place.other.send("jobs", b"theirs")
        place.write("jobs")


def after_settings_have_changed(place: Place) -> None:
    place.warm("events")
    place.other.alter_topic("events", max_message=4)
    place.write("events")
    place.warm("jobs")
    place.other.alter_queue("jobs", max_message=4)
    place.write("jobs")
    place.warm("urgent")
    place.other.alter_queue("urgent", delay=3)
    place.write("urgent")


def after_a_rollback(place: Place) -> None:
    for name in [*TOPICS, "jobs"]:
        place.warm(name)
    with undone(), place.store.transaction() as tx:
        tx.produce("events", b"undone")
        tx.send("jobs", b"undone")
        tx.alter_queue("jobs", max_message=5)
        raise Undone
    for name in [*TOPICS, "jobs"]:
        place.write(name)


def after_all_was_taken_out(place: Place) -> None:
    place.write("jobs")
    place.store.purge_queue("jobs")
    place.store.delete_topic("events")
    place.store.create_topic("events")
    for _ in range(3):
        place.write("jobs")
        place.write("events")


class Undone(Exception):
    """Undoes a transaction."""


@contextmanager
def undone() -> Iterator[None]:
    with pytest.raises(Undone):
        yield


STORIES: list[Story] = [
    in_a_row,
    with_contents_of_all_kinds,
    with_what_is_refused,
    with_options,
    with_options_again_and_again,
    with_options_that_are_refused,
    with_options_beside_another_writer,
    while_time_passes,
    while_the_clock_is_set,
    with_times_ahead,
    after_a_distant_time_has_left,
    beside_another_writer,
    after_settings_have_changed,
    after_a_rollback,
    after_all_was_taken_out,
]


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
def test_a_single_value_is_stored_as_a_batch_of_it_would_be(story: Story, tmp_path: Path) -> None:
    single, batched = Place(tmp_path / "single", alone), Place(tmp_path / "batched", as_batch)
    for place in (single, batched):
        story(place)
        place.close()

    assert single.answers == batched.answers
    assert single.rows() == batched.rows()
