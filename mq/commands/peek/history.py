"""`mq peek ADDRESS --history`: the history of one message or record."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mq.cli.context import Context
from mq.cli.output import Column
from mq.text.times import time_column
from store.model.addresses import Address
from store.model.dead_letters import Event
from store.model.errors import BadInput

if TYPE_CHECKING:
    from store.engine.broker import Broker

# Fields of a delivery that may be unknown.
_UNKNOWN = "unknown"


def _told(event: Event, text: str | None) -> str:
    return text or (_UNKNOWN if event.delivery is not None else "")


def _columns(now: int) -> list[Column[Event]]:
    return [
        time_column("at", lambda event: event.at, now),
        Column("address", lambda event: event.address, weight=2),
        Column("event", lambda event: event.what),
        Column("delivery", lambda event: event.delivery, right=True),
        Column("reader", lambda event: event.reader),
        Column("holder", lambda event: event.holder, text=lambda e: _told(e, e.holder)),
        time_column("started", lambda event: event.started, now, yields=1),
        Column("error", lambda event: event.error, text=lambda e: _told(e, e.error)),
        Column("reason", lambda event: event.reason),
        Column("target", lambda event: event.target),
    ]


def show_history(context: Context, store: Broker, source: Address) -> None:
    """List the history of a message or record; raises BadInput, and NotFound."""
    if source.offset is None:
        raise BadInput(
            f"{source} is not one message or record", hint="name it like emails@12 or orders/2@4711"
        )
    if store.kind(source.name, "topic", "queue") == "queue":
        events = store.message_events(source.name, source.offset)
    else:
        store.topic(source.name)
        if source.partition is None:
            raise BadInput(f"{source} names no partition", hint=f"{source.name}/0@{source.offset}")
        events = store.record_events(source.name, source.partition, source.offset)
    context.output.listing(_columns(store.wall()), events)
