"""The operator's questions: what a server knows of its queues, at most five seconds old."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from store.model import looks
from store.model.addresses import Kind
from store.model.clock import IDLE_AFTER, OVER
from store.model.errors import NotFound
from store.model.maintenance import PlaceStatus
from store.model.messages import STATES
from store.model.metrics import Family
from store.model.stalls import Overview, QueueDetail, Remedy, Stall, Subject
from store.model.text import counted
from store.rabbitmq.queues import COLUMNS, is_ours, listed_config, type_of
from store.rabbitmq.topology import ServerTopologies

# Figures of the management API are as old.
PACE = 5.0
_WATCHED = f"{COLUMNS},idle_since,consumer_details,single_active_consumer_tag"
# In the order of the overview.
_STATES = ("stalled", "dead letters", "lagging", "ok", "idle")


class _Queue(NamedTuple):
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


class ServerOperations(ServerTopologies):
    """Status, overview, stalls, metrics."""

    def now(self) -> int:
        """Return this machine's wall clock in milliseconds."""
        return self.wall()

    def status(self) -> PlaceStatus:
        """Return the server's version, and what its vhost holds; unknown without management."""
        if not self._management.is_there:
            return self._place_status(None, None)
        queues = [one for one in self._listed("queues", COLUMNS) if is_ours(one)]
        return self._place_status(queues, len(self.exchanges()))

    def snapshot(self, over: float = OVER, idle_after: float = IDLE_AFTER) -> Overview:
        """Return the overview by two requests: the queues, and the exchanges."""
        found = self._watched()
        exchanges = self._listed("exchanges", "name,type")
        stalls = tuple(self._stalls(found, over))
        stalled = {stall.source for stall in stalls}
        subjects = sorted(
            (_subject(queue, queue.name in stalled) for queue in found),
            key=lambda one: (_STATES.index(one.state), one.name),
        )
        number = sum(1 for one in exchanges if one["name"] and not one["name"].startswith("amq."))
        return Overview(
            taken=self.wall(),
            status=self._place_status([queue.entry for queue in found], number),
            in_rate=sum(queue.incoming for queue in found),
            out_rate=sum(queue.outgoing for queue in found),
            dead_letters=sum(queue.ready for queue in found if queue.is_dlq),
            stall_count=len(stalls),
            stalls=stalls,
            subjects=tuple(subjects),
        )

    def stalls(self, over: float = OVER, idle_after: float = IDLE_AFTER) -> list[Stall]:
        """Return queues without a reader, and those whose readers acknowledge nothing.

        The server does not tell which messages are held: the blocker is the queue.
        """
        return self._stalls(self._watched(), over)

    def metrics(self, over: float = OVER, idle_after: float = IDLE_AFTER) -> list[Family]:
        """Return depths, rates and stalls, as far as they are known."""
        found = self._watched()
        messages = Family("mq_queue_messages", "gauge", "Messages in a queue, by state.")
        size = Family("mq_queue_bytes", "gauge", "Bytes of a queue's messages.", "bytes")
        letters = Family("mq_queue_dead_letters", "gauge", "Dead letters that a queue holds.")
        consumers = Family("mq_queue_consumers", "gauge", "Consumers of a queue.")
        for queue in found:
            figures = {"ready": queue.ready, "leased": queue.leased, "delayed": 0, "blocked": 0}
            for state in STATES:
                messages.add(figures[state], queue=queue.name, state=state)
            size.add(queue.entry.get("message_bytes"), queue=queue.name)
            letters.add(queue.ready if queue.is_dlq else None, queue=queue.name)
            consumers.add(queue.consumers, queue=queue.name)
        stalls = Family("mq_stalls", "gauge", "Stalls, by cause.")
        causes = [stall.cause for stall in self._stalls(found, over)]
        for cause in ("held", "unassigned"):
            stalls.add(causes.count(cause), cause=cause)
        info = Family("mq_store_info", "gauge", "The store and how it is set; always 1.")
        info.add(1, path=self._place.name, engine="rabbitmq", version=self.features.version)
        return [info, messages, size, letters, consumers, stalls]

    def queue_detail(self, name: str, limit: int = 500) -> QueueDetail:
        """Return a queue; which messages are leased the server does not tell."""
        return QueueDetail(self.queue(name), ())

    def kind(self, name: str, *wanted: Kind) -> str | None:
        """Return `queue` for the name of one; raises `NotFound` where one is wanted."""
        if self._is_queue(name):
            return "queue"
        if wanted:
            # As the first kind: the hint then creates what can be created here.
            raise NotFound(f"queue {name} does not exist", hint=f"mq queue create {name}")
        return None

    def _place_status(
        self, queues: Sequence[Mapping[str, Any]] | None, exchanges: int | None
    ) -> PlaceStatus:
        records = None
        if queues is not None:
            records = sum(one.get("messages_ready") or 0 for one in queues)
            records += sum(one.get("messages_unacknowledged") or 0 for one in queues)
        return PlaceStatus(
            location=self._place.url,
            engine=self.features.engine,
            version=self.features.version,
            topics=None,
            queues=None if queues is None else len(queues),
            shares=None,
            groups=None,
            exchanges=exchanges,
            records=records,
        )

    def _watched(self) -> list[_Queue]:
        entries = [one for one in self._listed("queues", _WATCHED) if is_ours(one)]
        targets = {listed_config(one).dlq for one in entries}
        return [_queue(one, one["name"] in targets) for one in entries]

    def _stalls(self, queues: Sequence[_Queue], over: float) -> list[Stall]:
        found = [
            stall for queue in queues if (stall := _stall(queue, over, self.wall())) is not None
        ]
        return sorted(found, key=lambda stall: -stall.blocked * max(stall.seconds, 1.0))


def _queue(entry: Mapping[str, Any], is_dlq: bool) -> _Queue:
    stats = entry.get("message_stats") or {}
    return _Queue(
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


def _subject(queue: _Queue, is_stalled: bool) -> Subject:
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
        depth=queue.ready + (queue.leased or 0),
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
    )


def _stall(queue: _Queue, over: float, now: int) -> Stall | None:
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


def _made(queue: _Queue, over: float, cause: Any, why: str, holder: str | None) -> Stall:
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
