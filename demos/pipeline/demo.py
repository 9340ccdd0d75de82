"""The story of `mq demo pipeline`: stages that hand work on, and a poison document."""

from __future__ import annotations

import json
from pathlib import Path

from ..stage import Stage, Writer

ABOUT = "stages that hand work on, idempotent steps, a poison document"
HERE = Path(__file__).parent
FILES = ("topology.yaml", "make_data.py", "extract.py", "index.py")
FATAL = "doc-5"
EXTRACT = "mq work documents -- python extract.py"
EXTRACT_ONCE = "mq work documents --once -- python extract.py"
INDEX = "mq work texts --once --jobs 2 -- python index.py"


def tell(writer: Writer, folder: Path, store: Path | None) -> None:
    """Tell the story in an empty folder; with `store`, in that store, which is kept.

    Raises StoryFailed when a command fails or something is not as the story says.
    """
    stage = Stage(writer, folder, store)
    stage.title("Pipeline: documents pass from stage to stage, and none is lost or stuck")
    stage.say(
        """Each stage is a queue and a program. Work is handed out one document at a time, to as
        many workers as there are; a document that is done is gone. That is the queue's end of the
        axis."""
    )
    stage.set_up(HERE, FILES)
    stage.run("mq apply topology.yaml")
    stage.run("echo text > formats.txt")
    stage.run("python make_data.py | mq produce documents")
    documents = _count(stage, "documents")
    _die_between(stage)
    poisoned = _go_on(stage, documents)
    _index(stage, documents - poisoned)
    _look(stage, poisoned)
    _send_back(stage, documents)


def _count(stage: Stage, queue: str) -> int:
    with stage.open_store() as store:
        return store.queue(queue).messages


def _die_between(stage: Stage) -> None:
    stage.title("A worker dies at the worst moment")
    stage.say(
        f"""extract.py hands the text on, then ends with 0, and `mq work` acknowledges. Here the
        worker is killed with kill -9 between the two, at {FATAL}: the text has gone on, and the
        document is not acknowledged."""
    )
    stage.run_to_its_death(EXTRACT_ONCE, {"DIE_AFTER": FATAL})
    times = _texts(stage).count(FATAL)
    stage.check(times == 1, f"{FATAL} was handed on {times} times")


def _texts(stage: Stage) -> list[str]:
    with stage.open_store() as store:
        return [json.loads(message.value or b"")["id"] for message in store.messages("texts")]


def _go_on(stage: Stage, documents: int) -> int:
    stage.say("Another worker goes on at once with all that was not acknowledged.")
    with stage.beside(EXTRACT):
        stage.wait_until(lambda store: store.queue("documents").messages == 0, "documents are left")
    poisoned = _count(stage, "failed")
    handed_on = _texts(stage)
    stage.check(poisoned > 0, "no document was poison")
    stage.check(len(set(handed_on)) == documents - poisoned, "a document was lost")
    stage.check(handed_on.count(FATAL) == 2, f"{FATAL} was not handed on twice")
    stage.run("mq queue list", table=True)
    stage.say(
        f"""Nothing is lost, but {FATAL} was handed on twice: {len(handed_on)} texts of
        {documents - poisoned} documents. That is what "at least once" means, here and in SQS and
        RabbitMQ. {poisoned} documents failed three times and lie in `failed`; no other document
        waited for them."""
    )
    return poisoned


def _index(stage: Stage, documents: int) -> None:
    stage.title("So the next step is idempotent")
    stage.run(INDEX)
    shown = stage.run("python index.py --show")
    stage.check(shown.strip() == f"{documents} documents, indexed {documents + 1} times", shown)
    stage.say(
        f"""index.py ran {documents + 1} times and the index holds {documents} documents: the id
        is the primary key, so the repetition replaced a row by itself. A program that adds up, or
        sends a mail, would have done it twice."""
    )


def _look(stage: Stage, poisoned: int) -> None:
    stage.title("The poison")
    grouped = stage.run("mq dlq peek failed --group-by error", table=True)
    stage.check("unknown format fax" in grouped, "the reason is not told")
    stage.say(
        f"""{poisoned} letters and one reason: the last line that extract.py wrote to stderr.
        Messages that differ only in numbers count as the same."""
    )


def _send_back(stage: Stage, documents: int) -> None:
    stage.title("After the fix: a canary first")
    stage.run("echo fax >> formats.txt")
    stage.say(
        """Now the letters may go back. `--canary 1` sends one, waits until a worker has
        acknowledged it, and only then sends the others. If the fix were none, one document would
        fail again, not all of them."""
    )
    with stage.beside(EXTRACT):
        stage.run("mq dlq redrive failed --canary 1", table=True)
        stage.wait_until(lambda store: store.queue("documents").messages == 0, "documents are left")
    stage.check(_count(stage, "failed") == 0, "letters are left")
    stage.run(INDEX)
    shown = stage.run("python index.py --show")
    stage.check(shown.startswith(f"{documents} documents"), f"the index holds {shown}")
    stage.run("mq queue list", table=True)
    stage.say(
        f"""All {documents} documents are indexed, and the queues are empty: their state is what is
        in flight, and nothing is. What a queue can't do is run last week's documents through a
        better extractor; if you want that, keep them in a topic and give the stages a share."""
    )
