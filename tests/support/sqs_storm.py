"""Producers and consumers of SQS beside a server that is killed over and over."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from store import Store
from tests.support.processes import PATIENCE
from tests.support.serving import start_server

QUEUE = "jobs"
# Seconds until a message that a lost answer took is delivered again.
LEASE = "1"
# Seconds until a client tries again.
_PAUSE = 0.05


@dataclass
class Book:
    """What clients were told: bodies whose send was confirmed, and whose delete was begun."""

    sent: set[str] = field(default_factory=set)
    received: Counter[str] = field(default_factory=Counter)
    deleting: set[str] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)


@dataclass
class SqsStorm:
    """A server on a store, killed again and again while threads of boto3 use it."""

    path: Path
    book: Book = field(default_factory=Book)
    kills: int = 0
    _is_over: threading.Event = field(default_factory=threading.Event)

    def rage(self, kills: int) -> None:
        """Kill the server so many times, each once some calls of each kind got through."""
        server = start_server(self.path)
        port = server.ports["sqs"]
        client = server.client(read_timeout=5, connect_timeout=2)
        client.create_queue(QueueName=QUEUE, Attributes={"VisibilityTimeout": LEASE})
        threads = [
            threading.Thread(target=work, args=(client, number))
            for number, work in enumerate([self._produce, self._produce, self._consume])
        ]
        for thread in threads:
            thread.start()
        try:
            for _ in range(kills):
                self._let_calls_through(8 + self.kills % 7)
                server.process.kill()
                server.process.communicate(timeout=PATIENCE)
                self.kills += 1
                server = start_server(self.path, port=port)
        finally:
            self._is_over.set()
            for thread in threads:
                thread.join(PATIENCE)
            client.close()
            server.end()

    def _let_calls_through(self, more: int) -> None:
        with self.book.lock:
            enough = len(self.book.sent) + more
        while True:
            with self.book.lock:
                if len(self.book.sent) >= enough:
                    return
            self._is_over.wait(0.005)

    def _produce(self, client: Any, name: int) -> None:
        number = 0
        while not self._is_over.is_set():
            bodies = [f"{name}-{number + step}" for step in range(3)]
            number += 3
            entries = [{"Id": str(n), "MessageBody": body} for n, body in enumerate(bodies)]
            try:
                done = client.send_message_batch(QueueUrl=QUEUE, Entries=entries)
            except (BotoCoreError, ClientError):
                # The server that comes next needs the processor.
                self._is_over.wait(_PAUSE)
                continue
            with self.book.lock:
                self.book.sent |= {bodies[int(each["Id"])] for each in done["Successful"]}

    def _consume(self, client: Any, name: int) -> None:
        while not self._is_over.is_set():
            try:
                got = client.receive_message(
                    QueueUrl=QUEUE, MaxNumberOfMessages=10, WaitTimeSeconds=1
                )
                for number, message in enumerate(got.get("Messages", [])):
                    self.book.received[message["Body"]] += 1
                    # Every other one stays, so that there is always something to lose.
                    if number % 2 == 0:
                        self.book.deleting.add(message["Body"])
                        client.delete_message(
                            QueueUrl=QUEUE, ReceiptHandle=message["ReceiptHandle"]
                        )
            except (BotoCoreError, ClientError):
                # The server that comes next needs the processor.
                self._is_over.wait(_PAUSE)
                continue

    def present(self) -> Counter[str]:
        """The bodies in the queue, looked at without a server."""
        with Store.open(self.path) as store:
            assert store.verify() == []
            found = store.messages(QUEUE, limit=1_000_000)
        return Counter((message.value or b"").decode() for message in found)
