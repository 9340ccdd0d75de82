"""The story of `mq demo single-active`: one reader works, another takes over when it dies."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from subprocess import Popen
from time import monotonic

from store import Store

from ..stage import Stage, Writer

ABOUT = "one reader works, and another takes over when it dies"
TAKEN_OVER_WITHIN = 5.0


def tell(writer: Writer, folder: Path, store: Path | None) -> None:
    """Tell the story in an empty folder; with `store`, in that store, which is kept.

    Raises StoryFailed when a command fails or something is not as the story says.
    """
    stage = Stage(writer, folder, store)
    stage.say(
        """One partition, and two readers in one group. A partition has one reader at a time: the
        other one stands by, as with RabbitMQ's single active consumer."""
    )
    if not stage.store_path.exists():
        stage.run("mq init")
    stage.run("mq topic create jobs")
    with ExitStack() as readers:
        _take_over(stage, readers)


def _take_over(stage: Stage, readers: ExitStack) -> None:
    first = _start(stage, readers, "first")
    stage.run("mq produce jobs 1 2 3")
    _expect(stage, "first", first, "1", "2", "3")
    second = _start(stage, readers, "second")
    stage.wait_until(_both_are_there, "the second reader did not join")
    stage.run("mq group members workers", table=True)
    stage.show_command("kill -9 %1")
    first.kill()
    begin = monotonic()
    stage.run("mq produce jobs 4 5 6")
    _expect(stage, "second", second, "4", "5", "6")
    seconds = monotonic() - begin
    stage.check(seconds < TAKEN_OVER_WITHIN, f"taking over took {seconds:.1f} s")
    stage.say(
        f"""The second took over {seconds:.1f} s after the first was killed, and went on where the
        first had committed: nothing is missing, the order is kept."""
    )
    stage.run("mq group members workers", table=True)


def _start(stage: Stage, readers: ExitStack, name: str) -> Popen[bytes]:
    # The time for which the second one stands by, at most.
    words = f"consume jobs -g workers --member {name} --follow --timeout 1h"
    stage.show_command(f"mq {words} &")
    reader = readers.enter_context(stage.start("-m", "mq", *words.split()))
    readers.callback(reader.kill)
    return reader


def _expect(stage: Stage, name: str, reader: Popen[bytes], *values: str) -> None:
    for value in values:
        printed = reader.stdout.readline().decode().rstrip("\n") if reader.stdout else ""
        stage.show(f"{name}: {printed}")
        stage.check(printed == value, f"{name} should have printed {value}")


def _both_are_there(store: Store) -> bool:
    """Return whether both are members, and the first has committed what it printed."""
    group = store.group("workers")
    return len(group.members) == 2 and group.offsets[0].committed == 3
