"""What a queue gives: work that is leased, settled one by one, and comes back after a crash."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass

from store.model.messages import Message
from store.model.queues import QueueStatus

from ..stage import Stage
from . import rebook
from .facts import Facts

QUEUE = rebook.QUEUE
DLQ = "rebooking.dlq"
MAX_DELIVERIES = 3
BY_HAND = 3
REFUSAL = "no passengers booked"


@dataclass(frozen=True, slots=True)
class Work:
    """The messages that were sent, oldest first, and the airline that the worker can't call."""

    messages: list[Message]
    unlisted: str

    @property
    def for_worker(self) -> list[Message]:
        """All but the first, which is acknowledged by hand, and the third, which is rejected."""
        return [self.messages[1], *self.messages[BY_HAND:]]

    @property
    def failing(self) -> list[Message]:
        """What the worker has to give back."""
        return [one for one in self.for_worker if rebook.carrier(one) == self.unlisted]

    @property
    def doable(self) -> int:
        """How much it can finish."""
        return len(self.for_worker) - len(self.failing)


@dataclass(frozen=True, slots=True)
class Redelivery:
    """What a dead worker left: how many leases, and how much it had counted without an ack."""

    leases: int
    counted: int


def select_cancelled(facts: Facts) -> str:
    """The command that reads the flights that never left on the worst day."""
    worst = facts.worst
    return (
        f"mq consume flights --from {worst.begin} --until {worst.end}"
        " --where 'value.dep_time = null'"
    )


def hand_out_work(stage: Stage, facts: Facts) -> Work:
    """Scene 6: make messages of some records and settle three of them by hand."""
    stage.title("6. Some of it is work")
    stage.say(
        """A log keeps every record for everybody. It does not know single messages: nothing can be
        retried, delayed or finished by itself, and a record that can't be processed holds up
        everything behind it in its partition. But the passengers of each cancelled flight must be
        rebooked: by one worker, once, and a flight that gives trouble must not stop the others.
        That is what a queue is for. A message in it is leased to one worker and deleted when the
        worker says that it is done."""
    )
    stage.run(f"mq queue create {DLQ}")
    stage.run(f"mq queue create {QUEUE} --lease 5m --max-deliveries {MAX_DELIVERIES} --dlq {DLQ}")
    stage.say(f"We send it the flights that never left on {facts.worst.name}, from the topic:")
    stage.run(f"{select_cancelled(facts)} -F '%s\\n' | mq produce {QUEUE}")
    work = _find_work(stage, facts)
    _settle_by_hand(stage, work)
    return work


def _find_work(stage: Stage, facts: Facts) -> Work:
    sent = facts.worst.never_left
    with stage.open_store() as store:
        messages = store.messages(QUEUE, limit=sent + 1)
    stage.check(len(messages) == sent, f"{QUEUE} holds {len(messages)} messages, not {sent}")
    stage.check(sent > BY_HAND, f"only {sent} flights never left")
    of_worker = [messages[1], *messages[BY_HAND:]]
    carriers = Counter(rebook.carrier(message) for message in of_worker)
    return Work(messages, max(carriers, key=lambda carrier: (carriers[carrier], carrier)))


def _settle_by_hand(stage: Stage, work: Work) -> None:
    first, second, third = (_flight(message) for message in work.messages[:BY_HAND])
    stage.say(f"{BY_HAND} of the {len(work.messages):,} messages by hand. Take them:")
    stage.run(f"mq receive {QUEUE} -n {BY_HAND} -o name | tee receipts")
    stage.run("mq queue list", table=True)
    _check_queue(stage, ready=len(work.messages) - BY_HAND, leased=BY_HAND)
    stage.say(
        f"""They are ours for 5 minutes; others get the next ones. A receipt is what we settle one
        by. {first} is done, for {second} the line was busy, and with {third} there is nothing to
        do:"""
    )
    stage.run("sed -n 1p receipts | mq ack -")
    stage.run("sed -n 2p receipts | mq nack - --error 'line busy'")
    stage.run(f"sed -n 3p receipts | mq nack - --reject --error '{REFUSAL}'")
    stage.run("mq queue list", table=True)
    stage.run(f"mq peek {QUEUE} -n 2", table=True)
    _check_settled(stage, work)
    stage.say(
        f"""Each went its own way: {first} is deleted, {second} is ready again at its old place
        (DLV, its deliveries, is 1), and {third} went to the dead-letter queue. Nothing waited for
        anything."""
    )


