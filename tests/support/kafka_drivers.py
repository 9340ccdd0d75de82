"""A driver for each area of the Kafka cases: setup and action as calls of the Python API."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from store import (
    BadInput,
    Fenced,
    NewRecord,
    NotFound,
    Position,
    Shift,
    Store,
    parse_position,
)
from store.engine.broker import Broker
from store.model.clock import ManualClock
from store.model.placement import murmur2
from store.model.text import parse_duration
from store.sqlite.groups.assignors import Subscriber, assign

Case = dict[str, Any]
Driver = Callable[[Case, Broker, ManualClock], None]
PLACE = ("t", 0)


def partitioner(case: Case, store: Broker, clock: ManualClock) -> None:
    """A hash, or the partition of a key."""
    setup, expected = case["setup"], case["expected"]
    key = bytes.fromhex(setup["key_hex"]) if "key_hex" in setup else setup["key_utf8"].encode()
    found: dict[str, int] = {
        "int32": (murmur2(key) ^ 1 << 31) - (1 << 31),
        "uint32": murmur2(key),
        "masked": murmur2(key) & 0x7FFFFFFF,
    }
    for count in (7, 17, setup.get("partitions", 1)):
        store.create_topic(f"of-{count}", partitions=count)
        placed = store.produce(f"of-{count}", "x", key=key).partition
        found |= {f"partition_of_{count}": placed, "partition": placed}
    assert {name: found[name] for name in expected if name != "hex"} == {
        name: number for name, number in expected.items() if name != "hex"
    }


def reset_offsets(case: Case, store: Broker, clock: ManualClock) -> None:
    """A reset: what it plans, and what is committed afterwards."""
    setup, expected = case["setup"], case["expected"]
    store.create_topic("t")
    store.create_group("g", topics=["t"])
    append(store, setup.get("produced", setup.get("produced_first", 0)))
    append(store, setup.get("produced_before_T", 0))
    clock.advance(10)
    target = reset_target(case["action"], clock)
    commit(store, setup.get("committed"))
    append(store, setup.get("then_produced", setup.get("produced_after_T", 0)))
    before = committed(store)
    plan = store.plan_reset("g", target)
    assert committed(store) == before
    if "planned" in expected:
        assert [change.new for change in plan] == [expected["planned"]]
    store.reset_group("g", target)
    assert committed(store) == expected.get("committed", expected.get("committed_after_execute"))


def in_file(store: Broker) -> Store:
    """The store of a case that is about a file's own calls."""
    assert isinstance(store, Store)
    return store


def append(store: Broker, count: int, *, partition: int = 0) -> None:
    """Append records to the topic `t`."""
    store.produce_many("t", [NewRecord(b"%d" % n, partition=partition) for n in range(count)])


def commit(store: Broker, offset: int | None) -> None:
    """Have a member of the group `g` commit an offset, and leave."""
    if offset is not None:
        with store.consumer("g", ["t"]) as consumer:
            consumer.commit({PLACE: offset})


def committed(store: Broker) -> int | None:
    """What the group `g` has committed in the first partition."""
    return store.lag("g")[0].committed


def reset_target(action: str, clock: ManualClock) -> Position | Shift:
    """The target that the options of Kafka's tool name."""
    option, _, value = action.removeprefix("--").partition(" ")
    word = value.split()[0].rstrip(",") if value else ""
    match option:
        case "to-earliest" | "to-latest":
            return Position("earliest" if option == "to-earliest" else "latest")
        case "to-current":
            return Position("committed")
        case "to-offset":
            return Position("offset", int(word))
        case "shift-by":
            return Shift(int(word))
        case "by-duration":
            return Position("time", clock.wall() - parse_duration(word))
        case "to-datetime":
            return Position("time", clock.wall())
    raise AssertionError(f"no such option: {option}")


