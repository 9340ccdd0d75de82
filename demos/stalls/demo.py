"""The story of `mq demo stalls`: one message stops a partition, a message group, and a share."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ..stage import Stage, Writer

ABOUT = "one message stops a partition, a message group, a share"
HERE = Path(__file__).parent
FILES = ("topology.yaml", "make_data.py", "bill.py")
BILL = "mq work payments -g billing --once -- python bill.py"
PICTURES = 8


def tell(writer: Writer, folder: Path, store: Path | None) -> None:
    """Tell the story in an empty folder; with `store`, in that store, which is kept.

    Raises StoryFailed when a command fails or something is not as the story says.
    """
    stage = Stage(writer, folder, store)
    stage.title("Stalls: where one message holds up others, and how it is ended")
    stage.say(
        """Wherever there is an order to keep, something waits for something. Which message it is,
        and what waits for it, depends on where the workload lies on the axis."""
    )
    stage.set_up(HERE, FILES)
    stage.run("mq apply topology.yaml")
    _partition(stage)
    _message_group(stage)
    _share(stage)
    _compare(stage)


def _stall(stage: Stage, kind: str) -> dict[str, Any]:
    """Show the stalls, and return the one of the kind, which must be the only one."""
    stage.run("mq stalls --over 0s", table=True)
    stalls = json.loads(stage.run_unseen("mq stalls --over 0s -o json"))
    stage.check(
        [stall["kind"] for stall in stalls] == [kind], f"{len(stalls)} stalls are not one {kind}"
    )
    stall: dict[str, Any] = stalls[0]
    return stall


def _check_none(stage: Stage) -> None:
    stalls = json.loads(stage.run_unseen("mq stalls --over 0s -o json"))
    stage.check(not stalls, f"{len(stalls)} stalls are left")


def _partition(stage: Stage) -> None:
    stage.title("1. A poison record stops its partition")
    stage.run("python make_data.py | mq produce payments -K :")
    stage.say(
        """Billing reads `payments` as a group: one number for each partition, everything below it
        is done. So it can't commit a record before the one in front of it, and one of these fails
        every time:"""
    )
    for _ in range(2):
        stage.run_refused(BILL)
    stall = _stall(stage, "group")
    stage.check(stall["cause"] == "poison", f"the cause is {stall['cause']}")
    stage.say(
        f"""mq names the record that blocks ({stall["blocker"]}), why, since when, and how many of
        its partition wait. The other partition went on. We keep a copy of the record for later,
        and pass over it:"""
    )
    stage.run(f"mq group skip billing {stall['blocker']} --to-dlq set-aside")
    stage.run(BILL)
    _check_none(stage)
    stage.say("(`mq group alter billing --max-deliveries 5 --dlq set-aside` does that by itself.)")


def _message_group(stage: Stage) -> None:
    stage.title("2. A slow worker stops a message group")
    stage.say(
        """A FIFO queue keeps the order of each message group: here, of each customer. A worker has
        taken Ada's first refund and does not answer (its lease ends in an hour):"""
    )
    stage.run("mq produce refunds 'first' 'second' 'third' --message-group ada")
    stage.run("mq produce refunds 'first' --message-group bob")
    stage.run("mq receive refunds > held.json")
    stage.run("mq work refunds --once -- xargs echo done:")
    stall = _stall(stage, "fifo")
    stage.check(stall["cause"] == "held", f"the cause is {stall['cause']}")
    stage.check(stall["blocked"] == 2, f"{stall['blocked']} messages wait")
    stage.say(
        f"""Bob's refund went through, and {stall["blocked"]} of Ada's wait: a message group is a
        lane of its own, and there may be millions. The holder is named above; if it is gone, take
        the message from it, and its receipt is worth nothing from then on:"""
    )
    stage.run(f"mq lease release {stall['blocker']}")
    stage.run("mq work refunds --once -- xargs echo done:")
    _check_none(stage)


def _share(stage: Stage) -> None:
    stage.title("3. An unfinished record stops a share once its window is full")
    stage.say(
        """A share hands out the records of a topic one by one, as a queue does: none waits for
        another. But it remembers what is done above the oldest unfinished record, and that memory
        is bounded: here to 5 records, usually to 2,000."""
    )
    stage.run(f"seq -f 'picture %g' {PICTURES} | mq produce pictures")
    stage.run("mq receive thumbnails > held.json")
    stage.run("mq work thumbnails --once -- xargs echo done:")
    stall = _stall(stage, "share")
    stage.check(stall["cause"] == "held", f"the cause is {stall['cause']}")
    stage.say(
        f"""Four pictures overtook {stall["blocker"]}; then the window was full, and
        {stall["blocked"]} wait. Finish it, and the window moves on:"""
    )
    stage.run("mq ack - < held.json")
    stage.run("mq work thumbnails --once -- xargs echo done:")
    _check_none(stage)


def _compare(stage: Stage) -> None:
    stage.title("What waits for what")
    stage.show(
        """reader          one message holds up      until it is
group           its partition             processed, or skipped
FIFO queue      its message group         acknowledged
share           nothing, then the window  acknowledged, or skipped
standard queue  nothing                   -"""
    )
    stage.say(
        """`mq stalls --watch 1s` and the dashboard show all of this as it happens; `mq stalls
        --exit-code` ends with 10 for a script that watches. Choose the weakest order that the work
        needs, and the smallest thing that carries it."""
    )
