"""Programs that tests run as processes of their own: `python programs.py NAME ARGUMENT…`."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

from store import MqError, NewRecord, Store
from store.api import topics
from store.crash import crash_point

ROOT = Path(__file__).parents[2]


def say(*words: object) -> None:
    """Tell the test a line, at once and in one piece: who is killed may not leave half of it."""
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


def start_program(
    file: str, name: str, *arguments: object, **variables: str
) -> subprocess.Popen[str]:
    """Run a program of a file like this one, with a pipe as stdout."""
    return subprocess.Popen(
        [sys.executable, file, name, *map(str, arguments)],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | variables,
    )


def create(path: str) -> None:
    """Create the store at the same moment as others, on a sign from the test."""
    say("ready")
    sys.stdin.readline()
    with Store.open(path, create=True) as store:
        say(str(store.create_topic("orders", if_not_exists=True).name))


def hold(path: str) -> None:
    """Hold the write lock until told to end."""
    with Store.open(path) as store, store.transaction(timeout=600) as tx:
        tx.produce("orders", "held")
        say("held")
        sys.stdin.readline()


def open_and_fork(path: str) -> None:
    """Hold the lock in a process whose child lives on, and tell the child's pid."""
    with Store.open(path) as store, store.transaction(timeout=600):
        child = os.fork()
        if child == 0:
            signal.pause()
        say(str(child))
        signal.pause()


def produce_once(path: str, timeout: str) -> None:
    """Produce one record, and tell how it went."""
    with Store.open(path, timeout=float(timeout)) as store:
        say("waiting")
        try:
            say(str(store.produce("orders", "one")))
        except MqError as error:
            say(f"{error.code}: {error}")


def produce(path: str, name: str, first: str, count: str) -> None:
    """Produce records one by one and tell each that is confirmed: name, number, place."""
    with Store.open(path) as store:
        for number in range(int(first), int(first) + int(count)):
            id = store.produce("orders", f"{name} {number}", key=name)
            say(f"{number} {id.partition} {id.offset}")


def back_up(path: str, target: str) -> None:
    """Copy the store to a new file."""
    with Store.open(path) as store:
        store.backup(target)


def restore(backup: str, path: str) -> None:
    """Put a backup in the place of a store."""
    Store.restore(backup, path)


def vacuum(path: str) -> None:
    """Give back unused space."""
    with Store.open(path) as store:
        store.vacuum()


def produce_and_stay(path: str, count: str) -> None:
    """Produce so many records one by one, say so, and go on living with the store open."""
    store = Store.open(path)
    for number in range(int(count)):
        store.produce("orders", f"{number}")
    say("done")
    sys.stdin.readline()


def produce_on(path: str) -> None:
    """Produce a record, and another one on a sign from the test."""
    with Store.open(path) as store:
        say(store.produce("orders", "one"))
        sys.stdin.readline()
        say(store.produce("orders", "two"))


def close_without_room(path: str) -> None:
    """Produce what is confirmed, then close where no file may grow any more."""
    store = Store.open(path)
    store.produce_many("orders", [b"x" * 1000] * 100)
    resource.setrlimit(resource.RLIMIT_FSIZE, (os.stat(path).st_size, resource.RLIM_INFINITY))
    store.close()


_forgotten: list[Store] = []


def end_without_close(path: str) -> None:
    """Produce a record and end, with the store open."""
    _forgotten.append(Store.open(path))
    _forgotten[0].produce("orders", "x")


def produce_by_name(path: str, name: str, count: str) -> None:
    """Produce records 0 to `count` - 1 in small batches, going on where an earlier run ended."""
    with Store.open(path) as store:
        producer = store.producer(name)
        stored = producer.stored("orders")
        while stored < int(count):
            # From a little before, as a program would that doesn't know what was stored last.
            numbers = range(max(0, stored - 2), min(stored + 3, int(count)))
            batch = [NewRecord(f"{name} {number}", key=name) for number in numbers]
            ids = producer.produce_many("orders", batch, numbers.start)
            for number, id in zip(numbers[-len(ids) :], ids, strict=True):
                say(f"{number} {id.partition} {id.offset}")
            stored = numbers.stop


def consume(path: str, group: str) -> None:
    """Print what a group has not read yet, then commit it, batch by batch, to the end."""
    with Store.open(path) as store, store.consumer(group, ["orders"]) as consumer:
        while records := consumer.poll(7, timeout=0):
            for record in records:
                value = (record.value or b"").decode()
                say(f"{record.partition} {record.offset} {value}")
            crash_point("consume.printed")
            consumer.commit()


def join(path: str, group: str) -> None:
    """Be a member of a group until killed."""
    with Store.open(path) as store, store.consumer(group, ["orders"]):
        say("joined")
        signal.pause()


def follow(path: str, count: str) -> None:
    """Wait for commits and tell the monotonic time at which each became visible."""
    with Store.open(path) as store:
        offset = store.topic("orders").partitions[0].end
        say("ready")
        for _ in range(int(count)):
            since = store.changed()
            while not store.read("orders", offset=offset, limit=1):
                store.wait(since, 60)
                since = store.changed()
            offset += 1
            say("seen")


def lease(path: str, queue: str, attached: str, most: str = "100") -> None:
    """Lease up to so many messages or records that are ready, and hold them until killed."""
    with Store.open(path) as store:
        take = store.acquire if store.kind(queue) == "share" else store.receive
        found = take(queue, int(most), lease=3600, attached=attached == "attached")
        say(str(len(found)))
        signal.pause()


def commit_as_member(path: str) -> None:
    """Commit a record as a member of a group, then leave it; tell which error ends that."""
    try:
        with Store.open(path) as store, store.consumer("billing", ["orders"]) as consumer:
            consumer.poll(1, timeout=0)
            say("polled")
            consumer.commit()
    except MqError as error:
        say(f"{error.code}: {error}")


def receive_without_descriptors(path: str) -> None:
    """Look for messages that another process holds while no file can be opened any more."""
    with Store.open(path) as store:
        # All that the call loads and opens is there from here on; the second in a row loads more.
        store.receive("jobs")
        store.receive("jobs")
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (0, most))
        say(len(store.receive("jobs")))


def project(path: str, topic: str, table: str, primary_key: str, at_once: str) -> None:
    """Bring a table up to the end of a topic, so many records at once."""
    topics.PROJECTED_AT_ONCE = int(at_once)
    with Store.open(path) as store:
        say(str(store.project(topic, table, primary_key)))


def copy(path: str, group: str) -> None:
    """Copy what a group has not read of `inputs` to `outputs`, a transaction per batch."""
    with Store.open(path) as store, store.consumer(group, ["inputs"]) as consumer:
        while records := consumer.poll(7, timeout=0):
            crash_point("copier.polled")
            with store.transaction(timeout=60) as tx:
                tx.produce_many(
                    "outputs", [NewRecord(r.value, r.key, partition=r.partition) for r in records]
                )
                crash_point("copier.produced")
                tx.commit(group, consumer.position, consumer=consumer)
            crash_point("copier.committed")


if __name__ == "__main__":
    # The folder of this file must not come before the packages that it imports.
    sys.path.remove(str(Path(__file__).parent))
    globals()[sys.argv[1]](*sys.argv[2:])
