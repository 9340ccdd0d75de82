"""What the choice costs: bytes in the file, with no reader, with one and with four."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from store import Store
from store.model.text import describe_size

from ..stage import Stage

STORE = "cost.db"
READERS = 4
OFFSET_BYTES = 8


@dataclass(frozen=True, slots=True)
class Costs:
    """The size of the file at each step, in bytes, and what one reader keeps."""

    empty: int
    produced: int
    one_reader: int
    all_readers: int
    offsets: list[int]

    @property
    def log(self) -> int:
        """What the records take."""
        return self.produced - self.empty

    @property
    def for_readers(self) -> int:
        """What the readers added to it."""
        return self.all_readers - self.produced


def count_the_cost(stage: Stage) -> None:
    """Scene 5: measure the file as readers come."""
    stage.title("5. What it costs")
    stage.say("A new store, so that nothing else is in the file. First the records, no reader yet:")
    costs = _measure(stage)
    _tell_growth(stage, costs)


def _measure(stage: Stage) -> Costs:
    stage.run(f"mq -s {STORE} topic create flights --partitions 3 --retention forever")
    empty = _size(stage)
    stage.run(
        f"mq -s {STORE} produce flights -f flights.ndjson"
        " --key-from value.dest --timestamp-from value.time"
    )
    stage.run(f"mq -s {STORE} status | grep -w bytes")
    produced = _size(stage)
    stage.say("Then one reader, and three more:")
    _read_as(stage, 1)
    one = _size(stage)
    for number in range(2, READERS + 1):
        _read_as(stage, number)
    stage.run(f"mq -s {STORE} status | grep -w bytes")
    stage.run(f"mq -s {STORE} lag reader-1", table=True)
    with Store.open(stage.folder / STORE) as store:
        offsets = [row.committed or 0 for row in store.lag("reader-1")]
    return Costs(empty, produced, one, _size(stage), offsets)


def _read_as(stage: Stage, number: int) -> None:
    stage.run(f"mq -s {STORE} consume flights -g reader-{number} > /dev/null")


def _size(stage: Stage) -> int:
    """The pages of the file, with those that still stand in the write-ahead log."""
    with Store.open(stage.folder / STORE) as store:
        return store.status().bytes


def _tell_growth(stage: Stage, costs: Costs) -> None:
    rows = [
        ("empty, with the topic", costs.empty),
        ("after produce", costs.produced),
        ("after one reader", costs.one_reader),
        (f"after {READERS} readers", costs.all_readers),
    ]
    stage.say("The file in bytes, and how much it grew:")
    lines = [f"{rows[0][0]:<24}{rows[0][1]:>12,}"]
    for (_, before), (name, size) in pairwise(rows):
        lines.append(f"{name:<24}{size:>12,}{size - before:>+12,}")
    stage.show("\n".join(lines))
    stage.say(
        f"""A reader's state is one number per partition: {_listed(costs.offsets)}. Those
        {len(costs.offsets)} numbers of {OFFSET_BYTES} bytes make
        {len(costs.offsets) * OFFSET_BYTES} bytes, however much it has read; with what stands
        around them, {_growth(costs.for_readers)}."""
    )
    stage.say(
        f"""{READERS} readers on one log take {describe_size(costs.log + costs.for_readers)}
        together. {READERS} copies, one for each reader, would have taken
        {describe_size(READERS * costs.log)}."""
    )


def _growth(size: int) -> str:
    if size == 0:
        return f"{READERS} readers fitted into pages that the file had anyway"
    return f"{READERS} readers made the file grow by {describe_size(size)}"


def _listed(offsets: list[int]) -> str:
    return ", ".join(f"{offset:,}" for offset in offsets)