def _check_settled(stage: Stage, work: Work) -> None:
    _check_queue(stage, ready=len(work.for_worker), leased=0)
    with stage.open_store() as store:
        left = [message.id for message in store.messages(QUEUE, limit=len(work.messages))]
        dead = [letter.id for letter in store.dead_letters(DLQ)]
    stage.check(left == [one.id for one in work.for_worker], "other messages are left than said")
    stage.check(dead == [work.messages[2].id], "the dead letter is not the third message")


def lose_a_worker(stage: Stage, work: Work) -> Redelivery:
    """Scene 7: the worker dies between its work and its ack; what it had comes again."""
    stage.title("7. Lose a worker")
    stage.say(
        f"""rebook.py does the rest, {rebook.BATCH} at a time. It may call the airlines in
        desks.txt, a list that lacks {work.unlisted}. It counts what it rebooked, then
        acknowledges. We let it die between the two, in its first batch:"""
    )
    carrier = 's/.*"carrier": *"\\(..\\)".*/\\1/'
    stage.run(f"sed '{carrier}' flights.ndjson | sort -u | grep -vx {work.unlisted} > desks.txt")
    stage.run_to_its_death("python rebook.py", {"MQ_CRASH_AT": f"commit.before:{rebook.FIRST_ACK}"})
    stage.run(f"mq lease list {QUEUE}", table=True, last=3)
    left = _find_leases(stage, work)
    _tell_leases(stage, left)
    stage.run(f"mq lease list {QUEUE} --no-header | cut -f 7 | mq extend - --for 0s")
    stage.run("python rebook.py")
    stage.run("python rebook.py --show")
    _check_counters(stage, work, left)
    stage.say(
        f"""Message by message the worker finished {work.doable:,}. The {left.counted} that it had
        counted and not acknowledged came again, as they must: the queue can't know how far it got.
        The adding counter counted them twice. The idempotent one asks tx.first_time with the
        message's id, which is remembered in the transaction that counts, and is right."""
    )
    return left


def _find_leases(stage: Stage, work: Work) -> Redelivery:
    batch = work.for_worker[: rebook.BATCH]
    with stage.open_store() as store:
        leased = {lease.address for lease in store.leases(QUEUE)}
    stage.check(leased == {one.address for one in batch}, f"{len(leased)} messages are leased")
    counted = read_counters(stage).get(rebook.ADDING, 0)
    expected = sum(rebook.carrier(message) != work.unlisted for message in batch)
    stage.check(counted == expected > 0, f"{counted} were counted before the crash")
    return Redelivery(len(leased), counted)


def _tell_leases(stage: Stage, left: Redelivery) -> None:
    with stage.open_store() as store:
        bookmarks = len(store.lag("audit"))
    stage.say(
        f"""{left.leases} messages in hand, {left.leases} leases: each with its holder, its end and
        its receipt, because each message is settled by itself. A group that read the topic keeps
        {bookmarks} numbers, whatever it has in hand. The queue is not told that the worker died;
        it waits until the leases end. We don't wait for 5 minutes but let them end now, and start
        the worker again:"""
    )


def read_counters(stage: Stage) -> dict[str, int]:
    """What the two counters of rebook.py say."""
    with stage.open_store() as store, store.transaction() as tx:
        return dict(tx.execute(rebook.SHOW))


def _check_counters(stage: Stage, work: Work, left: Redelivery) -> None:
    expected = {rebook.ADDING: work.doable + left.counted, rebook.IDEMPOTENT: work.doable}
    counters = read_counters(stage)
    stage.check(counters == expected, f"the counters are {counters}, not {expected}")


def queue_status(stage: Stage, name: str = QUEUE) -> QueueStatus:
    """The queue as it is now."""
    with stage.open_store() as store:
        return store.queue(name)


def _check_queue(stage: Stage, ready: int, leased: int) -> None:
    status = queue_status(stage)
    found = status.ready, status.leased
    stage.check(found == (ready, leased), f"{QUEUE} has {found} ready and leased")


def _flight(message: Message) -> str:
    flight = json.loads(message.value or b"null")
    return f"{flight['carrier']} {flight['flight']}"
