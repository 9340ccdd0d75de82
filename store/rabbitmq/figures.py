"""The figures of queues: depths, rates, stalls, metrics; at most five seconds old."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from store.model import looks
from store.model.messages import STATES
from store.model.metrics import Family
from store.model.stalls import Remedy, Stall, Subject
from store.model.text import counted
from store.rabbitmq.queues import COLUMNS, listed_config, type_of

WATCHED = f"{COLUMNS},messages,idle_since,consumer_details,single_active_consumer_tag"
# In the order of the overview.
_STATES = ("stalled", "dead letters", "lagging", "ok", "idle")


class WatchedQueue(NamedTuple):
    """A queue of one look, with its figures."""

    entry: Mapping[str, Any]
    name: str
    ready: int
    leased: int | None
    consumers: int
    is_dlq: bool
    idle: float | None
    incoming: float
    outgoing: float

    @property
    def depth(self) -> int:
        """Return how many messages it has, ready or leased."""
        return self.ready + (self.leased or 0)


def of(entries: Sequence[Mapping[str, Any]]) -> list[WatchedQueue]:
    """Return queues with their figures."""
    targets = {listed_config(one).dlq for one in entries}
    return [watched(one, one["name"] in targets) for one in entries]


def stalls(queues: Iterable[WatchedQueue], over: float) -> list[Stall]:
    """Return the stalled queues, the worst first."""
    found = [one for queue in queues if (one := stall(queue, over)) is not None]
    return sorted(found, key=lambda one: -one.blocked * max(one.seconds, 1.0))


def subjects(
    queues: Iterable[WatchedQueue],
    stalled: set[str],
    topics: Mapping[str, Sequence[Mapping[str, Any]]],
) -> list[Subject]:
    """Return queues and topics as the overview shows them, the worst first."""
    return sorted(
        [
            *(subject(queue, queue.name in stalled) for queue in queues),
            *(_topic(name, streams) for name, streams in topics.items()),
        ],
        key=lambda one: (_STATES.index(one.state), one.name),
    )


def metrics(queues: Sequence[WatchedQueue], over: float) -> list[Family]:
    """Return depths and stalls as metrics, as far as they are known."""
    messages = Family("mq_queue_messages", "gauge", "Messages in a queue, by state.")
    size = Family("mq_queue_bytes", "gauge", "Bytes of a queue's messages.", "bytes")
    letters = Family("mq_queue_dead_letters", "gauge", "Dead letters that a queue holds.")
    consumers = Family("mq_queue_consumers", "gauge", "Consumers of a queue.")
    for queue in queues:
        figures = {"ready": queue.ready, "leased": queue.leased, "delayed": 0, "blocked": 0}
        for state in STATES:
            messages.add(figures[state], queue=queue.name, state=state)
        size.add(queue.entry.get("message_bytes"), queue=queue.name)
        letters.add(queue.ready if queue.is_dlq else None, queue=queue.name)
        consumers.add(queue.consumers, queue=queue.name)
    stalled = Family("mq_stalls", "gauge", "Stalls, by cause.")
    causes = [one.cause for one in stalls(queues, over)]
    for cause in ("held", "unassigned"):
        stalled.add(causes.count(cause), cause=cause)
    return [messages, size, letters, consumers, stalled]


def watched(entry: Mapping[str, Any], is_dlq: bool) -> WatchedQueue:
    """Return a queue with its figures, as the management API shows it."""
    stats = entry.get("message_stats") or {}
    return WatchedQueue(
        entry=entry,
        name=entry["name"],
        ready=entry.get("messages_ready") or 0,
        leased=entry.get("messages_unacknowledged"),
        consumers=entry.get("consumers") or 0,
        is_dlq=is_dlq,
        idle=_idle_seconds(entry.get("idle_since")),
        incoming=_rate(stats, "publish"),
        outgoing=_rate(stats, "ack"),
    )


def _rate(stats: Mapping[str, Any], name: str) -> float:
    return float((stats.get(f"{name}_details") or {}).get("rate") or 0.0)


def _idle_seconds(since: object) -> float | None:
    if not isinstance(since, str):
        return None
    try:
        moment = datetime.fromisoformat(since.replace("Z", "+00:00"))
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max((datetime.now(UTC) - moment).total_seconds(), 0.0)


def subject(queue: WatchedQueue, is_stalled: bool) -> Subject:
    """Return a queue as the overview shows it."""
    state, note = "idle", ""
    if is_stalled:
        state, note = "stalled", "no consumer" if not queue.consumers else "nothing acknowledged"
    elif queue.is_dlq and queue.ready:
        state, note = "dead letters", f"{queue.ready:,} dead letters"
    elif queue.ready or queue.leased:
        state = "ok"
    if not note and type_of(queue.entry) == "classic":
        note = "classic queue"
    return Subject(
        name=queue.name,
        kind="queue",
        state=state,  # type: ignore[arg-type]
        depth=queue.depth,
        ready=queue.ready,
        leased=queue.leased,
        delayed=0,
        blocked=0,
        lag=None,
        oldest_seconds=None,
        in_rate=queue.incoming,
        out_rate=queue.outgoing,
        trend=(),
        note=note,
        backlog=queue.depth,
        growth=queue.incoming - queue.outgoing,
    )


def _topic(name: str, streams: Sequence[Mapping[str, Any]]) -> Subject:
    """Return a topic; how many records its streams have is a few seconds old."""
    depth = sum(one.get("messages") or 0 for one in streams)
    rate = sum(_rate(one.get("message_stats") or {}, "publish") for one in streams)
    return Subject(
        name=name, kind="topic", state="ok" if depth else "idle", depth=depth, ready=None,
        leased=None, delayed=None, blocked=None, lag=None, oldest_seconds=None, in_rate=rate,
        out_rate=0.0, trend=(), note="",
    )  # fmt: skip


def stall(queue: WatchedQueue, over: float) -> Stall | None:
    """Return the stall of a queue that has no reader, or whose readers acknowledge nothing."""
    if not queue.ready or queue.is_dlq:
        return None
    is_growing = queue.incoming > 0 and queue.idle is None
    if not queue.consumers and (is_growing or (queue.idle or 0.0) >= over):
        return _made(queue, over, "unassigned", "no consumer reads it", None)
    is_held = queue.leased and not queue.outgoing and (queue.idle or 0.0) >= over
    if queue.consumers and is_held:
        holder: Mapping[str, Any] = next(iter(queue.entry.get("consumer_details") or []), {})
        peer = (holder.get("channel_details") or {}).get("connection_name")
        why = f"its {counted(queue.consumers, 'consumer')} acknowledge nothing"
        return _made(queue, over, "held", why, peer or holder.get("consumer_tag"))
    return None


def _made(queue: WatchedQueue, over: float, cause: Any, why: str, holder: str | None) -> Stall:
    work = Remedy("read", looks.Work(queue.name), "reads it, and acknowledges what succeeds")
    return Stall(
        kind="queue", source=queue.name, partition=None, reader=queue.name, blocker=queue.name,
        key=None, blocked=queue.ready, keys=0, keys_exact=False, seconds=queue.idle or 0.0,
        threshold=over, deliveries=0, holder=holder, holder_host=None, holder_pid=None,
        holder_seen=None, error=None, same_errors=0, cause=cause, why=why, committed=None,
        offset=0, end=0, size=None, produced=None, oldest_seconds=queue.idle or 0.0,
        growth=queue.incoming - queue.outgoing, retention_seconds=None,
        remedies=(work,) if cause == "unassigned" else (),
    )  # fmt: skip
