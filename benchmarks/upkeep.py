"""What retention and compaction cost those who produce meanwhile.

    python benchmarks/upkeep.py [--seconds S] [--rounds N]

Four processes produce, one keyed record a call, to a topic of four partitions. In each round they
do so to three topics in turn: one that keeps everything, one at its size limit, so that each append
removes what is too much, and one whose values are replaced all the time, so that producers compact
it again and again. Told are milliseconds a call, and the ratio of the 99th percentile to that of
the topic which keeps everything, the median of the rounds. By default 7 rounds of 3 seconds each, a
minute and a half with filling. A ratio over 2 is a fault, and the exit status says so.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles

import harness

from store import NewRecord, Store

GOAL = 2.0
PRODUCERS = 4
PARTITIONS = 4
KEYS = 10_000
LIMIT = 4_000_000
VALUE = b"x" * 100
TOPICS = ("kept", "at its size limit", "compacted")

WORK = """
import json, random, sys
from time import perf_counter
from store import Store
path, keys = sys.argv[1], int(sys.argv[2])
value, any_of = b"x" * 100, random.Random()
with Store.open(path) as store:
    for line in sys.stdin:
        topic, seconds = json.loads(line)
        took, end = [], perf_counter() + seconds
        while (began := perf_counter()) < end:
            store.produce(topic, value, key=b"%d" % any_of.randrange(keys))
            took.append(perf_counter() - began)
        print(json.dumps(took), flush=True)
"""


@dataclass(frozen=True)
class Row:
    """Calls on one topic: milliseconds, medians of the rounds, and what was removed meanwhile."""

    topic: str
    per_second: float
    p50: float
    p99: float
    longest: float
    removed: int
    ratio: float
    least: float
    most: float


@dataclass(frozen=True)
class Phase:
    """What four producers did in some seconds; times in milliseconds."""

    per_second: float
    p50: float
    p99: float
    longest: float


def fill(store: Store, limit: int) -> None:
    """Each topic as it is after a while: at its limit, with a value for every key."""
    kept, limited, compacted = map(topic_name, TOPICS)
    store.create_topic(kept, partitions=PARTITIONS, retention=None)
    store.create_topic(limited, partitions=PARTITIONS, retention_bytes=limit)
    store.create_topic(compacted, partitions=PARTITIONS, cleanup="compact")
    for topic in (kept, limited, compacted):
        for _ in range(0, 2 * PARTITIONS * limit // len(VALUE), KEYS):
            records = [NewRecord(VALUE, key=b"%d" % number) for number in range(KEYS)]
            store.produce_many(topic, records)


def topic_name(topic: str) -> str:
    """What the store calls it."""
    return topic.replace(" ", "-")


def start(command: Sequence[str]) -> subprocess.Popen[str]:
    """A producer that waits to be told a topic and for how long."""
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def work(producers: Sequence[subprocess.Popen[str]], topic: str, seconds: float) -> Phase:
    """Let all produce at once."""
    for producer in producers:
        assert producer.stdin is not None
        producer.stdin.write(json.dumps([topic, seconds]) + "\n")
        producer.stdin.flush()
    took = []
    for producer in producers:
        assert producer.stdout is not None
        took += [call * 1000 for call in json.loads(producer.stdout.readline())]
    cuts = quantiles(took, n=100)
    return Phase(len(took) / seconds, cuts[49], cuts[98], max(took))


def removed(store: Store, topic: str) -> int:
    """How many records have left it so far."""
    return sum(one.end - one.records for one in store.topic(topic).partitions)


def measure(path: Path, limit: int, rounds: int, seconds: float) -> list[Row]:
    """Let the topics take turns."""
    phases: dict[str, list[Phase]] = {topic: [] for topic in TOPICS}
    with ExitStack() as stack:
        store = stack.enter_context(Store.open(path, create=True, durability="normal"))
        fill(store, limit)
        command = [sys.executable, "-c", WORK, str(path), str(KEYS)]
        producers = [stack.enter_context(start(command)) for _ in range(PRODUCERS)]
        before = {topic: removed(store, topic_name(topic)) for topic in TOPICS}
        for number in range(rounds):
            for turn in range(len(TOPICS)):
                topic = TOPICS[(number + turn) % len(TOPICS)]
                phases[topic].append(work(producers, topic_name(topic), seconds))
        gone = {topic: removed(store, topic_name(topic)) - before[topic] for topic in TOPICS}
    return [row(topic, phases[topic], phases[TOPICS[0]], gone[topic]) for topic in TOPICS]


def row(topic: str, phases: Sequence[Phase], kept: Sequence[Phase], gone: int) -> Row:
    """The medians, and how the 99th percentiles of the same rounds compare."""
    ratios = [one.p99 / other.p99 for one, other in zip(phases, kept, strict=True)]
    return Row(
        topic,
        round(median(one.per_second for one in phases)),
        round(median(one.p50 for one in phases), 3),
        round(median(one.p99 for one in phases), 3),
        round(max(one.longest for one in phases), 1),
        gone,
        round(median(ratios), 2),
        round(min(ratios), 2),
        round(max(ratios), 2),
    )


def main() -> int:
    """Measure all three topics; 1 when a ratio is above the goal."""
    parser = harness.options(__doc__)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each turn (3)")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--limit", type=int, default=LIMIT, help="bytes a partition (4,000,000)")
    given = parser.parse_args()
    where = harness.machine()
    with tempfile.TemporaryDirectory() as folder:
        rows = measure(Path(folder) / "store.db", given.limit, given.rounds, given.seconds)
    heads = (
        "topic", "calls/s", "p50 ms", "p99 ms", "max ms", "removed", "p99 ratio", "least", "most",
    )  # fmt: skip
    lines = [
        (r.topic, r.per_second, r.p50, r.p99, r.longest, r.removed, r.ratio, r.least, r.most)
        for r in rows
    ]
    document = {"machine": where, "goal": GOAL, "rows": rows}
    harness.publish(given, harness.columns(heads, lines), document)
    return int(any(row.ratio > GOAL for row in rows))


if __name__ == "__main__":
    sys.exit(main())