def reset_unknown_partition(case: Case, store: Broker, clock: ManualClock) -> None:
    """An unknown partition in the scope: an error, and nothing is committed."""
    store.create_topic("t", partitions=case["setup"]["partitions"])
    append(store, 5)
    numbers = re.findall(r"\d+", case["action"].split()[1])
    with pytest.raises(NotFound):
        store.reset_group("g", Position("earliest"), [("t", int(n)) for n in numbers])
    assert store.groups() == []


def reset_export_import(case: Case, store: Broker, clock: ManualClock) -> None:
    """A plan, given back as a target, is the same plan."""
    store.create_topic("t", partitions=case["setup"]["partitions"])
    for partition in range(case["setup"]["partitions"]):
        append(store, 5, partition=partition)
    exported = store.plan_reset("g", Position("offset", 2), [("t", None)])
    target = {(change.topic, change.partition): change.new for change in exported}
    assert store.plan_reset("g", target) == exported


def shift_needs_commit(case: Case, store: Broker, clock: ManualClock) -> None:
    """There is nothing to shift from."""
    store.create_topic("t")
    append(store, 10)
    with pytest.raises(BadInput, match="nothing is committed"):
        store.reset_group("g", Shift(5), [("t", None)])
    assert store.groups() == []


def group_fencing(case: Case, store: Broker, clock: ManualClock) -> None:
    """A commit that names what is not so any more is refused and changes nothing."""
    store.create_topic("t")
    append(store, 10)
    old = store.consumer("g", ["t"], member="i1")
    old.poll(timeout=0)
    match case["id"]:
        case "commit-stale-generation":
            clock.advance(46)
            store.consumer("g", ["t"], member="i2", timeout=0)
            refused: Callable[[], None] = old.commit
        case "commit-fenced-static":
            store.consumer("g", ["t"], member="i1", timeout=0)
            refused = old.commit
        case "commit-anon-on-active":

            def refused() -> None:
                with in_file(store).transaction() as tx:
                    tx.commit("g", {PLACE: 5})

    with pytest.raises(Fenced):
        refused()
    assert committed(store) is None


def delete_records(case: Case, store: Broker, clock: ManualClock) -> None:
    """A trim: the new start, and where readers then find themselves."""
    if case["id"] == "delrec-compact-only":
        return delete_records_of_compacted(store)
    store.create_topic("t")
    append(store, case["setup"]["records"])
    if case["id"] == "delrec-times":
        found = [offset_for_time_0(store)]
        for before in (Position("offset", 5), Position("latest")):
            store.trim("t", before)
            found.append(offset_for_time_0(store))
        assert found == case["expected"]["offset"]
        return None
    result = store.trim("t", Position("offset", 5))[0]
    positions = [first_read(store, "earliest"), first_read(store, "7")]
    store.trim("t", Position("latest"))
    positions.append(first_read(store, "earliest"))
    assert {"low_watermark": result.start, "positions": positions} == case["expected"]
    return None


def delete_records_of_compacted(store: Broker) -> None:
    """Refused where the policy is only to compact."""
    for cleanup in ("compact", "compact,delete", "delete"):
        store.create_topic(cleanup.replace(",", "-"), cleanup=cleanup)
    with pytest.raises(BadInput, match="only compacted"):
        store.trim("compact", Position("latest"))
    store.trim("compact-delete", Position("latest"))
    store.trim("delete", Position("latest"))


def offset_for_time_0(store: Broker) -> int | None:
    """The first offset at or after time 0, `None` where the log is empty."""
    offset = store.resolve("t", Position("time", 0))
    return offset if store.read("t", offset=offset) else None


def first_read(store: Broker, start: str) -> int:
    """Where a reader with no commit begins."""
    with store.consumer("probe", ["t"], start=start) as consumer:
        return consumer.position[PLACE]


def add_partitions(case: Case, store: Broker, clock: ManualClock) -> None:
    """Partitions only grow."""
    store.create_topic("t", partitions=case["setup"]["partitions"])
    for action in case["action"]:
        with pytest.raises(BadInput):
            store.alter_topic("t", partitions=int(action.removeprefix("ask for ")))
    assert len(store.topic("t").partitions) == case["setup"]["partitions"]


