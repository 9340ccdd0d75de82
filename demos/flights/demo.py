"""The story of `mq demo flights`: every command is run, every number is looked up."""

from __future__ import annotations

from pathlib import Path

from ..stage import Stage, Writer
from .cost_scenes import count_the_cost
from .crash_scenes import count_exactly_once, lose_a_process
from .dead_letter_scenes import mend
from .log_scenes import replay_a_day, store_it, two_groups
from .memory_scenes import close, compare_memories
from .queue_scenes import hand_out_work, lose_a_worker

ABOUT = "a blizzard: a log, its replay, and the work that comes of it"
HERE = Path(__file__).parent
FILES = ("flights.ndjson", "tally.py", "rebook.py")


def tell(writer: Writer, folder: Path, store: Path | None) -> None:
    """Tell the story in an empty folder; with `store`, in that store, which is kept.

    Raises StoryFailed when a command fails or something is not as the story says.
    """
    stage = Stage(writer, folder, store)
    _prepare(stage)
    with stage.meanwhile(count_the_cost) as print_the_cost:
        facts = store_it(stage)
        two_groups(stage, facts)
        replay_a_day(stage, facts)
        lose_a_process(stage, facts)
        count_exactly_once(stage, facts)
        print_the_cost()
    work = hand_out_work(stage, facts)
    left = lose_a_worker(stage, work)
    mend(stage, work, left)
    compare_memories(stage, facts, work, left)
    close(stage, kept=store is not None)


def _prepare(stage: Stage) -> None:
    stage.title("Flights out of New York, February 2013, when a blizzard came")
    stage.say(
        """Everything below is really run; type it yourself if you like. We need an empty folder,
        the data and two scripts, and a store. Long output is cut short (…)."""
    )
    stage.set_up(HERE, FILES)
