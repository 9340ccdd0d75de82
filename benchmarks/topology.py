"""How long a large topology takes: to validate, plan, apply, plan again and export.

    python benchmarks/topology.py [SIZE …]

Sizes are in objects; it prints seconds, the best of three for what changes nothing. The default
takes 15 seconds. Planning 5,000 objects has to stay under 2 seconds.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import harness

from store import Store
from store.topology.checks import validate
from store.topology.reading import TopologyFile

SIZES = [50, 500, 5_000]
TRIALS = 3


@dataclass
class Row:
    """One size, in seconds; `plan` is against an empty store, `no_change` after it was applied."""

    objects: int
    kilobytes: int
    validate: float
    plan: float
    apply: float
    no_change: float
    every_change: float
    export: float


def topology(objects: int, lease: str = "1m") -> TopologyFile:
    """A fifth each of topics, queues, dead-letter queues, bindings and groups."""
    count = objects // 5
    lines = ["version: 1", "topics:"]
    lines += [f"  t{n}: {{partitions: 3, retention: 3d}}" for n in range(count)]
    lines += ["queues:"]
    lines += [
        f"  q{n}: {{lease: {lease}, dlq: q{n}.dead, retry_delays: [5s, 1m]}}" for n in range(count)
    ]
    lines += [f"  q{n}.dead: {{}}" for n in range(count)]
    lines += ["exchanges:", "  events: {type: topic}", "bindings:"]
    lines += [f'  - {{from: events, to: q{n}, key: "order.{n}.#"}}' for n in range(count)]
    lines += ["groups:"]
    lines += [f"  g{n}: {{topics: [t{n}], max_lag: 1000}}" for n in range(count)]
    return TopologyFile("large.yaml", "\n".join(lines).encode())


def seconds(call: Callable[[], object], trials: int = TRIALS) -> float:
    """The best of some trials."""
    return round(min(harness.microseconds(call) for _ in range(trials)) / 1e6, 3)


def measure(objects: int, folder: Path) -> Row:
    """One row, in a new store."""
    source, changed = topology(objects), topology(objects, lease="2m")
    with Store.open(folder / f"{objects}.db", create=True, durability="normal") as store:
        return Row(
            objects=objects,
            kilobytes=len(source.content) // 1024,
            validate=seconds(lambda: validate([source])),
            plan=seconds(lambda: store.plan([source])),
            apply=seconds(lambda: store.apply([source]), trials=1),
            no_change=seconds(lambda: store.plan([source])),
            every_change=seconds(lambda: store.plan([changed])),
            export=seconds(store.export),
        )


def main() -> None:
    """Measure every size."""
    parser = harness.options(__doc__)
    parser.add_argument("size", nargs="*", type=int, default=SIZES)
    given = parser.parse_args()
    where = harness.machine()
    with tempfile.TemporaryDirectory() as folder:
        rows = [measure(size, Path(folder)) for size in given.size]
    lines = [tuple(asdict(row).values()) for row in rows]
    table = harness.columns([name.replace("_", " ") for name in asdict(rows[0])], lines)
    harness.publish(given, table, {"machine": where, "rows": rows})


if __name__ == "__main__":
    main()
