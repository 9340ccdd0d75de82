"""The dashboard's actions beside ending stalls: each a call of the store with its preview."""

from __future__ import annotations

from collections.abc import Callable

from store import BadInput, Message, NotFound, Record
from store.engine.broker import Broker
from store.engine.exchanges import Exchanges
from store.engine.operations import Operations
from store.engine.queues import Queues
from store.model.actions import Publish, PurgeQueue, RejectLease, ReleaseLease, ResetGroup, Send
from store.model.addresses import parse_address
from store.model.errors import Hint
from store.model.groups import OffsetChange
from store.model.looks import ShowLeases
from store.model.positions import Scope, parse_position
from store.model.queues import LeaseStatus
from store.model.text import counted, describe_size, printable_bytes
from tui.widgets.dialogs import ProposedAction
from tui.widgets.spans import Line, Tone, line, toned

Prepare = Callable[[Broker], ProposedAction]
_MOST_ROWS = 12


def prepare_release(reader: str, address: str) -> Prepare:
    """Take a message, or the record of a share, from its holder, or end its wait."""

    def deed(store: Broker) -> ProposedAction:
        held = _lease_of(store, reader, address)
        who = "no holder; its wait ends" if held is None else f"{held.holder} loses it"
        preview = [
            line(toned(address, Tone.STRONG), " is ready at once"),
            toned(f"{who}, and its receipt no longer acknowledges once it is taken", Tone.DIM),
        ]

        release = ReleaseLease(parse_address(address))

        def run(store: Operations) -> str:
            store.perform(release)
            return f"{address} is ready"

        return ProposedAction(f"release {address}", preview, [release], run)

    return deed


def prepare_dead_letter(reader: str, address: str) -> Prepare:
    """Refuse a leased message, or a leased record of a share, for good."""

    def deed(store: Broker) -> ProposedAction:
        held = _lease_of(store, reader, address)
        if held is None:
            raise NotFound(
                f"no reader holds {address}, and only leased messages are refused",
                hint=Hint("{}", ShowLeases(reader)),
            )
        is_share = store.kind(reader) == "share"
        target = (store.share(reader).config if is_share else store.queue_config(reader)).dlq
        reject = RejectLease(held.receipt)
        gone = "is passed over" if is_share else "is deleted"
        to = f"goes to {target}" if target else f"{gone}: {reader} has no DLQ"

        def run(store: Operations) -> str:
            store.perform(reject)
            return f"{address} {to.partition(':')[0]}"

        preview = [
            line(toned(address, Tone.STRONG), f" {to}"),
            toned(f"held by {held.holder}, {counted(held.deliveries, 'delivery')}", Tone.DIM),
        ]
        return ProposedAction(f"refuse {address}", preview, [reject], run)

    return deed


def _lease_of(store: Queues, reader: str, address: str) -> LeaseStatus | None:
    return {lease.address: lease for lease in store.leases(reader)}.get(address)


def prepare_purge(queue: str) -> Prepare:
    """Remove every message of a queue."""

    def run(store: Operations) -> str:
        return f"{counted(store.perform(PurgeQueue(queue)), 'message')} removed from {queue}"

    def deed(store: Queues) -> ProposedAction:
        status = store.queue(queue)
        counts = [
            (status.ready, "ready"), (status.leased, "leased"),
            (status.delayed, "delayed"), (status.blocked, "blocked"),
        ]  # fmt: skip
        states = " · ".join(f"{number:,} {word}" for number, word in counts if number)
        messages = counted(status.messages, "message")
        preview = [
            line(toned(messages, Tone.STALLED), " will be gone for good"),
            toned(states or "the queue is empty", Tone.DIM),
        ]
        return ProposedAction(f"purge {queue}", preview, [PurgeQueue(queue)], run, name=queue)

    return deed


