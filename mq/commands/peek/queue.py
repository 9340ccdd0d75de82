"""`mq peek QUEUE`: look at messages in every state; nothing is leased."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import dropwhile
from typing import TYPE_CHECKING

from mq.text.conditions import parse_message_conditions
from store.model.addresses import Address
from store.model.errors import BadInput
from store.model.messages import STATES, Message
from store.model.positions import Position

if TYPE_CHECKING:
    from store.engine.broker import Broker
    from store.engine.queues import Queues

_PAGE = 500


def choose_messages(
    store: Broker, source: Address, begin: Position, states: Sequence[str], where: Sequence[str]
) -> Iterator[Message]:
    """Read the addressed message, or those from `begin` on in the order they were sent.

    `states` and `where` choose among them; raises BadInput, and NotFound for an addressed message
    that is not there.
    """
    if source.partition is not None:
        raise BadInput(f"{source.name} is a queue: it has no partitions", hint=source.name)
    wanted = parse_states(states)
    holds = parse_message_conditions(where, store.wall())
    messages = _messages(store, source, begin)
    return (message for message in messages if message.state in wanted and holds(message))


def parse_states(texts: Sequence[str]) -> set[str]:
    """Read states, several between commas; all of them without any."""
    states = {state for text in texts for state in text.split(",")}
    if unknown := states - set(STATES):
        raise BadInput(f"{min(unknown)!r} is not a state", hint="states are " + ", ".join(STATES))
    return states or set(STATES)


def _messages(store: Queues, source: Address, begin: Position) -> Iterator[Message]:
    if source.offset is not None:
        return iter([store.message(source.name, source.offset)])
    match begin.kind:
        case "earliest":
            return _from(store, source.name, 0)
        case "offset":
            return _from(store, source.name, begin.number)
        case "time":
            messages = _from(store, source.name, 0)
            return dropwhile(lambda message: message.timestamp < begin.number, messages)
        case "came":
            messages = _from(store, source.name, 0)
            return dropwhile(lambda message: message.came < begin.number, messages)
    raise BadInput(
        f"{source.name} is a queue: its messages have no fixed end to count from",
        hint="--from earliest, a sequence number or a time",
    )


def _from(store: Queues, queue: str, sequence: int) -> Iterator[Message]:
    after = sequence - 1
    while page := store.messages(queue, after, _PAGE):
        yield from page
        after = page[-1].sequence
