"""What becomes of work that fails: looked at, fixed, sent back, and taken back once."""

from __future__ import annotations

from store.model.messages import Message

from ..stage import Stage
from . import rebook
from .queue_scenes import (
    DLQ,
    MAX_DELIVERIES,
    QUEUE,
    REFUSAL,
    Redelivery,
    Work,
    queue_status,
    read_counters,
)


def mend(stage: Stage, work: Work, left: Redelivery) -> None:
    """Scene 8: look at the dead letters, send them back too early, undo it, mend, try again."""
    letters = _look(stage, work)
    _redrive_too_early(stage, letters)
    _redrive_mended(stage, work, left)


def _look(stage: Stage, work: Work) -> list[Message]:
    stage.title("8. Look, undo, mend")
    stage.say(
        f"""And the flights of {work.unlisted}? The worker gave each back with an error. After
        {MAX_DELIVERIES} deliveries a message goes to the dead-letter queue, out of the way of the
        others:"""
    )
    stage.run(f"mq dlq peek {QUEUE} --group-by error", table=True)
    stage.run(f"mq dlq peek {QUEUE} -n 3 | cut -f 5,8,10")
    letters = _letters(stage)
    _check_letters(stage, work, letters)
    stage.say(
        f"""{len(letters):,} dead letters of two kinds: {len(work.failing):,} that used up their
        {MAX_DELIVERIES} deliveries, and the one we rejected. Each still has its value, its id and
        the reason of its death."""
    )
    return letters


def _check_letters(stage: Stage, work: Work, letters: list[Message]) -> None:
    waiting = queue_status(stage).messages
    stage.check(waiting == 0, f"{waiting} messages are still in {QUEUE}")
    expected = {message.id for message in [work.messages[2], *work.failing]}
    stage.check({letter.id for letter in letters} == expected, "other messages died than failed")
    dead = [letter.dead for letter in letters if letter.dead is not None]
    deliveries = {one.deliveries for one in dead if one.reason == "max_deliveries"}
    stage.check(deliveries == {MAX_DELIVERIES}, f"letters died after {deliveries} deliveries")
    errors = {one.error for one in dead}
    named = {f"no rebooking desk for airline '{work.unlisted}'", REFUSAL}
    stage.check(errors == named, f"the errors are {errors}")


def _redrive_too_early(stage: Stage, letters: list[Message]) -> None:
    stage.say("A redrive sends them back to the queue they came from:")
    stage.run(f"mq dlq redrive {QUEUE}", table=True, last=2)
    back = queue_status(stage).ready
    stage.check(back == len(letters), f"{back} messages were redriven, not {len(letters)}")
    stage.say(
        """Too early! desks.txt is as it was, and the rejected one went along. As long as no
        worker has taken them, that can be undone:"""
    )
    stage.run("mq dlq undo", table=True, last=2)
    again = _letters(stage)
    stage.check(
        [(one.id, one.value, one.dead) for one in letters]
        == [(one.id, one.value, one.dead) for one in again],
        "the undo did not bring back what was there",
    )
    stage.say(
        f"""{len(again):,} dead letters again, each as it was: same id, same error, same history.
        Now mend the worker first, and send back only what can succeed:"""
    )


def _redrive_mended(stage: Stage, work: Work, left: Redelivery) -> None:
    stage.run(f"echo {work.unlisted} >> desks.txt")
    stage.run(f"mq dlq redrive {QUEUE} --where 'dead.reason = max_deliveries'", table=True, last=2)
    stage.run("python rebook.py")
    stage.run("python rebook.py --show")
    stage.run("mq queue list", table=True)
    counters = read_counters(stage)
    expected = {
        rebook.ADDING: len(work.for_worker) + left.counted,
        rebook.IDEMPOTENT: len(work.for_worker),
    }
    stage.check(counters == expected, f"the counters are {counters}, not {expected}")
    status = queue_status(stage)
    stage.check(status.ready == 0, f"{status.ready} messages are left in {QUEUE}")
    stage.check(len(_letters(stage)) == 1, "another letter is left than the rejected one")
    stage.say(
        f"""All {len(work.failing):,} are rebooked now. {len(work.messages):,} were sent: 1 was done
        by hand, 1 is a dead letter, and the worker rebooked {counters[rebook.IDEMPOTENT]:,}. The
        counter that only adds says {counters[rebook.ADDING]:,}, and will never find out."""
    )


def _letters(stage: Stage) -> list[Message]:
    with stage.open_store() as store:
        return store.dead_letters(DLQ)
