"""Programs that queue tests run as processes: `python queue_programs.py NAME ARGUMENT…`."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import TextIO

from store import LeaseLost, Message, MqError, NewMessage, Store
from tests.support.programs import say, start_program

QUEUES = ("std", "plain", "fifo", "dead", "fifo.dead")


def start(name: str, *arguments: object, **variables: str) -> subprocess.Popen[str]:
    """Run one of these programs, with a pipe as stdout."""
    return start_program(__file__, name, *arguments, **variables)


def churn(path: str, seed: str, steps: str) -> None:
    """Do something random to the queues, step by step: tell it, and what was confirmed."""
    chance = random.Random(int(seed))
    steps_of_churn = [_send, _send, _work, _work, _work_together, _take, _redrive, _look]
    with Store.open(path) as store:
        say("ready")
        for _ in range(int(steps)):
            chance.choice(steps_of_churn)(store, chance)


def _send(store: Store, chance: random.Random) -> None:
    queue = chance.choice(["std", "plain", "fifo", "taken"])
    fifo = queue == "fifo"
    batch = [
        NewMessage(
            os.urandom(chance.randrange(40)),
            message_group=chance.choice("ab") if fifo else None,
            priority=chance.randrange(3) if queue == "std" else 0,
            delay=chance.choice([0, 0, 0.05]) if queue == "std" else None,
        )
        for _ in range(chance.randint(1, 5))
    ]
    said = "posted" if queue == "taken" else "sent"
    say(said, *(id.id for id in store.send_many(queue, batch)))


def _work(store: Store, chance: random.Random) -> None:
    lease = chance.choice([0, 0.02, 30])
    held = store.receive(chance.choice(QUEUES), chance.randint(1, 6), lease=lease)
    for message in held:
        receipt = [message.receipt or ""]
        try:
            match chance.randrange(6):
                case 0:
                    store.nack(receipt, delay=chance.choice([None, 0.02]), error="by chance")
                case 1:
                    # Without a DLQ a rejected message is gone.
                    say("rejecting" if message.queue in {"std", "fifo"} else "acking", message.id)
                    store.reject(receipt, error="by chance")
                case 2:
                    store.extend(receipt, chance.choice([0, 0.02]))
                case _:
                    say("acking", message.id)
                    store.ack(receipt)
                    say("acked", message.id)
        except LeaseLost:
            say("lost", message.id)


def _work_together(store: Store, chance: random.Random) -> None:
    held = store.receive(chance.choice(["std", "plain"]), 20, lease=chance.choice([0.02, 30]))
    receipts = [message.receipt or "" for message in held]
    # A part of them, and that not always in a row.
    receipts = receipts[chance.randrange(3) :: chance.choice([1, 1, 2])]
    ids = [message.id for message in held if message.receipt in receipts]
    try:
        match chance.randrange(5):
            case 0:
                store.nack(receipts, delay=chance.choice([None, 0.02]), error="by chance")
            case 1:
                store.unreceive(receipts)
            case 2:
                store.extend(receipts, chance.choice([0, 0.02]))
            case _:
                say("acking", *ids)
                store.ack(receipts)
                say("acked", *ids)
    except LeaseLost as error:
        say("lost", len(error.failures))


def _take(store: Store, chance: random.Random) -> None:
    found = store.receive("taken", chance.randint(1, 6), auto_ack=True)
    say("taken", *(message.id for message in found))


def _redrive(store: Store, chance: random.Random) -> None:
    try:
        if chance.random() < 0.5:
            store.redrive(chance.choice(["dead", "fifo.dead"]), limit=chance.randint(1, 4))
        else:
            store.undo_redrive()
    except MqError as error:
        say("refused", error.code)


def _look(store: Store, chance: random.Random) -> None:
    for queue in QUEUES:
        status = store.queue(queue)
        assert min(status.ready, status.leased or 0, status.delayed or 0, status.blocked) >= 0


def work(path: str, queue: str, folder: str, lease: str, seed: str) -> None:
    """Lease, take some time, and acknowledge until the queue is empty; write down every step.

    Times are readings of the boot clock that lie inside the lease: it began before the first, and
    lasts at least until the last. On a slow machine the last may be before the first.
    """
    chance = random.Random(int(seed))
    with Store.open(path) as store, (Path(folder) / f"{os.getpid()}").open("w") as book:
        while _left(store, queue):
            before = _boot()
            found = store.receive(queue, chance.randint(1, 3), lease=float(lease))
            until = before + round(float(lease) * 1000)
            for message in found:
                _write(book, "leased", message.id, message.deliveries, _boot(), until)
            store.wait(store.changed(), chance.choice([0, 0.005, 0.02, 2 * float(lease)]))
            for message in found:
                _acknowledge(store, message, book)


def _left(store: Store, queue: str) -> int:
    return store.queue(queue).messages


def _acknowledge(store: Store, message: Message, book: TextIO) -> None:
    _write(book, "acking", message.id, message.deliveries, _boot(), 0)
    try:
        store.ack([message.receipt or ""])
    except LeaseLost:
        _write(book, "lost", message.id, message.deliveries, _boot(), 0)
    else:
        _write(book, "acked", message.id, message.deliveries, _boot(), 0)


def _write(book: TextIO, what: str, id: str, deliveries: int, at: int, until: int) -> None:
    book.write(f"{what} {id} {deliveries} {at} {until}\n")
    book.flush()


def _boot() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000


def receive_once(path: str, queue: str, wait: str) -> None:
    """Wait for one message; tell that we wait, then what came and after how many milliseconds."""
    with Store.open(path) as store:
        say("waiting")
        began = _boot()
        found = store.receive(queue, wait=float(wait))
        say(_boot() - began, *((message.value or b"").decode() for message in found))


def receive_until_gone(path: str, queue: str, wait: str) -> None:
    """Wait for a message of a queue that goes away; tell after how long, and the error."""
    with Store.open(path) as store:
        say("waiting")
        began = _boot()
        try:
            store.receive(queue, wait=float(wait))
        except MqError as error:
            say(_boot() - began, error.code)


if __name__ == "__main__":
    # The folder of this file must not come before the packages that it imports.
    sys.path.remove(str(Path(__file__).parent))
    globals()[sys.argv[1]](*sys.argv[2:])
