"""What a step costs: why it can't be undone, and what depends on it at the moment."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from math import lcm

from store.model.discarding import queue_settings_that_discard, topic_settings_that_discard
from store.model.text import counted
from store.sqlite.file.database import Snapshot
from store.topology.kinds import queue_config, topic_config
from store.topology.model import Thing, Topology
from store.topology.steps import Step

Facts = Mapping[str, int]
_GONE = "it is empty; what is sent to it meanwhile is refused"


def judged(steps: Iterable[Step], there: Topology, facts: Counted) -> Iterator[Step]:
    """Yield the steps with their risks and facts."""
    for step in steps:
        if step.action == "create":
            yield step
            continue
        counted = facts.of(step.thing)
        if step.action == "delete":
            risks = [_loss(step.thing, counted)]
        else:
            before = there.get(step.kind, step.name)
            assert before is not None
            risks = list(_change_risks(before, step.thing, counted))
        yield replace(step, risks=tuple(risks), facts=counted)


def moving_share(old: int, new: int) -> float:
    """Return the share of keys that go to another partition, where hash modulo partitions
    decides.
    """
    return 1 - min(old, new) / lcm(old, new)


def _loss(thing: Thing, facts: Facts) -> str:
    match thing.kind:
        case "queue":
            messages = facts.get("messages", 0)
            return f"{counted(messages, 'message')} lost" if messages else _GONE
        case "topic":
            records = counted(facts.get("records", 0), "record")
            return f"{records} lost, and every group's place in it"
        case "group":
            return "its offsets are lost"
        case "share":
            return "what it has finished is forgotten"
        case "exchange":
            return "its bindings go with it"
    return "what is published meanwhile does not get there"


def _change_risks(before: Thing, after: Thing, facts: Facts) -> Iterator[str]:
    old, new = before.settings, after.settings
    less: dict[str, str] = {}
    if before.kind == "topic":
        yield from _moving_keys(int(old["partitions"]), int(new["partitions"]))
        less = topic_settings_that_discard(topic_config(old), topic_config(new))
    elif before.kind == "queue":
        less = queue_settings_that_discard(
            queue_config(old), queue_config(new), facts["messages"], facts["bytes"]
        )
    for setting, reason in less.items():
        yield f"{setting}: {reason}"


def _moving_keys(old: int, new: int) -> Iterator[str]:
    if old != new:
        share = round(100 * moving_share(old, new))
        yield f"{share} % of the keys go to other partitions, and lose their order there"


class Counted:
    """Live counts by kind and name, each kind read when it is first asked for."""

    def __init__(self, tx: Snapshot) -> None:
        self._tx = tx
        self._known: dict[str, dict[str, Facts]] = {}

    def of(self, thing: Thing) -> Facts:
        """What is in a thing, and who uses it, at the moment."""
        count = _COUNTS.get(thing.kind)
        if count is None:
            return {}
        if thing.kind not in self._known:
            self._known[thing.kind] = count(self._tx)
        return self._known[thing.kind].get(thing.name, {})


def _topic_facts(tx: Snapshot) -> dict[str, Facts]:
    rows = tx.rows(
        "select c.name, sum(p.records),"
        " (select count(distinct s.reader) from mq_partitions q join mq_slots s"
        " on s.partition = q.id where q.channel = c.id)"
        " from mq_channels c join mq_partitions p on p.channel = c.id"
        " where c.kind = 'topic' group by c.id"
    )
    return {name: {"records": records, "readers": readers} for name, records, readers in rows}


def _queue_facts(tx: Snapshot) -> dict[str, Facts]:
    rows = tx.rows(
        "select c.name, sum(p.records), sum(p.bytes),"
        " (select count(*) from mq_readers r join mq_leases l on l.reader = r.id"
        " where r.channel = c.id and l.token not null and l.ends > :now)"
        " from mq_channels c join mq_partitions p on p.channel = c.id"
        " where c.kind = 'queue' group by c.id",
        {"now": tx.now},
    )
    return {
        name: {"messages": messages, "bytes": size, "in_flight": held}
        for name, messages, size, held in rows
    }


def _group_facts(tx: Snapshot) -> dict[str, Facts]:
    rows = tx.rows(
        "select r.name, (select count(*) from mq_members m where m.reader = r.id"
        " and m.seen + m.session_timeout > :now),"
        " (select ifnull(sum(p.next - max(s.cursor, p.start)), 0) from mq_slots s"
        " join mq_partitions p on p.id = s.partition where s.reader = r.id)"
        " from mq_readers r where r.kind = 'group'",
        {"now": tx.now},
    )
    return {name: {"members": members, "lag": lag} for name, members, lag in rows}


def _share_facts(tx: Snapshot) -> dict[str, Facts]:
    # Below the cursor a lease row is a record that is not finished.
    rows = tx.rows(
        "select r.name, (select count(*) from mq_leases l where l.reader = r.id"
        " and l.token not null and l.ends > :now),"
        " (select ifnull(sum(p.next - max(s.cursor, p.start) + s.leases), 0) from mq_slots s"
        " join mq_partitions p on p.id = s.partition where s.reader = r.id)"
        " from mq_readers r where r.kind = 'share'",
        {"now": tx.now},
    )
    return {name: {"in_flight": held, "lag": lag} for name, held, lag in rows}


_COUNTS: dict[str, Callable[[Snapshot], dict[str, Facts]]] = {
    "topic": _topic_facts,
    "queue": _queue_facts,
    "group": _group_facts,
    "share": _share_facts,
}
