"""What the drivers of the SQS cases are written in: queues, their clock, and a register."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from store import Message, MessageId
from store.engine.broker import Broker
from store.model.clock import ManualClock


class Queues:
    """A place of queues, its clock, and the words in which the cases are told."""

    def __init__(self, store: Broker, clock: ManualClock) -> None:
        self.store = store
        self.clock = clock

    def standard(self, *bodies: str, name: str = "q", **settings: Any) -> None:
        """A standard queue that holds messages."""
        self.store.create_queue(name, **settings)
        for body in bodies:
            self.send(body, name=name)

    def fifo(self, *bodies: str, name: str = "q", **settings: Any) -> None:
        """A FIFO queue that holds messages; `g1-m1` goes to the group g1."""
        self.store.create_queue(name, fifo=True, **settings)
        for body in bodies:
            self.send(body, name=name, group=body.partition("-")[0])

    def send(
        self, body: str, *, name: str = "q", group: str | None = None, **more: Any
    ) -> MessageId:
        """Send one message."""
        return self.store.send(name, body, message_group=group, **more)

    def receive(self, most: int = 1, *, name: str = "q", **more: Any) -> list[Message]:
        """Receive messages."""
        return self.store.receive(name, most, **more)

    def bodies(self, most: int = 10, **more: Any) -> list[str]:
        """Receive messages and tell their bodies."""
        return [(message.value or b"").decode() for message in self.receive(most, **more)]

    def counts(self, name: str = "q") -> tuple[int, int | None, int | None]:
        """Visible, not visible, delayed."""
        queue = self.store.queue(name)
        return queue.ready, queue.leased, queue.delayed

    def in_hand(self, name: str = "q", most: int = 10) -> dict[str, str]:
        """Receive messages and tell the receipt of each body."""
        return {
            (message.value or b"").decode(): receipt_of(message)
            for message in self.receive(most, name=name)
        }


def receipt_of(message: Message) -> str:
    """The receipt of a message that was received."""
    assert message.receipt is not None
    return message.receipt


def receipts(messages: list[Message]) -> list[str]:
    """Their receipts."""
    return [receipt_of(message) for message in messages]


Driver = Callable[[Queues], None]


def register_in(cases: dict[str, Driver]) -> Callable[[str], Callable[[Driver], Driver]]:
    """A decorator that makes a function the driver of a case."""

    def case(id: str) -> Callable[[Driver], Driver]:
        def register(drive: Driver) -> Driver:
            cases[id] = drive
            return drive

        return register

    return case
