"""What is left when all is done: the log can be read again, the queue can't."""

from __future__ import annotations

from ..stage import Stage, quoted
from .facts import Facts
from .queue_scenes import QUEUE, Redelivery, Work, queue_status, select_cancelled

_COLUMNS = "{:<20}{:>23}{:>29}"


def compare_memories(stage: Stage, facts: Facts, work: Work, left: Redelivery) -> None:
    """Scene 9: ask both for what they had, and lay their states side by side."""
    stage.title("9. What each remembers")
    stage.say("Now another program wants to see the cancelled flights again. Ask the queue:")
    nothing = stage.run(f"mq receive {QUEUE} | wc -l")
    stage.check(int(nothing) == 0, f"{QUEUE} still had a message")
    stage.run_refused(f"mq consume {QUEUE} --from earliest")
    acknowledged = _acknowledged(stage, work)
    stage.say(
        f"""{acknowledged:,} messages were acknowledged, and the ack deleted each of them. Of those
        the queue knows their number and nothing else. There is no bookmark to set back, and nothing
        that it could point at. Now ask the topic:"""
    )
    found = int(stage.run(f"{select_cancelled(facts)} | wc -l"))
    stage.check(found == len(work.messages), f"the topic gave {found} of {len(work.messages)}")
    stage.say(
        f"""All {found:,}, after every reader of this story. They could be sent to the queue again:
        the log can fill the queue a second time, but the queue can't fill itself."""
    )
    _tell_states(stage, facts, work, left)


def _acknowledged(stage: Stage, work: Work) -> int:
    count = queue_status(stage).acknowledged or 0
    expected = len(work.messages) - 1
    stage.check(count == expected, f"{count} messages were acknowledged, not {expected}")
    return count


def _tell_states(stage: Stage, facts: Facts, work: Work, left: Redelivery) -> None:
    with stage.open_store() as store:
        kept = sum(partition.records for partition in store.topic("flights").partitions)
        bookmarks = len(store.lag("audit"))
        leases = len(store.leases(QUEUE))
        messages = len(store.messages(QUEUE))
    stage.check(
        (kept, messages, leases) == (len(facts.flights), 0, 0),
        f"{kept} records, {messages} messages and {leases} leases are left",
    )
    rows = [
        ("", "topic flights", f"queue {QUEUE}"),
        ("given to it", f"{len(facts.flights):,} records", f"{len(work.messages):,} messages"),
        ("there now", f"{kept:,} records", f"{messages} messages"),
        ("what a reader keeps", "1 number per partition", "1 lease per message in hand"),
        ("at the most", f"{bookmarks} numbers", f"{left.leases} leases"),
        ("now", f"{bookmarks} numbers", f"{leases} leases"),
        ("to read again", "set the numbers back", "impossible"),
    ]
    stage.say("What each kept of a reader, the audit here and the worker there:")
    stage.show("\n".join(_COLUMNS.format(*row) for row in rows))


def close(stage: Stage, kept: bool) -> None:
    """The last words; `kept` says whether the store outlives the story."""
    stage.title("Why a log can replay and a queue can't")
    stage.say(
        """A log answers "I have read this" by moving the reader's bookmark, and keeps the record.
        So readers are cheap, each sees everything, and the past can be read again until retention
        removes it; the price is that a reader has one place, and can't finish one record and
        leave the one before it for later. A queue answers "this is done" by deleting the message.
        So it knows each message by itself, can retry one and set one aside, and empties itself; the
        price is a lease for each message in hand, one reader for each message, and no past. Facts
        belong in a log, jobs in a queue, and jobs can be made from facts. More in
        docs/concepts.md."""
    )
    if kept:
        stage.say("The store is kept. Look around:")
        stage.show_command(f"mq -s {quoted(stage.store_path)} lag")
        stage.show_command(f"mq -s {quoted(stage.store_path)} queue list")
    else:
        stage.say("The folder is removed now. To keep the store of this story:")
        stage.show_command("mq demo -s flights.db")