def transactions(case: Case, store: Broker, clock: ManualClock) -> None:
    """A second start under the same name fences the first producer."""
    store.create_topic("t")
    first = store.producer("t")
    first.produce_many("t", [NewRecord("a")], 0)
    second = store.producer("t")
    with pytest.raises(Fenced):
        first.produce_many("t", [NewRecord("b")], 1)
    second.produce_many("t", [NewRecord("c")], 1)
    assert [record.value for record in store.read("t")] == [b"a", b"c"]


def compaction(case: Case, store: Broker, clock: ManualClock) -> None:
    """What is left after a compaction; a pass goes over the whole log, not over a part of it."""
    keys = [b"%d" % key for key in case["setup"]["keys_by_offset"]]
    store.create_topic("t", cleanup="compact")
    store.produce_many("t", [NewRecord("x", key) for key in keys])
    store.compact_topic("t")
    left = store.read("t")
    assert [record.offset for record in left] == case["expected"]["offsets"][-1]
    assert [int(record.key or b"") for record in left] == case["expected"]["keys"][-1]


def compact_unkeyed(case: Case, store: Broker, clock: ManualClock) -> None:
    """Records without a key go when the policy is switched."""
    store.create_topic("t")
    store.produce_many("t", [NewRecord("x"), NewRecord("x"), NewRecord("x", "k")])
    store.alter_topic("t", cleanup="compact")
    assert store.compact_topic("t")[0].records == 2
    assert [record.key for record in store.read("t")] == [b"k"]


def compact_idempotence(case: Case, store: Broker, clock: ManualClock) -> None:
    """What a producer stored stays known after its records were compacted away."""
    store.create_topic("t", cleanup="compact")
    loads = {"pid1": [1, 2, 3], "pid2": [3, 1, 4], "pid3": [1, 4]}
    batches = {pid: [NewRecord("x", str(key)) for key in keys] for pid, keys in loads.items()}
    for pid, batch in batches.items():
        store.producer(pid).produce_many("t", batch, 0)
    store.compact_topic("t")
    again = [store.producer(pid).produce_many("t", batch, 0) for pid, batch in batches.items()]
    left = store.read("t")
    assert again == [[], [], []]
    assert [record.offset for record in left] == case["expected"]["offsets_left"]
    assert [int(record.key or b"") for record in left] == case["expected"]["keys_left"]
    assert {pid: store.producer(pid).stored("t") - 1 for pid in loads} == case["expected"][
        "last_seq"
    ]


def retention(case: Case, store: Broker, clock: ManualClock) -> None:
    """What age alone removes: nothing that is exactly as old as the limit, nor where it is off."""
    cleanup = case["setup"].get("cleanup.policy", "delete")
    store.create_topic("t", retention=600, cleanup=cleanup)
    store.produce("t", "old", key="a")
    clock.advance(600)
    store.produce("t", "new", key="b")
    assert [record.value for record in store.read("t")] == [b"old", b"new"]
    clock.advance(301)
    store.produce("t", "newest", key="c")
    gone = [] if cleanup == "compact" else [b"old"]
    assert [record.value for record in store.read("t")] == [
        value for value in (b"old", b"new", b"newest") if value not in gone
    ]


def assignment(case: Case, store: Broker, clock: ManualClock) -> None:
    """The target assignment of members that subscribe, some of which own something already."""
    setup, expected = case["setup"], case["expected"]
    names = {label: label.split(" (")[-1].rstrip(")").split("@")[0] for label in
             setup.get("members", setup.get("owned"))}  # fmt: skip
    subscribers = [
        Subscriber(
            name,
            frozenset(setup.get("members", {}).get(label, setup["topics"])),
            static="(" in label,
            owned=tuple(held(setup, label)),
        )
        for label, name in names.items()
    ]
    kind = {"assign-sticky": "cooperative-sticky"}.get(case["area"], case["area"][7:])
    found = assign(kind, subscribers, setup["topics"])
    wanted = expected.get("sticky", expected)
    assert {
        label: sorted(f"{topic}-{number}" for topic, number in found[names.get(label, label)])
        for label in wanted
    } == {label: sorted(places) for label, places in wanted.items()}


