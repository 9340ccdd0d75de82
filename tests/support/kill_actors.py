"""What the commands of a kill storm do, and the book of what they confirmed, printed and did."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from store import Store
from tests.support.kill_storm import COMMITS, Actor, Ended, Run

CONSUMED = ("consume.printed", "consumer.committed", *COMMITS)
WORKED = ("work.taken", "work.ran", *COMMITS)
PIPED = ("pipe.polled", "pipe.ran", *COMMITS)
CLOSED = (*COMMITS, "close.before", "close.after")
COPIED = ("draft.written", "draft.noted", "draft.renamed", "draft.alone")
FREED = ("commit.after", "checkpoint.after")
LEASES = ("20s", "30s")
POISON = "3"
"""A job whose line ends so fails whenever it is done."""
RECEIPT_SECONDS = 5
_BATCH = ("--batch", "5")
# One write, so that what a killed worker's command leaves behind is a whole line.
_NOTE = 'value=$(cat); echo "$value" >> {book}; '
_FAIL = f'case "$value" in *{POISON}) exit 1;; esac'


@dataclass
class Load:
    """A file that grows with each turn, and the command that goes on to load it."""

    folder: Path
    words: Sequence[str]
    name: str
    each: int
    line: Callable[[int], str]
    lines: list[str] = field(default_factory=list)

    def command(self) -> list[str]:
        """The command, which passes over what was stored before."""
        name = f"{self.name}.txt"
        return [*self.words, "--producer", self.name, "-f", name, *_BATCH]

    def turn(self, run: Run) -> None:
        """Let the file grow, and load it."""
        self.lines += map(self.line, range(len(self.lines), len(self.lines) + self.each))
        text = "".join(f"{line}\n" for line in self.lines)
        (self.folder / f"{self.name}.txt").write_text(text)
        run(*self.command())


@dataclass
class Works:
    """A store for a storm of commands, and the book of what came of them."""

    path: Path
    loads: dict[str, Load] = field(default_factory=dict)
    confirmed: dict[tuple[int, int], str] = field(default_factory=dict)
    printed: dict[tuple[int, int], str] = field(default_factory=dict)
    repeated: int = 0
    acking: set[str] = field(default_factory=set)
    acked: set[str] = field(default_factory=set)
    _turns: Iterator[int] = field(default_factory=count)

    @property
    def folder(self) -> Path:
        """Where the store, the loads and the books are."""
        return self.path.parent

    def prepare(self) -> None:
        """Create what the commands work on, and how they load it."""
        with Store.open(self.path, create=True, durability="normal") as store:
            for topic in ("beats", "log", "out", "fed", "parcels"):
                store.create_topic(topic, retention=None)
            store.create_topic("in", partitions=2, retention=None)
            store.create_topic("table", cleanup="compact")
            store.create_queue("jobs.dead")
            store.create_queue("jobs", max_deliveries=3, dlq="jobs.dead")
            store.create_queue("feed")
            store.create_share("packers", "parcels")
            store.create_exchange("events", "fanout")
            store.bind("events", "feed")
            store.bind("events", "log")
        for number, lease in enumerate(LEASES):
            queues = (f"  q{at}: {{lease: {lease}}}\n" for at in range(3))
            text = "version: 1\nqueues:\n" + "".join(queues)
            (self.folder / f"{number}.yaml").write_text(text)
        self._load("load", ["produce", "in", "-k", "load"], 20)
        self._load("job", ["produce", "jobs"], 6)
        self._load("parcel", ["produce", "parcels"], 6)
        self._load("event", ["publish", "events", "-k", "any"], 10)
        self._load("table", ["produce", "table", "-K", ":"], 20, lambda n: f"k{n % 7}:{n}")

    def _load(
        self, name: str, words: Sequence[str], each: int, line: Callable[[int], str] | None = None
    ) -> None:
        self.loads[name] = Load(self.folder, words, name, each, line or (lambda n: f"{name} {n}"))

    def actors(self) -> list[Actor]:
        """Everything that goes on at once."""
        return [
            *(Actor(f"load {load.name}", load.turn) for load in self.loads.values()),
            Actor("plain", self._plain),
            Actor("reader", self._read, CONSUMED, latest=1),
            Actor("worker", self._work, WORKED),
            Actor("hands", self._hands, latest=1),
            Actor("redriver", self._redrive, latest=1),
            Actor("packer", self._pack, WORKED),
            Actor("copier", lambda run: run(*pipe("in", "out", "-g", "copier")), PIPED),
            Actor("feeder", lambda run: run(*pipe("feed", "fed")), PIPED),
            Actor("compactor", self._compact, FREED, latest=1),
            Actor("settings", self._set, CLOSED, latest=1),
            Actor("backup", self._back_up, COPIED, latest=1),
        ]

    def _plain(self, run: Run) -> None:
        name = f"plain{next(self._turns)}"
        lines = "".join(f"{name} {number}\n" for number in range(20))
        ended = run("produce", "in", "-k", name, "-o", "ndjson", *_BATCH, stdin=lines)
        for number, line in enumerate(ended.lines):
            told = json.loads(line)
            place = (told["partition"], told["offset"])
            assert place not in self.confirmed, "an offset was confirmed twice"
            self.confirmed[place] = f"{name} {number}"

    def _read(self, run: Run) -> None:
        self.note_printed(run(*read()))

    def note_printed(self, ended: Ended) -> None:
        """Take in what a reader printed."""
        for line in ended.lines:
            partition, offset, value = line.split(" ", 2)
            place = (int(partition), int(offset))
            self.repeated += place in self.printed
            assert self.printed.get(place, value) == value, "an offset had two values"
            self.printed[place] = value

    def _work(self, run: Run) -> None:
        # One that follows is always killed.
        once = ["--once"] if next(self._turns) % 4 else []
        run(*work("jobs", "jobs.book", *once, fails=True), fine={0, 1})

    def _pack(self, run: Run) -> None:
        run(*work("packers", "share.book", "--once"))

    def _hands(self, run: Run) -> None:
        lines = run("receive", "jobs", "-n", "3", "--lease", f"{RECEIPT_SECONDS}s").lines
        messages: list[Any] = [json.loads(line) for line in lines]
        failed, good = (messages[0] if messages else None), messages[1:]
        for message in good:
            self.acking.add(message["value"])
            # Where it took long, somebody else has the message by now.
            if run("ack", message["receipt"], fine={0, 4}).code == 0:
                self.acked.add(message["value"])
        if failed is not None:
            run("nack", failed["receipt"], "--error", "by hand", "--delay", "0s", fine={0, 4})

    def _redrive(self, run: Run) -> None:
        # There may be nothing to move, or to take back.
        run("dlq", "redrive", "jobs", "-n", "5", fine={0, 3})
        run("dlq", "undo", fine={0, 3, 4})

    def _compact(self, run: Run) -> None:
        run("topic", "compact", "table")
        run("vacuum")

    def _set(self, run: Run) -> None:
        run("apply", f"{next(self._turns) % 2}.yaml", "--yes")
        run("queue", "alter", "feed", "--lease", f"{20 + next(self._turns) % 9}s")
        with Store.open(self.path) as store:
            leases = {one.config.lease for one in store.queues() if one.name.startswith("q")}
        assert len(leases) <= 1, "half of a topology was applied"

    def _back_up(self, run: Run) -> None:
        name = f"backup{next(self._turns)}.db"
        if run("backup", name).code == 0:
            run("restore", name, "--to", "restored.db", "--yes")

    def copies(self) -> list[Path]:
        """Whatever stands under the name of a backup, or of what one was restored to."""
        return [*self.folder.glob("backup*.db"), *self.folder.glob("restored.db")]

    def book(self, name: str) -> list[str]:
        """What the commands of workers wrote down."""
        book = self.folder / name
        return book.read_text().splitlines() if book.exists() else []


def read() -> list[str]:
    """The command that prints what the group has not read."""
    return ["consume", "in", "-g", "readers", "-F", r"%p %o %s\n"]


def pipe(source: str, target: str, *more: str) -> list[str]:
    """The command that copies from one to the other to the end."""
    return ["pipe", source, target, *more, "--once", *_BATCH, "--", "sed", "s/^/done /"]


def work(source: str, book: str, *more: str, fails: bool = False) -> list[str]:
    """The command that writes what it is given into a book, and fails on poison."""
    words = ["work", source, "--jobs", "2", "--prefetch", "4", "--retry-delay", "0s", *more]
    return [*words, "--", "sh", "-c", _NOTE.format(book=book) + (_FAIL if fails else "")]


def numbers(lines: Iterable[str], name: str) -> list[int]:
    """The numbers of the lines of one load, in order."""
    pairs = (line.split() for line in lines)
    return [int(number) for who, number in pairs if who == name]