def prepare_publish(destination: str, key: str, value: str) -> Prepare:
    """Store one message in a topic or queue, or route it through an exchange."""
    exchange = destination.removeprefix("exchange:")
    is_exchange = exchange != destination

    def action(store: Broker) -> Publish | Send:
        if is_exchange:
            return Publish(exchange, key, value)
        return Send(destination, value, key or None, _message_group(store, destination, key))

    def run(store: Broker) -> str:
        send = action(store)
        if isinstance(send, Send):
            return f"stored as {store.perform(send)}"
        places = ", ".join(map(str, store.perform(send)))
        return f"stored: {places}" if places else "it was routed nowhere"

    def deed(store: Broker) -> ProposedAction:
        way = _way_through(store, exchange, key) if is_exchange else _way_to(store, destination)
        preview = [
            line(toned(describe_size(len(value.encode())), Tone.STRONG), f" {way}"),
            line(toned("key    ", Tone.DIM), key or "none"),
            line(toned("value  ", Tone.DIM), value[:300]),
        ]
        return ProposedAction(f"publish to {destination}", preview, [action(store)], run)

    return deed


def _way_through(store: Exchanges, exchange: str, key: str) -> str:
    ends = ", ".join(route.destination for route in store.route(exchange, key))
    return f"goes to {ends}" if ends else "matches no binding: it goes nowhere"


def _way_to(store: Operations, destination: str) -> str:
    if not destination:
        raise BadInput("nothing says where to", hint="a topic, a queue, or exchange:NAME")
    kind = store.kind(destination, "topic", "queue")
    if kind == "share":
        raise NotFound(f"{destination} is a share, which stores nothing itself")
    return f"goes to the {kind} {destination}"


def _message_group(store: Broker, destination: str, key: str) -> str | None:
    is_fifo = store.kind(destination) == "queue" and store.queue_config(destination).fifo
    return (key or "default") if is_fifo else None


def prepare_reset(group: str, topic: str, partition: int | None, word: str) -> Prepare:
    """Move a group's offsets to an offset word; live members are fenced."""
    scope: Scope = [(topic, partition)]
    place = topic if partition is None else f"{topic}/{partition}"

    def deed(store: Broker) -> ProposedAction:
        target = parse_position(word, store.wall())
        changes = store.plan_reset(group, target, scope)
        live = store.group(group).members
        reset = ResetGroup(group, topic, partition, word, force=bool(live))

        def run(store: Operations) -> str:
            done = store.perform(reset)
            moved = sum(1 for change in done if change.change)
            return f"{group}: {counted(moved, 'partition')} of {topic} moved to {word}"

        fenced = (
            [toned(f"{counted(len(live), 'live member')} will be fenced", Tone.LAGGING)]
            if live
            else []
        )
        rows = [_change_line(change) for change in changes[:_MOST_ROWS]]
        if len(changes) > _MOST_ROWS:
            rows.append(toned(f"and {len(changes) - _MOST_ROWS:,} more partitions", Tone.DIM))
        return ProposedAction(f"reset {group} in {place}", [*fenced, *rows], [reset], run)

    return deed


def _change_line(change: OffsetChange) -> Line:
    current = "none" if change.current is None else f"{change.current:,}"
    new = "none" if change.new is None else f"{change.new:,}"
    moved = change.change or 0
    effect = f"{moved:,} skipped" if moved > 0 else f"{-moved:,} read again" if moved else "stays"
    return line(
        toned(f"{change.topic}/{change.partition}  ", Tone.STRONG),
        f"{current} → {new}",
        toned(f"   {effect}", Tone.LAGGING if moved else Tone.DIM),
        toned("   moved into the log" if change.clamped else "", Tone.DIM),
    )


def value_text(stored: Record | Message) -> str:
    """Return the beginning of the value of a record or message, or why it has none."""
    if stored.damaged is not None:
        return "(damaged)"
    return "(tombstone)" if stored.value is None else excerpt(stored.value)


def excerpt(value: bytes | None, width: int = 200) -> str:
    """Return the beginning of a value in one harmless line."""
    return "" if value is None else printable_bytes(value[:width])