def held(setup: Case, label: str) -> list[tuple[str, int]]:
    """What a member owns: the newest claim on a partition holds, two of one generation are void."""
    claims: dict[str, list[tuple[int, str]]] = {}
    for claimer, places in setup.get("owned", {}).items():
        generation = int(claimer.partition("@gen")[2] or 0)
        for place in places:
            claims.setdefault(place, []).append((generation, claimer))
    mine = []
    for place, made in claims.items():
        newest, _ = max(made)
        if [claimer for generation, claimer in made if generation == newest] == [label]:
            mine.append(place.rpartition("-"))
    return [(topic, int(number)) for topic, _, number in mine]


def cooperative(case: Case, store: Broker, clock: ManualClock) -> None:
    """A partition that changes hands is with nobody until its owner has given it up."""
    store.create_topic("t", partitions=3)
    c1 = store.consumer("g", ["t"], member="c1")
    c2 = store.consumer("g", ["t"], member="c2")
    assert [c2.assignment, len(c1.assignment)] == [[], 3]
    c1.poll(timeout=0)
    assert {"c1": numbers(c1), "c2": numbers(c2)} == case["expected"]["round1"]
    c2.poll(timeout=0)
    assert {"c1": numbers(c1), "c2": numbers(c2)} == case["expected"]["round2_after_c1_revokes_2"]


def numbers(consumer: Any) -> list[int]:
    """The partitions that a consumer owns."""
    return [number for _, number in consumer.assignment]


def stream(case: Case, store: Broker, clock: ManualClock) -> None:
    """Where a reader of a stream begins (RabbitMQ's x-stream-offset)."""
    count = 30 if case["id"] == "stream-11" else 20
    store.create_topic("t")
    append(store, count)

    def begin(word: str) -> int:
        return store.resolve("t", parse_position(word, clock.wall()))

    match case["id"]:
        case "stream-01":
            assert [r.offset for r in store.read("t", offset=begin("first"))] == list(range(20))
        case "stream-03":
            assert store.read("t", offset=begin("next")) == []
            assert store.produce("t", "later").offset == begin("last") == 20
        case "stream-05":
            assert begin("1000000") == 20
        case "stream-09":
            producer = store.producer("pub")
            stored = [
                number
                for number in (1, 2, 3, 3, 2, 5, 4)
                if producer.produce_many("t", [NewRecord(str(number))], first_sequence=number)
            ]
            assert stored == case["expected"]["stored"]
            assert producer.stored("t") - 1 == case["expected"]["last id"]
        case "stream-11":
            assert [begin("-3"), begin("-100"), begin("-1")] == [27, 0, 29]


DRIVERS: dict[str, Driver] = {
    "partitioner": partitioner,
    "reset-offsets": reset_offsets,
    "group-fencing": group_fencing,
    "delete-records": delete_records,
    "add-partitions": add_partitions,
    "transactions": transactions,
    "compaction": compaction,
    "retention": retention,
    "assign-range": assignment,
    "assign-roundrobin": assignment,
    "assign-sticky": assignment,
    "assign-cooperative": cooperative,
    "stream": stream,
}
"""By area."""

SPECIAL: dict[str, Driver] = {
    "reset-unknown-partition": reset_unknown_partition,
    "reset-export-import": reset_export_import,
    "shift-needs-commit": shift_needs_commit,
    "compact-unkeyed-removed": compact_unkeyed,
    "compact-idempotence-kept": compact_idempotence,
}
"""By id, where an area's driver does not fit."""
